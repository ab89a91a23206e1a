# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""``init()``: off is nothing, on is one agent, bad is one line."""

import socket
import unittest

from osdbg import bootstrap
from tests.functional.fresh import armed
from tests.unit import fresh

PRELUDE = '''
import os, sys, time
def tasks():
    return len(os.listdir('/proc/self/task'))
'''


class TestOff(armed.ArmedTestCase):
    def test_nothing_happens(self):
        self.assert_ok(
            PRELUDE
            + """
import osdbg
assert osdbg.init() is None
assert osdbg.status() is None
assert tasks() == 1
heavy = {'threading', 'logging', 'socket', 'osdbg.agent', 'osdbg.opts',
         'osdbg.gateway', 'debugpy', 'pydevd', 'oslo_config', 'eventlet'}
print(*heavy & set(sys.modules) or ['OK'])
"""
        )

    def test_with_a_conf(self):
        self.assert_ok(
            PRELUDE
            + """
import osdbg
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf([], project='x', default_config_files=[])
assert osdbg.init(conf) is None
assert tasks() == 1
assert 'osdbg.agent' not in sys.modules
print('OK')
"""
        )

    def test_called_too_early(self):
        done = fresh.run(
            'import osdbg\n'
            'from oslo_config import cfg\n'
            'print(osdbg.init(cfg.ConfigOpts()))\n'
        )
        self.assertEqual('None\n', done.stdout)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('call it after', done.stderr)

    def test_breakpoints_are_passed(self):
        self.assert_ok(
            """
            import logging, sys
            import osdbg
            osdbg.breakpoint()
            osdbg.breakpoint('any', thing=1)
            osdbg.set_trace()
            class Keep(logging.Handler):
                def emit(self, record):
                    kept.append(record.getMessage())
            kept = []
            logging.getLogger('osdbg').addHandler(Keep())
            logging.getLogger('osdbg').setLevel(logging.DEBUG)
            osdbg.breakpoint()
            osdbg.set_trace()
            for line in kept:
                assert 'osdbg is off' in line, line
                assert '<string>:' in line, line
            assert len(kept) == 2
            assert 'osdbg.agent' not in sys.modules
            print('OK')
            """
        )


class TestOn(armed.ArmedTestCase):
    def test_once(self):
        self.assert_ok(
            PRELUDE
            + """
import osdbg
status = osdbg.init()
assert status is osdbg.init() is osdbg.status()
from osdbg import bootstrap
assert bootstrap.init() is status
assert tasks() == 2
port = os.environ['OS_REMOTE_DEBUG__PORT']
assert status.address == '127.0.0.1:' + port
assert status.name == 'mine' and status.state == 'armed'
assert repr(status) == '<osdbg armed mine at 127.0.0.1:' + port + '>'
deadline = time.monotonic() + 10
while status.worker is None and time.monotonic() < deadline:
    time.sleep(0.01)
assert status.worker == 0
assert not {'debugpy', 'pydevd', 'asyncio'} & set(sys.modules)
osdbg.breakpoint()
osdbg.set_trace()
print('OK')
""",
            **self.environ(OS_REMOTE_DEBUG__NAME='mine'),
        )

    def test_no_lock_of_sysconfig_is_needed_afterwards(self):
        for keywords in ('', 'all=False'):
            with self.subTest(keywords):
                self.assert_ok(
                    PRELUDE
                    + f"""
import contextlib, eventlet, osdbg
from eventlet import patcher
threads = patcher.original('_thread')
eventlet.monkey_patch({keywords})
osdbg.init()
done = threads.allocate_lock()
done.acquire()
def run():
    import pydoc  # as xmlrpc.server does, and so pydevd
    done.release()
import sysconfig
with getattr(sysconfig, '_CONFIG_VARS_LOCK', contextlib.nullcontext()):
    threads.start_new_thread(run, ())
    assert done.acquire(True, 10), 'hangs'
print('OK')
""",
                    **self.environ(),
                )

    def test_from_many_threads(self):
        self.assert_ok(
            PRELUDE
            + """
import osdbg, threading
found = []
gate = threading.Barrier(8)
def call():
    gate.wait()
    found.append(osdbg.init())
threads = [threading.Thread(target=call) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len({id(status) for status in found}) == 1, found
assert found[0] is osdbg.status()
deadline = time.monotonic() + 5
while tasks() != 2:  # a joined thread takes a moment to be gone
    assert time.monotonic() < deadline, tasks()
    time.sleep(0.01)
print('OK')
""",
            **self.environ(),
        )

    def test_quick(self):
        self.assert_ok(
            """
            import time, osdbg.agent, osdbg.backends._debugpy, osdbg
            start = time.monotonic()
            assert osdbg.init()
            taken = time.monotonic() - start
            assert taken < 0.5, taken
            print('OK')
            """,
            **self.environ(),
        )


class TestBad(armed.ArmedTestCase):
    PROGRAM = 'import osdbg; print(osdbg.init())'

    def refused(self, **options):
        more = {f'OS_REMOTE_DEBUG__{n}': v for n, v in options.items()}
        done = fresh.run(self.PROGRAM, **self.environ(**more))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        return done

    def test_one_line(self):
        for name, value in (
            ('PORT', '99999'),
            ('BACKEND', 'gdb'),
            ('WORKERS', 'x'),
            ('OPEN_SECONDS', 'soon'),
            ('ALLOWED_USERS', 'no-such-user'),
            ('HOST', '0.0.0.0'),
        ):
            with self.subTest(name):
                done = self.refused(**{name: value})
                self.assertEqual((0, 'None\n'), (done.returncode, done.stdout))
                self.assertIn('osdbg is off: ', done.stderr)
                self.assertIn(
                    f'[remote_debug] {name.lower()} = {value}', done.stderr
                )

    def test_required(self):
        done = self.refused(PORT='99999', REQUIRED='true')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('port = 99999', done.stderr)

    def test_required_and_no_debugger(self):
        done = fresh.run(
            'import sys\n'
            'sys.modules["debugpy"] = None\n'
            'import osdbg\n'
            'osdbg.init()\n',
            **self.environ(OS_REMOTE_DEBUG__REQUIRED='true'),
        )
        self.assertEqual(1, done.returncode)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('pip install', done.stderr)


class TestMonkeyPatch(armed.ArmedTestCase):
    PROGRAM = """
        import eventlet
        import osdbg
        from eventlet.patcher import is_monkey_patched
        osdbg.monkey_patch({keywords})
        found = [n for n in ('thread', 'socket') if is_monkey_patched(n)]
        assert found == {found}, found
        print('OK')
    """

    def test_patches_all(self):
        program = self.PROGRAM.format(keywords='', found=['thread', 'socket'])
        self.assert_ok(program)
        self.assert_ok(program, **self.environ())
        self.assert_ok(program, **self.environ(OS_REMOTE_DEBUG__PORT='x'))

    def test_leaves_threads_when_asked(self):
        more = self.environ(OS_REMOTE_DEBUG__EVENTLET='unpatch_thread')
        program = self.PROGRAM.format(keywords='', found=['socket'])
        self.assert_ok(program, **more)
        program = self.PROGRAM.format(keywords='os=False', found=['socket'])
        self.assert_ok(program, **more)


class TestSuccessor(armed.ArmedTestCase):
    """A worker that replaces another waits for nobody, ends for nothing."""

    LATE = '''
from osdbg import bootstrap
pid, since, looked = bootstrap._launcher
bootstrap._launcher = pid, since - bootstrap._START_SECONDS, looked
'''
    FORK = '''
pid = os.fork()
if not pid:
    start = time.monotonic()
    try:
        bootstrap.arm()
        code = time.monotonic() - start > 5
    except SystemExit:
        code = 7
    os._exit(code)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
'''

    def test_does_not_wait(self):
        self.assert_ok(
            PRELUDE
            + self.LATE
            + self.FORK
            + """
assert code == 0, code
print('OK')
""",
            **self.environ(OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true'),
        )

    def held(self, fork):
        with socket.create_server(('127.0.0.1', 0)) as holder:
            port = str(holder.getsockname()[1])
            return fresh.run(
                PRELUDE
                + 'from osdbg import bootstrap\n'
                + fork
                + "print('CODE', code)",
                **self.environ(
                    OS_REMOTE_DEBUG__PORT=port,
                    OS_REMOTE_DEBUG__REQUIRED='true',
                ),
            )

    def test_does_not_end(self):
        done = self.held(self.LATE + self.FORK)
        self.assertEqual('CODE 0\n', done.stdout, done.stderr)

    def test_at_the_start_it_ends(self):
        done = self.held(self.FORK)
        self.assertEqual('CODE 7\n', done.stdout, done.stderr)

    def test_the_launcher_ends_in_its_place(self):
        done = self.held('bootstrap.launch()\n' + self.FORK)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)


class TestNames(unittest.TestCase):
    def test_status_is_small(self):
        with self.assertRaises(AttributeError):
            bootstrap.Status(None).more = 1

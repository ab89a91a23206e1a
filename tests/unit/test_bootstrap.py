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

from pathlib import Path
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from osdbg import bootstrap
from tests.functional.harness import free_port
from tests.unit import fresh

PRELUDE = '''
import os, sys, time
def tasks():
    return len(os.listdir('/proc/self/task'))
'''


class InitTestCase(fresh.FreshTestCase):
    def on(self, **more):
        return {'OS_REMOTE_DEBUG__PORT': str(free_port()), **more}


class TestOff(InitTestCase):
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


class TestOn(InitTestCase):
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
            **self.on(OS_REMOTE_DEBUG__NAME='mine'),
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
                    **self.on(),
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
            **self.on(),
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
            **self.on(),
        )


class TestBad(InitTestCase):
    PROGRAM = 'import osdbg; print(osdbg.init())'

    def refused(self, **options):
        more = {f'OS_REMOTE_DEBUG__{n}': v for n, v in options.items()}
        done = fresh.run(self.PROGRAM, **self.on(**more))
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
            **self.on(OS_REMOTE_DEBUG__REQUIRED='true'),
        )
        self.assertEqual(1, done.returncode)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('pip install', done.stderr)


class TestLeftOut(InitTestCase):
    PROGRAM = """
import logging, time
logging.basicConfig(level=logging.INFO, format='%(message)s')
import osdbg
start = time.monotonic()
status = osdbg.init()
assert time.monotonic() - start < 10
assert (status.worker, status.state) == (0, 'armed'), status
"""

    def test_waits_for_nobody(self):
        for option in ('ACTIVATE=on_init', 'WAIT_FOR_CLIENT=true'):
            with self.subTest(option):
                name, _, value = option.partition('=')
                more = {
                    f'OS_REMOTE_DEBUG__{name}': value,
                    'OS_REMOTE_DEBUG__REQUIRED': 'true',
                    'OS_REMOTE_DEBUG__WORKERS': '1,3',
                }
                done = fresh.run(self.PROGRAM, **self.on(**more))
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertIn(
                    'workers = 1,3 leaves out this process (worker 0)\n',
                    done.stderr,
                )


class TestLoadFails(InitTestCase):
    def init(self, **more):
        """Return how init() ends with a debugpy that holds nothing."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, 'debugpy').mkdir()
            Path(directory, 'debugpy', '__init__.py').touch()
            return fresh.run(
                f'import sys; sys.path.insert(0, {directory!r})\n'
                'import osdbg\n'
                'print(osdbg.init().state)\n',
                **self.on(OS_REMOTE_DEBUG__ACTIVATE='on_init', **more),
            )

    def test_the_service_runs_on(self):
        start = time.monotonic()
        done = self.init()
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual((0, 'armed\n'), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('the debugger could not be loaded', done.stderr)

    def test_required(self):
        done = self.init(OS_REMOTE_DEBUG__REQUIRED='true')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('osdbg is off: the debugger could not', done.stderr)


class TestMonkeyPatch(InitTestCase):
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
        self.assert_ok(program, **self.on())
        self.assert_ok(program, **self.on(OS_REMOTE_DEBUG__PORT='x'))

    def test_leaves_threads_when_asked(self):
        more = self.on(OS_REMOTE_DEBUG__EVENTLET='unpatch_thread')
        program = self.PROGRAM.format(keywords='', found=['socket'])
        self.assert_ok(program, **more)
        program = self.PROGRAM.format(keywords='os=False', found=['socket'])
        self.assert_ok(program, **more)


HEIR = '''
import sys
from oslo_config import cfg
import osdbg

def report():
    print(osdbg.init(cfg.CONF).address, flush=True)
'''
SPAWN = '''
import multiprocessing, os
import heir
from osdbg import bootstrap

class Bequest:
    def __reduce__(self):
        return inherit, (bootstrap.bequeath(None),)

def inherit(settings):
    if settings is not None:
        bootstrap.inherit(settings)

def work(bequest):
    heir.report()

if __name__ == '__main__':
    from osdbg import sources
    sources.take_environ(os.environ)
    assert bootstrap.bequeath(None) is None, 'nobody is spawned'
    context = multiprocessing.get_context('spawn')
    child = context.Process(target=work, args=(Bequest(),))
    child.start()
    child.join()
'''


class TestInherit(InitTestCase):
    """A spawned worker goes by what its launcher has read."""

    def test_in_a_spawned_process(self):
        on = self.on()
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, 'heir.py').write_text(HEIR)
            program = Path(directory, 'program.py')
            program.write_text(SPAWN)
            done = subprocess.run(
                [sys.executable, str(program)],
                env=fresh.environ(**on),
                capture_output=True,
                text=True,
                timeout=fresh.SECONDS,
            )
        port = on['OS_REMOTE_DEBUG__PORT']
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertEqual(f'127.0.0.1:{port}\n', done.stdout)


class TestSuccessor(InitTestCase):
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
            **self.on(OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true'),
        )

    def held(self, fork):
        with socket.create_server(('127.0.0.1', 0)) as holder:
            port = str(holder.getsockname()[1])
            return fresh.run(
                PRELUDE
                + 'from osdbg import bootstrap\n'
                + fork
                + "print('CODE', code)",
                **self.on(
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


class TestWaiting(InitTestCase):
    def test_obeys_signals(self):
        # As the handlers of oslo.service: they only make a note.
        self.assert_ok(
            PRELUDE
            + """
import signal, threading
import osdbg
noted = []
signal.signal(signal.SIGTERM, lambda *args: noted.append(args))
threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
start = time.monotonic()
osdbg.init()
assert len(noted) == 1
assert time.monotonic() - start < 5
assert signal.getsignal(signal.SIGTERM).__name__ == '<lambda>'
print('OK')
""",
            **self.on(OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true'),
        )

    def test_ends_with_the_launcher(self):
        self.assert_ok(
            PRELUDE
            + """
from osdbg import bootstrap
done, tell = os.pipe()
launcher = os.fork()
if not launcher:
    if os.fork():
        time.sleep(1)
        os._exit(0)
    bootstrap.arm()
    os.write(tell, b'.')
    os._exit(0)
os.close(tell)
assert os.read(done, 1) == b'.'
print('OK')
""",
            **self.on(OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true'),
        )


class TestNames(unittest.TestCase):
    def test_status_is_small(self):
        with self.assertRaises(AttributeError):
            bootstrap.Status(None).more = 1

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

"""What eventlet has patched, and what a debugger gets instead."""

import subprocess
import sys
import unittest

from osdbg import patching
from tests.unit import fresh

PATCHED = {
    '': [
        'os',
        '_thread',
        'threading',
        'queue',
        'time',
        'select',
        'socket',
        'subprocess',
    ],
    'thread=False': ['os', 'time', 'select', 'socket', 'subprocess'],
    'os=False, thread=False': ['time', 'select', 'socket', 'subprocess'],
    'all=False, time=True': ['time'],
}
PROBE = '''
import _socket, _thread, os, queue, select, socket, subprocess, sys
import threading, time, types
get_ident = _thread.get_ident
{before}
from osdbg import isolation
root = types.ModuleType('probe')
iso = isolation.Isolation(['probe'])
standard = {{n: id(m) for n, m in sys.modules.items()}}
iso.enter()
{after}
import probe
iso.leave()
assert iso not in sys.meta_path
# What blocks the thread and no hub, whatever is patched, now or later.
for module, name in (
    ('os', 'read'), ('time', 'sleep'), ('select', 'select'),
    ('_thread', 'start_new_thread'), ('_thread', 'allocate_lock'),
):
    function = getattr(getattr(probe, module), name)
    assert type(function) is type(len), function
for module in ('threading', 'queue', 'socket', 'subprocess', 'threading'):
    assert 'green' not in repr(getattr(probe, module)), module
lock = probe.threading.Lock()
assert type(lock).__module__ == '_thread', lock
started = []
thread = probe.threading.Thread(
    target=lambda: started.append(get_ident())
)
thread.start()
thread.join(5)
assert not thread.is_alive()
assert started and started != [get_ident()]
box = probe.queue.Queue()
box.put(1)
assert box.get(timeout=1) == 1
try:
    box.get(timeout=0.01)
except probe.queue.Empty:
    pass
assert probe.socket_class is probe.socket.socket
server = probe.socket.socket()
assert not hasattr(server, 'act_non_blocking'), server
server.bind(('127.0.0.1', 0))
server.listen(1)
left = probe.socket.socket()
left.connect(server.getsockname())
left.sendall(b'x')
descriptor, _ = server._accept()
assert probe.socket.socket(fileno=descriptor).recv(1) == b'x'
assert probe.subprocess.check_output(['echo', 'hi']) == b'hi\\n'
# Everybody else's imports are their own.
for name, number in standard.items():
    assert id(sys.modules[name]) == number, name
import ftplib, gzip
assert gzip.os is sys.modules['os']
assert ftplib.socket is sys.modules['socket']
assert probe.filecmp.os is sys.modules['os']
print('OK')
'''
PACKAGE = {
    'probe/__init__.py': (
        'import os, time, _thread, select, threading, queue, subprocess\n'
        'from socket import socket as socket_class\n'
        'import os.path\n'
        'import probe.inner\n'
        'from probe.inner import socket\n'
        'import filecmp\n'
    ),
    'probe/inner.py': (
        'import socket\n'
        'from os import path\n'
        'from . import other\n'
        'assert other.os is __import__("os")\n'
    ),
    'probe/other.py': 'import os\n',
}


class TestPatched(fresh.FreshTestCase):
    def test_not_here(self):
        self.assertEqual([], patching.patched())
        self.assertIs(sys.modules['time'], patching.native('time'))

    def test_by_group(self):
        for keywords, expected in PATCHED.items():
            with self.subTest(keywords):
                self.assert_ok(
                    f"""
                    import eventlet
                    from osdbg import patching
                    assert patching.patched() == [], patching.patched()
                    eventlet.monkey_patch({keywords})
                    assert patching.patched() == {expected}
                    print('OK')
                    """
                )

    def test_eventlet_is_never_imported(self):
        self.assert_ok(
            """
            import sys
            import threading
            sys.modules['eventlet'] = None  # as cinder does
            from osdbg import isolation
            from osdbg import patching
            assert patching.patched() == []
            patching.native('time')
            isolation.Isolation(['nothing']).enter()
            assert not any('eventlet.' in name for name in sys.modules)
            try:
                patching.monkey_patch(threads=True)
            except RuntimeError as exc:
                assert 'import eventlet' in str(exc)
                print('OK')
            """
        )

    def test_native_functions_stay_native(self):
        self.assert_ok(
            """
            import time
            from osdbg import patching
            sleep = patching.native('time').sleep
            import eventlet
            eventlet.monkey_patch()
            assert time.sleep is not sleep
            assert type(patching.native('time').sleep) is type(sleep)
            assert patching.native('_thread').get_ident() > 0
            print('OK')
            """
        )


class TestMonkeyPatch(fresh.FreshTestCase):
    def test_threads(self):
        for threads, on, patched in (
            (True, '', True),
            (False, '', False),
            (False, ', thread=True', True),
            (True, ', thread=False', False),
        ):
            with self.subTest(f'{threads}{on}'):
                self.assert_ok(
                    f"""
                    import eventlet
                    from osdbg import patching
                    patching.monkey_patch(threads={threads}{on})
                    assert ('threading' in patching.patched()) is {patched}
                    print('OK')
                    """
                )


class TestIsolation(fresh.FreshTestCase):
    def setUp(self):
        import os
        import tempfile

        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        os.mkdir(os.path.join(directory.name, 'probe'))
        for name, text in PACKAGE.items():
            with open(os.path.join(directory.name, name), 'w') as file:
                file.write(text)
        self.path = directory.name

    def probe(self, **moments):
        moments = {'before': '', 'after': '', **moments}
        self.assert_ok(
            PROBE.format(**moments),
            PYTHONPATH=f'{fresh.ROOT}:{self.path}',
        )

    def test_nothing_patched(self):
        self.probe()

    def test_eventlet_there_but_nothing_patched(self):
        self.probe(before='import eventlet')

    def test_before(self):
        for keywords in PATCHED:
            with self.subTest(keywords):
                self.probe(
                    before='import eventlet; '
                    f'eventlet.monkey_patch({keywords})'
                )

    def test_after(self):
        for keywords in PATCHED:
            with self.subTest(keywords):
                self.probe(
                    after=f'import eventlet; eventlet.monkey_patch({keywords})'
                )


# eventlet before 0.36 lets a fork end all of them.
GREEN_FORK = """
import os, threading, eventlet
eventlet.monkey_patch()
green = threading.Thread(target=eventlet.sleep, args=(9,))
green.start()
eventlet.sleep(0)
pid = os.fork()
if not pid:
    os._exit(not green.is_alive())
print(os.waitpid(pid, 0)[1])
"""


class TestThreads(fresh.FreshTestCase):
    def test_an_unpatched_service_shares_its_threads(self):
        self.assert_ok(
            """
            import threading
            from osdbg import isolation
            iso = isolation.Isolation(['nothing'])
            iso.enter()
            theirs = iso.threading()
            assert theirs is not threading
            assert theirs.enumerate() == threading.enumerate()
            assert theirs.main_thread() is threading.main_thread()
            assert theirs.current_thread() is threading.current_thread()
            assert isinstance(threading.main_thread(), theirs.Thread)
            assert not isinstance(1, theirs.Thread)
            class Mine(theirs.Thread):
                pass
            assert not isinstance(threading.main_thread(), Mine)
            assert isinstance(Mine(), theirs.Thread)
            print('OK')
            """
        )

    def test_starting_a_thread_is_seen(self):
        self.assert_ok(
            """
            import threading
            from osdbg import isolation
            iso = isolation.Isolation(['nothing'])
            theirs, seen = iso.threading(), []
            names = [
                name
                for name in ('_start_new_thread', '_start_joinable_thread')
                if hasattr(threading, name)
            ]
            def spy(start):
                def spying(*args, **kwargs):
                    seen.append(start)
                    return start(*args, **kwargs)
                return spying
            for name in names:
                for turn in range(2):
                    # Somebody else's, which is to be called and to stay.
                    other = spy(getattr(threading, name))
                    setattr(threading, name, other)
                    iso.enter()
                    before = getattr(theirs, name)
                    mine = spy(before)
                    setattr(theirs, name, mine)
                    assert getattr(threading, name) is mine
                    thread = threading.Thread(target=int)
                    thread.start()
                    thread.join()
                    assert before in seen and before is other
                    setattr(theirs, name, before)
                    assert getattr(threading, name) is other
                    iso.leave()
            # What came during the session stays, too.
            iso.enter()
            before = getattr(theirs, name)
            setattr(theirs, name, mine)
            setattr(threading, name, other)
            setattr(theirs, name, before)
            assert getattr(threading, name) is other
            print('OK')
            """
        )

    def test_two_native_threads_at_the_table(self):
        """One waits for the other, not in a hub; nor in a child for ever."""
        self.assert_ok(
            """
            import eventlet
            eventlet.monkey_patch()
            import os
            from osdbg import isolation
            from osdbg import waiting
            iso = isolation.Isolation(['nothing'])
            iso.enter()
            theirs = iso.threading()
            taken, forked, done = (waiting.Event() for _ in range(3))
            def hold():
                with theirs._active_limbo_lock:
                    taken.set()
                    forked.wait(9)
                    waiting.pause(0.1)
            def look():
                theirs.enumerate()
                done.set()
            waiting.start_new_thread(hold, ())
            assert taken.wait(9)
            pid = os.fork()
            if not pid:
                iso.renew()
            waiting.start_new_thread(look, ())
            forked.set()
            here = done.wait(5)
            if not pid:
                os._exit(not here)
            assert here
            assert os.waitpid(pid, 0)[1] == 0
            print('OK')
            """
        )

    def test_green_threads_are_none_of_its_threads(self):
        alone = fresh.run(GREEN_FORK)
        self.assertEqual('', alone.stderr)
        self.assert_ok(
            """
            import os
            import threading
            import eventlet
            from osdbg import isolation
            iso = isolation.Isolation(['nothing'])
            iso.enter()
            theirs = iso.threading()
            eventlet.monkey_patch()
            green = threading.Thread(target=eventlet.sleep, args=(9,))
            green.start()
            eventlet.sleep(0)
            assert green in threading.enumerate()
            assert not isinstance(green, theirs.Thread)
            assert theirs.enumerate() == [threading.main_thread()]
            # They survive a fork as they do without us.
            pid = os.fork()
            if not pid:
                os._exit(not green.is_alive())
            status = os.waitpid(pid, 0)[1]
            assert str(status) == os.environ['STATUS'], status
            print('OK')
            """,
            STATUS=alone.stdout.strip(),
        )

    def test_a_stale_dummy_hides_no_thread(self):
        self.assert_ok(
            """
            import os
            import sys
            import threading
            import eventlet
            from osdbg import isolation
            from osdbg import patching
            iso = isolation.Isolation(['nothing'])
            iso.enter()
            theirs = iso.threading()
            start = patching.native('_thread').start_new_thread
            done = patching.native('_thread').allocate_lock()
            done.acquire()
            dummies = []
            def run():
                dummies.append(theirs.current_thread())
                assert threading.current_thread() is dummies[0]
                done.release()
            start(run, ())
            done.acquire()
            task = f'/proc/self/task/{dummies[0].native_id}'
            while os.path.exists(task):
                pass
            ident = dummies[0].ident
            threading._active[ident] = dummies[0]
            # What has ended is not listed, and what is new is found.
            original = sys.modules['__original_module_threading']
            thread = original.Thread()
            original._active[ident] = thread
            assert theirs._active[ident] is thread
            assert theirs.enumerate() == [threading.main_thread()]
            iso.leave()
            assert ident not in threading._active
            print('OK')
            """
        )

    def test_a_dummy_is_not_taken_for_the_next_thread(self):
        self.assert_ok(
            """
            import threading
            from osdbg import isolation
            from osdbg import patching
            iso = isolation.Isolation(['nothing'])
            iso.enter()
            theirs = iso.threading()
            start = patching.native('_thread').start_new_thread
            done = patching.native('_thread').allocate_lock()
            done.acquire()
            found = []
            def run():
                thread = theirs._active.get(theirs.get_ident())
                found.append((theirs.current_thread(), thread))
                done.release()
            # The C library gives the number of one that has ended again.
            while len({dummy.ident for dummy, _ in found}) == len(found):
                start(run, ())
                done.acquire()
            new = found[-1][0]
            (old,) = [d for d, _ in found[:-1] if d.ident == new.ident]
            assert new is not old and new.native_id != old.native_id
            assert all(before is None for _, before in found), found
            iso.leave()
            print('OK')
            """
        )

    def test_untouched(self):
        self.assert_ok(
            """
            import threading
            from osdbg import isolation
            untouched = isolation.Isolation(["nothing"], ())
            untouched.enter()
            assert untouched.threading() is threading
            untouched.leave()
            print('OK')
            """
        )


class TestResidue(unittest.TestCase):
    def test_the_environment(self):
        done = subprocess.run(
            [
                sys.executable,
                '-c',
                'import os, sys\n'
                'from osdbg import isolation\n'
                'try:\n'
                '    with isolation.residue():\n'
                '        os.environ["PYDEVD_MINE"] = "2"\n'
                '        del os.environ["DEBUGPY_MINE"]\n'
                '        os.environ["PYDEVD_USE_FRAME_EVAL"] = "NO"\n'
                '        os.environ["OTHER"] = "kept"\n'
                '        1 / 0\n'
                'except ZeroDivisionError:\n'
                '    pass\n'
                'assert os.environ["OTHER"] == "kept"\n'
                'names = ("PYDEVD_MINE", "DEBUGPY_MINE", '
                '"PYDEVD_USE_FRAME_EVAL")\n'
                'print(*map(os.environ.get, names))\n',
            ],
            env=fresh.environ(PYDEVD_MINE='1', DEBUGPY_MINE='1'),
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual('1 1 None', done.stdout.strip())

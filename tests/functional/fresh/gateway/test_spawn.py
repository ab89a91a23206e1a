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

"""The gateway's process owes nothing to the service that starts it."""

import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from osdbg.gateway import private
from osdbg.gateway import spawn
from tests.unit import fresh

FIND = '''
    import sys
    from osdbg.gateway import spawn
    sys.executable = {executable!r}
    print(spawn.interpreter())
'''
NOWHERE = '''
    import os, sys
    from osdbg import exceptions
    from osdbg.gateway import spawn
    sys.executable = '/usr/bin/uwsgi'
    sys.prefix = sys.exec_prefix = sys.base_prefix = '/nonexistent'
    os.environ['PATH'] = '/nonexistent'
    try:
        spawn.interpreter()
    except exceptions.GatewayUnavailable as exc:
        assert "('/usr/bin/uwsgi')" in str(exc), exc
        print('OK')
'''
SPAWN = '''
    import os, time
    kept = os.open('/dev/null', os.O_RDONLY)
    os.set_inheritable(kept, True)
    from osdbg.gateway import credentials, protocol, spawn
    {before}
    spawn.spawn()
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        pass
    else:
        raise SystemExit('a child is left')
    for _ in range(1000):
        try:
            sock = protocol.connect()
            break
        except OSError:
            time.sleep(0.01)
    print(credentials.peer(sock)[0], os.getpid(), flush=True)
'''
HANGS = '''
    import os, sys
    from osdbg import exceptions
    from osdbg.gateway import spawn
    sys.executable = {python!r}
    spawn._STARTER_SECONDS = 0.2
    try:
        spawn.spawn()
    except exceptions.GatewayUnavailable as exc:
        assert 'not started' in str(exc), exc
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print('OK')
'''
MARK = 'open({path!r}, "w").close()\n'


class TestInterpreter(unittest.TestCase):
    def test_this_one(self):
        self.assertEqual(sys.executable, spawn.interpreter())

    def test_embedded(self):
        for executable in ('/usr/bin/uwsgi', '', None, '/no/python3'):
            with self.subTest(executable):
                done = fresh.run(FIND.format(executable=executable))
                found = done.stdout.strip()
                self.assertTrue(os.access(found, os.X_OK), done.stderr)
                self.assertEqual(
                    os.path.realpath(sys.executable), os.path.realpath(found)
                )
                self.assertEqual(Path(sys.prefix, 'bin'), Path(found).parent)


class TestNoInterpreter(fresh.FreshTestCase):
    def test_none_at_all(self):
        self.assert_ok(NOWHERE)


class TestEnvironment(fresh.FreshTestCase):
    def test_nothing_that_starts_something_in_it(self):
        self.assert_ok(
            """
            import os
            from osdbg.gateway import spawn
            allowed = {'PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR',
                       'LD_LIBRARY_PATH', 'OSDBG_SOCKET',
                       'OSDBG_GATEWAY_GRACE'}
            found = spawn.environment()
            assert set(found) <= allowed, found
            assert {'PATH', 'OSDBG_SOCKET'} <= set(found), found
            print('OK')
            """,
            PYTHONPATH=f'{fresh.ROOT}:/secret',
            PYTHONBREAKPOINT='pdb.set_trace',
            PYTHONSTARTUP='/x',
            PYTHONINSPECT='',
            PYTHONDEVMODE='',
            PYDEVD_USE_FRAME_EVAL='NO',
            DEBUGPY_LOG_DIR='/x',
            OS_REMOTE_DEBUG__PORT='5678',
            OS_REMOTE_DEBUG__REQUIRED='true',
            VIRTUAL_ENV='/x',
            LD_PRELOAD='',
            http_proxy='x',
        )


class TestSecond(unittest.TestCase):
    """One that finds another in its place says so."""

    def setUp(self):
        self.name = f'osdbg-unit-{uuid.uuid4().hex}'

    def start(self, *options):
        """Start the first; return it, and what the second is to be."""
        variable = 'OSDBG_HOST_SOCKET' if options else 'OSDBG_SOCKET'
        environ = {
            **os.environ,
            variable: self.name,
            'OSDBG_GATEWAY_GRACE': '30',
        }
        command = [sys.executable, '-m', 'osdbg.gateway', *options]
        first = subprocess.Popen(
            command,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(first.stdout.close)
        self.addCleanup(first.wait)
        self.addCleanup(first.kill)
        return first, {'args': command, 'env': environ}

    def check(self, second, place):
        done = subprocess.run(
            **second, capture_output=True, text=True, timeout=30
        )
        self.assertEqual(
            (0, f'osdbg: a gateway is running already at {place}\n', ''),
            (done.returncode, done.stdout, done.stderr),
        )

    def wait(self):
        with socket.socket(socket.AF_UNIX) as probe:
            for _ in range(1000):
                if not probe.connect_ex(f'\0{self.name}'):
                    return
                time.sleep(0.01)
        self.fail('no gateway')

    def test_of_one_user(self):
        _, second = self.start()
        self.wait()
        self.check(second, f'@{self.name}')

    @unittest.skipIf(os.geteuid(), 'it is root\'s to run')
    def test_of_all_users(self):
        _, second = self.start('--all-users')
        self.wait()
        self.check(second, f'@{self.name}')

    def test_aside(self):
        with socket.socket(socket.AF_UNIX) as squatter:
            squatter.bind(f'\0{self.name}')
            first, second = self.start()
            self.assertIn('lets nobody in', first.stdout.readline())
            path = private.address(self.name)
            self.check(second, path)
            first.send_signal(signal.SIGINT)
            first.wait()
            self.assertFalse(os.path.lexists(path))


class TestSpawn(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def spawn(self, before='', **more):
        """Spawn a gateway and return its pid and that of its parent."""
        more = {'OSDBG_GATEWAY_GRACE': '2', **more}
        done = fresh.run(SPAWN.format(before=before), **more)
        self.assertEqual('', done.stderr)
        return map(int, done.stdout.split())

    def test_on_its_own(self):
        gateway, parent = self.spawn()
        proc = Path('/proc', str(gateway))
        stat = (proc / 'stat').read_text().rpartition(')')[2].split()
        ppid, group, session, terminal = map(int, stat[1:5])
        self.assertNotEqual(parent, ppid)
        self.assertEqual((session, 0), (group, terminal))
        self.assertNotIn(session, (os.getsid(0), parent))
        self.assertEqual('/', os.readlink(proc / 'cwd'))
        opened = {fd.name: os.readlink(fd) for fd in (proc / 'fd').iterdir()}
        self.assertEqual({'/dev/null'}, {opened.pop(fd) for fd in '012'})
        for target in opened.values():
            self.assertRegex(target, r'^(socket:|anon_inode:|/dev/null$)')
        self.assertNotIn('/dev/null', opened.values())

    def test_it_ends_when_nobody_needs_it(self):
        gateway, _ = self.spawn(OSDBG_GATEWAY_GRACE='0.2')
        deadline = time.monotonic() + 10
        while os.path.exists(f'/proc/{gateway}/cwd'):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_children_reaped_by_the_service(self):
        self.spawn('import signal; signal.signal(17, signal.SIG_IGN)')

    def test_foreign_modules_stay_out(self):
        for name in ('runpy', 'json', 'asyncio', 'sitecustomize'):
            mark = str(self.directory / f'{name}.ran')
            path = self.directory / f'{name}.py'
            path.write_text(MARK.format(path=mark))
        self.spawn(f'os.chdir({str(self.directory)!r})')
        self.assertEqual([], list(self.directory.glob('*.ran')))

    def test_its_packages_hide_nothing_of_the_standard_library(self):
        mark = self.directory / 'json.ran'
        (self.directory / 'json.py').write_text(MARK.format(path=str(mark)))
        (self.directory / 'osdbg').symlink_to(fresh.ROOT / 'osdbg')
        self.spawn(f'spawn._PACKAGES = {str(self.directory)!r}')
        self.assertFalse(mark.exists())

    def test_one_that_hangs_is_killed(self):
        python = self.directory / 'python'
        python.write_text('#!/bin/sh\nexec sleep 99\n')
        python.chmod(0o755)
        done = fresh.run(HANGS.format(python=str(python)))
        self.assertEqual(('OK\n', ''), (done.stdout, done.stderr))

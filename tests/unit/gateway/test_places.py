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

"""The gateways of a host: root knows all of them, others their own."""

import asyncio
import itertools
import os
import signal
import socket
import sysconfig
import time
import unittest
from unittest import mock

import osdbg
from osdbg import bootstrap  # noqa: F401 - its user may not read it
from osdbg.cli import look
from osdbg.cli import processes
from osdbg import exceptions
from osdbg.gateway import control
from osdbg.gateway import places
from osdbg.gateway import protocol
from osdbg import inspection
from tests.functional.harness import free_port

SECONDS = 20
# Names of gateways are the host's: each test has users of its own.
NUMBERS = itertools.count(1_000_000 + 10 * os.getpid())


async def serve(ready):
    """Be a user's service and gateway, in one process."""
    gateway = control.Gateway(protocol.listen().detach())
    serving = asyncio.ensure_future(gateway.run())
    osdbg.init()
    while not gateway._workers:
        await asyncio.sleep(0.01)
    os.write(ready, b'.')
    await serving


@unittest.skipIf(os.geteuid(), 'only root can be several users')
class TestPlaces(unittest.TestCase):
    def setUp(self):
        environ = {
            'OS_REMOTE_DEBUG__PORT': str(free_port()),
            'OS_REMOTE_DEBUG__NAME': 'of another',
        }
        patched = mock.patch.dict(os.environ, environ)
        patched.start()
        self.addCleanup(patched.stop)
        os.environ.pop('OSDBG_SOCKET', None)
        self.owner, self.other = next(NUMBERS), next(NUMBERS)
        sysconfig.get_config_vars()  # its user may not read that either

    def fork(self, uid, work):
        """Run a function as another user, and end that with the test.

        :returns: the process, and where to read what ``work`` writes
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                work(writing)
            except BaseException as exc:
                os.write(writing, repr(exc).encode())
            finally:
                os._exit(0)
        os.close(writing)
        self.addCleanup(os.close, reading)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        return pid, reading

    def start_service(self):
        """Start the service of another user, and return its process."""

        def work(ready):
            asyncio.run(asyncio.wait_for(serve(ready), SECONDS))

        pid, reading = self.fork(self.owner, work)
        self.assertEqual(b'.', os.read(reading, 1000))
        return pid

    def test_root_is_told_by_all(self):
        pid = self.start_service()
        (told,) = (p for p in processes.ask() if p['pid'] == pid)
        self.assertEqual(
            ('of another', self.owner, f'@osdbg-{self.owner}'),
            (told['name'], told['uid'], told['gateway']),
        )
        ((_, answer),) = look.ask_all([told], 'nonsense')
        self.assertIn('it cannot be asked for nonsense', answer['trouble'])
        self.assertNotIn('nonsense', inspection.KINDS)

    def test_others_are_told_by_their_own(self):
        pid = self.start_service()

        def work(writing):
            seen = [p['pid'] for p in processes.ask()]
            os.write(writing, b'x' if pid in seen else b'.')

        _, reading = self.fork(self.other, work)
        self.assertEqual(b'.', os.read(reading, 1000))

    def test_whoever_takes_the_name_of_a_user_is_not_asked(self):
        name = f'@osdbg-{self.owner}'

        def work(writing):
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind('\0' + name[1:])
                listener.listen()
                os.write(writing, b'.')
                sock, _ = listener.accept()
                sock.settimeout(SECONDS)
                os.write(writing, sock.recv(1) or b'-')

        _, reading = self.fork(self.other, work)
        self.assertEqual(b'.', os.read(reading, 1000))
        self.assertIn(name, places.places())
        processes.ask()
        self.assertEqual(b'-', os.read(reading, 1000))

    def test_who_is_busy_is_not_waited_for(self):
        name = f'@osdbg-{self.owner}'
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind('\0' + name[1:])
            listener.listen(0)
            self.addCleanup(places.call(name).close)
            start = time.monotonic()
            with self.assertRaises(BlockingIOError):
                places.call(name)
            self.assertLess(time.monotonic() - start, 1)

    def test_who_may_not_be_there_is_named(self):
        name = f'@osdbg-{self.owner}'

        def work(writing):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind('\0' + name[1:])
            listener.listen()
            os.write(writing, b'.')
            signal.pause()

        pid, reading = self.fork(self.other, work)
        self.assertEqual(b'.', os.read(reading, 1000))
        with self.assertRaises(exceptions.GatewayUnavailable) as caught:
            places.call(name)
        self.assertIn(
            f'belongs to user {self.other} (process {pid})',
            str(caught.exception),
        )

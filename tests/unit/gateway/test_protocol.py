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

"""The control protocol: who meets where, and who is let in."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.gateway import protocol
from tests.unit import fresh

NOBODY = 65534
STRANGER = f'''
import os, signal
from osdbg.gateway import credentials
from osdbg.gateway import protocol
os.setgid({NOBODY}); os.setuid({NOBODY})
sock = protocol.listen()
print('listening', flush=True)
signal.pause()
'''

INSIDE = '''
from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.gateway import protocol
try:
    print(protocol.connect())
except exceptions.GatewayUnavailable as exc:
    print(exc)
'''


class ProtocolTestCase(unittest.TestCase):
    def setUp(self):
        self.name = f'osdbg-unit-{uuid.uuid4().hex}'
        before = os.environ.get('OSDBG_SOCKET')
        os.environ['OSDBG_SOCKET'] = self.name
        self.addCleanup(os.environ.pop, 'OSDBG_SOCKET')
        if before:
            self.addCleanup(os.environ.update, OSDBG_SOCKET=before)

    def kept(self, sock):
        if sock is not None:
            self.addCleanup(sock.close)
        return sock


class TestRoom(ProtocolTestCase):
    def setUp(self):
        super().setUp()
        self.listener = self.kept(socket.socket(socket.AF_UNIX))
        self.listener.bind(protocol.address())
        self.listener.listen(0)
        self.kept(protocol.connect())

    def test_it_is_said_at_once_that_there_is_none(self):
        with self.assertRaises(BlockingIOError):
            protocol.connect(wait=False)

    def test_it_is_waited_for(self):
        timer = threading.Timer(0.1, lambda: self.listener.accept()[0].close())
        timer.start()
        self.addCleanup(timer.join)
        self.assertIsNone(self.kept(protocol.connect()).gettimeout())

    def test_not_for_ever(self):
        with self.assertRaises(BlockingIOError):
            protocol.connect()


class TestAddress(ProtocolTestCase):
    def test_named_by_the_environment(self):
        self.assertEqual('\0' + self.name, protocol.address())

    def test_of_the_user(self):
        for value in ('', None):
            if value is None:
                del os.environ['OSDBG_SOCKET']
            else:
                os.environ['OSDBG_SOCKET'] = value
            found = protocol.address()
            os.environ['OSDBG_SOCKET'] = self.name
            self.assertEqual(f'\0osdbg-{os.geteuid()}', found)


class TestMeeting(ProtocolTestCase):
    def test_bind_elects_one_gateway(self):
        first = self.kept(protocol.listen())
        self.assertIsNone(protocol.listen())
        first.close()
        self.assertIsNotNone(self.kept(protocol.listen()))

    def test_nobody_there(self):
        with self.assertRaises(protocol.ABSENT):
            protocol.connect()

    def test_one_who_accepts_nobody(self):
        listener = self.kept(socket.socket(socket.AF_UNIX))
        listener.bind(protocol.address())
        listener.listen(0)
        start = time.monotonic()
        with self.assertRaises(OSError) as caught:
            for _ in range(9):
                self.kept(protocol.connect())
        self.assertNotIsInstance(caught.exception, protocol.ABSENT)
        self.assertLess(time.monotonic() - start, 5)

    def test_the_socket_blocks(self):
        self.kept(protocol.listen())
        self.assertIsNone(self.kept(protocol.connect()).gettimeout())

    def test_both_know_the_process_at_the_other_end(self):
        listener = self.kept(protocol.listen())
        client = self.kept(protocol.connect())
        descriptor, _ = listener._accept()
        server = self.kept(socket.socket(fileno=descriptor))
        for end in (client, server):
            self.assertEqual(os.getpid(), credentials.check(end, ''))
            self.assertEqual(
                (os.getpid(), os.geteuid()), credentials.peer(end)
            )

    @unittest.skipUnless(os.geteuid() == 0, 'only root can be two users')
    def test_another_user_is_not_our_gateway(self):
        stranger = subprocess.Popen(
            [sys.executable, '-c', STRANGER],
            env=fresh.environ(OSDBG_SOCKET=self.name),
            stdout=subprocess.PIPE,
        )
        self.addCleanup(stranger.stdout.close)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        self.assertEqual(b'listening\n', stranger.stdout.readline())
        with self.assertRaises(exceptions.GatewayUnavailable) as caught:
            protocol.connect()
        self.assertIn(
            f'user {NOBODY} (process {stranger.pid})', str(caught.exception)
        )


class TestNamespace(ProtocolTestCase):
    """One number stands for all users that a namespace does not map."""

    def pretend(self, name, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, name)
        with open(path, 'w') as file:
            file.write(text)
        self.addCleanup(setattr, credentials, name, getattr(credentials, name))
        setattr(credentials, name, path)

    def meet(self):
        self.kept(protocol.listen())
        return self.kept(protocol.connect())

    def test_nobody_may_be_anybody(self):
        self.pretend('_OVERFLOW_UID', f'{os.geteuid()}\n')
        for text in ('', '0 0 1\n', '0 1000 1\n1 100000 65536\n'):
            with self.subTest(text):
                self.pretend('_UID_MAP', text)
                with self.assertRaises(
                    exceptions.GatewayUnavailable
                ) as caught:
                    self.meet()
                self.assertIn(
                    f'user {os.geteuid()} (process {os.getpid()}), which',
                    str(caught.exception),
                )

    def test_all_are_known_outside(self):
        self.pretend('_OVERFLOW_UID', f'{os.geteuid()}\n')
        self.pretend('_UID_MAP', '         0          0 4294967295\n')
        self.meet()

    def test_others_are_known_inside(self):
        self.pretend('_OVERFLOW_UID', f'{os.geteuid() + 1}\n')
        self.pretend('_UID_MAP', '0 0 1\n')
        self.meet()

    @unittest.skipUnless(os.geteuid() == 0, 'only root can be two users')
    def test_a_real_one(self):
        self.kept(protocol.listen())
        try:
            found = subprocess.run(
                ['unshare', '-U', sys.executable, '-c', INSIDE],
                env=fresh.environ(OSDBG_SOCKET=self.name),
                capture_output=True,
                text=True,
                timeout=20,
            )
        except FileNotFoundError:
            self.skipTest('no unshare here')
        if found.stderr.startswith('unshare'):
            self.skipTest(found.stderr)
        self.assertIn(
            'in this user namespace is everyone', found.stdout, found.stderr
        )


class TestChannel(ProtocolTestCase):
    def setUp(self):
        super().setUp()
        mine, self.other = map(self.kept, socket.socketpair())
        self.channel = protocol.Channel(mine)

    def test_a_line_is_an_object(self):
        self.channel.send(hello={'name': 'ü\n'}, more=[1])
        line = self.other.recv(999)
        self.assertEqual(1, line.count(b'\n'))
        self.assertEqual(
            {'hello': {'name': 'ü\n'}, 'more': [1]}, protocol.decode(line)
        )

    def test_lines_in_pieces_and_in_heaps(self):
        for piece in (b'{"a"', b':1}\n{"b":', b'2}\n{"c":3}\n{"d'):
            self.other.sendall(piece)
        self.other.close()
        found = [self.channel.receive() for _ in range(4)]
        self.assertEqual([{'a': 1}, {'b': 2}, {'c': 3}, None], found)

    def test_nonsense_is_the_end(self):
        for line in (b'nonsense', b'[]', b'"x"', b'{', b'\xff', b''):
            with self.subTest(line):
                self.other.sendall(line + b'\n')
                self.assertIsNone(self.channel.receive())

    def test_a_line_without_end_is_the_end(self):
        def talk():
            try:
                for _ in range(64):
                    self.other.sendall(b'x' * protocol.MAX_LINE)
            except OSError:
                pass

        thread = threading.Thread(target=talk)
        thread.start()
        self.assertIsNone(self.channel.receive())
        self.assertLessEqual(len(self.channel._buffer), 3 * protocol.MAX_LINE)
        self.channel.close()
        thread.join(10)
        self.assertFalse(thread.is_alive())

    def test_a_peer_that_is_gone(self):
        self.other.close()
        self.channel.send(hello=1)
        self.channel.send(hello=2)
        self.assertIsNone(self.channel.receive())

    def test_closed(self):
        self.channel.close()
        self.channel.send(hello=1)
        self.assertIsNone(self.channel.receive())

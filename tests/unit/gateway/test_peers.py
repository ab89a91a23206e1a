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

"""Who is at the other end, of real sockets."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import unittest
from unittest import mock

from osdbg.gateway import peers
from osdbg.gateway import sock_diag
from tests.unit import fresh
from tests.unit.gateway.parts import until

# Where to listen, and where to connect.
WAYS = (
    ('127.0.0.1', '127.0.0.1'),
    ('127.0.0.1', '::ffff:127.0.0.1'),
    ('::1', '::1'),
    ('::', '127.0.0.1'),
    ('::', '::ffff:127.0.0.1'),
)
# SIOCSIFADDR and SIOCSIFFLAGS (linux/sockios.h): lo, up, with two addresses.
TWO_ADDRESSES = """
import fcntl, os, socket, struct
from osdbg.gateway import peers
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for name, host in ((b'lo', '10.9.9.5'), (b'lo:1', '10.9.9.6')):
    address = struct.pack('16sHH4s8x', name, 2, 0, socket.inet_aton(host))
    fcntl.ioctl(control, 0x8916, address)
    fcntl.ioctl(control, 0x8914, struct.pack('16sH14x', name, 0x41))
listener = socket.create_server(('10.9.9.6', 0))
client = socket.create_connection(listener.getsockname())
peer = peers.identify(client)
print(peer.uid, peer.is_remote)
accepted = listener.accept()
peer = peers.identify(client)
print(peer.uid, peer.is_remote)
"""


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def both(test):
    """Run a test with the answers of the kernel, and with its tables."""

    def run(self):
        test(self)
        with mock.patch.object(sock_diag, '_ask', side_effect=OSError):
            test(self)

    return run


class TestIdentify(unittest.TestCase):
    def connect(self, listen='127.0.0.1', connect='127.0.0.1'):
        listener = socket.socket(family(listen))
        self.addCleanup(listener.close)
        if listen == '::':
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((listen, 0))
        listener.listen()
        client = socket.socket(family(connect))
        self.addCleanup(client.close)
        client.connect((connect, listener.getsockname()[1]))
        accepted, _ = listener.accept()
        self.addCleanup(accepted.close)
        return client, accepted

    @both
    def test_this_user(self):
        for way in WAYS:
            with self.subTest(way):
                client, accepted = self.connect(*way)
                peer = peers.identify(accepted)
                self.assertEqual(os.geteuid(), peer.uid)
                inode = os.fstat(client.fileno()).st_ino
                self.assertEqual(inode, peer.inode)
                self.assertFalse(peer.is_remote)
                self.assertEqual(os.geteuid(), peers.identify(client).uid)

    @both
    def test_who_has_hung_up_is_not_taken_for_root(self):
        client, accepted = self.connect()
        client.sendall(b'evaluate this')
        client.close()
        peer = peers.identify(accepted)
        self.assertEqual((None, False), (peer.uid, peer.is_remote))

    @both
    @both
    def test_who_has_gone_is_not_taken_for_who_listens_at_his_port(self):
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(('127.0.0.1', 0))
        own = client.getsockname()
        innocent = socket.create_server(own)  # of root, say
        self.addCleanup(innocent.close)
        with socket.create_server(('127.0.0.1', 0)) as listener:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            self.addCleanup(accepted.close)
            to = listener.getsockname()
        self.assertIsNotNone(sock_diag.owner(own, to))
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0'
        )
        client.close()
        self.assertIsNone(sock_diag.owner(own, to))

    def test_who_has_said_all_is_known(self):
        client, accepted = self.connect()
        client.sendall(b'c\n')
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(os.geteuid(), peers.identify(accepted).uid)

    def test_who_was_reset(self):
        client, accepted = self.connect()
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0'
        )
        client.close()
        with contextlib.suppress(OSError):
            self.assertIsNone(peers.identify(accepted).uid)

    @unittest.skipIf(os.geteuid(), 'only root can make a network')
    def test_a_second_address_of_this_host_is_no_other_host(self):
        found = subprocess.run(
            ['unshare', '-n', sys.executable, '-c', TWO_ADDRESSES],
            env=fresh.environ(),
            capture_output=True,
            text=True,
            timeout=20,
        )
        self.assertEqual(
            ('None False\n0 False\n', ''), (found.stdout, found.stderr)
        )

    def test_unix(self):
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        peer = peers.identify(one)
        self.assertEqual((os.geteuid(), os.getpid()), (peer.uid, peer.pid))


class TestDescribe(unittest.IsolatedAsyncioTestCase):
    async def test_a_client(self):
        server = await asyncio.start_server(
            lambda *streams: met.append(streams), '127.0.0.1', 0
        )
        met = []
        address = server.sockets[0].getsockname()
        _, ours = await asyncio.open_connection(*address)
        await until(lambda: met)
        theirs = met[0][1]
        peer = peers.identify(theirs.get_extra_info('socket'))
        client = await peers.describe(peer)
        self.assertEqual(os.geteuid(), client['uid'])
        self.assertEqual(os.getpid(), client['pid'])
        self.assertTrue(client['program'].startswith('python'))
        self.assertEqual(
            '{}:{}'.format(*ours.get_extra_info('sockname')),
            client['address'],
        )
        for writer in (ours, theirs):
            writer.close()
        server.close()

    async def test_a_client_among_many_files(self):
        files = [os.open('/dev/null', os.O_RDONLY) for _ in range(300)]
        try:
            await self.test_a_client()
        finally:
            for file in files:
                os.close(file)

    async def test_nobody(self):
        client = await peers.describe(peers.Peer('192.0.2.1:7', None))
        self.assertEqual(
            [None] * 5,
            [client[name] for name in client if name != 'address'],
        )

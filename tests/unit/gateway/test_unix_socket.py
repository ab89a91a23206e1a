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

"""UNIX sockets: who may listen where, and what is left alone."""

import asyncio
import os
import socket
import stat
import tempfile
import unittest
import uuid

from osdbg import exceptions
from osdbg.gateway import unix_socket


async def serve(reader, writer):
    writer.write(b'hello')
    writer.close()


class TestUnixServer(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, 'debug')
        self.host = f'unix:{self.path}'

    async def listen(self, host):
        server = unix_socket.UnixServer(serve, host)
        await server.start_serving()
        return server

    async def said_at(self, address):
        reader, writer = await asyncio.open_unix_connection(address)
        said = await reader.read()
        writer.close()
        return said

    def refusal(self, host):
        with self.assertRaises(exceptions.OsdbgError) as caught:
            unix_socket.UnixServer(serve, host)
        return str(caught.exception)

    async def test_a_file_is_private_and_removed(self):
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        server = await self.listen(self.host)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        self.assertEqual(0, os.umask(0))
        self.assertEqual(b'hello', await self.said_at(self.path))
        server.close()
        self.assertFalse(os.path.exists(self.path))

    async def test_a_name(self):
        name = f'osdbg-unit-{uuid.uuid4().hex}'
        server = await self.listen(f'unix:@{name}')
        self.assertEqual(b'hello', await self.said_at(f'\0{name}'))
        self.assertIn(
            f'process {os.getpid()} of user', self.refusal(f'unix:@{name}')
        )
        server.close()

    async def test_a_living_one_is_left_alone(self):
        server = await self.listen(self.host)
        self.assertIn(
            f'process {os.getpid()} of user {os.getuid()} has it: end that, '
            f'or set another [remote_debug] host',
            self.refusal(self.host),
        )
        self.assertEqual(b'hello', await self.said_at(self.path))
        server.close()

    async def test_a_dead_one_is_replaced(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        server = await self.listen(self.host)
        self.assertEqual(b'hello', await self.said_at(self.path))
        server.close()

    async def test_other_files_are_left_alone(self):
        os.symlink('/nowhere', self.path)
        self.assertIn('is a file, and no socket', self.refusal(self.host))
        self.assertEqual('/nowhere', os.readlink(self.path))

    async def test_one_that_was_replaced_meanwhile_stays(self):
        server = await self.listen(self.host)
        os.unlink(self.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            server.close()
        self.assertTrue(os.path.exists(self.path))

    async def test_no_directory(self):
        directory = f'{self.path}/deeper'
        self.assertIn(
            f'type mkdir -m 700 {directory}',
            self.refusal(f'unix:{directory}/debug'),
        )

    async def test_too_long(self):
        self.assertIn('too long', self.refusal(f'unix:/{"x" * 200}'))

    async def test_a_directory_of_others(self):
        if not os.geteuid():  # who may write everywhere
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        self.assertIn('write in /', self.refusal('unix:/osdbg-unit-debug'))

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

"""TLS with certificates on both sides, in this process."""

import asyncio
import os
import ssl
import tempfile
import unittest

from osdbg import exceptions
from osdbg.gateway import tls
from tests.functional.certificates import Authority
from tests.functional.harness import free_port
from tests.unit.gateway.parts import until


async def serve(reader, writer):
    writer.write(await reader.readline())
    writer.close()


class TestTlsServer(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        authority = Authority(directory.name)
        cls.files = (*authority.sign('service'), authority.cert)
        cls.mine = (*authority.sign('me'), authority.cert)

    async def asyncSetUp(self):
        self.reports = []
        self.port = free_port()
        self.server = tls.TlsServer(
            serve,
            lambda transport: True,
            '127.0.0.1',
            self.port,
            self.files,
            self.report,
        )
        await self.server.start_serving()

    async def asyncTearDown(self):
        self.server.close()

    def report(self, address, why):
        self.reports.append((address, why))

    async def echo(self, context):
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', self.port, ssl=context
        )
        writer.write(b'hello\n')
        try:
            return await reader.read()
        finally:
            writer.close()

    def mine_context(self):
        return tls.client_context(('cert', 'key', 'ca'), self.mine)

    async def test_who_has_a_certificate(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.mine_context()
            context.maximum_version = version
            self.assertEqual(b'hello\n', await self.echo(context))
        self.assertEqual([], self.reports)

    async def test_who_has_none(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.files[2])
        try:
            self.assertEqual(b'', await self.echo(context))
        except OSError:
            pass  # it was told why
        await until(lambda: self.reports)
        self.assertEqual(
            [('127.0.0.1', 'peer did not return a certificate')], self.reports
        )

    async def test_who_says_nothing(self):
        before, tls._HANDSHAKE_SECONDS = tls._HANDSHAKE_SECONDS, 0.05
        self.addCleanup(setattr, tls, '_HANDSHAKE_SECONDS', before)
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        self.assertEqual(b'', await reader.read())
        writer.close()
        await until(lambda: self.reports)
        self.assertIn('taking longer', self.reports[0][1])

    async def test_one_line_for_many(self):
        for _ in range(3):
            await self.hang_up()
        await until(lambda: self.server._unreported == 2)
        self.server._quiet_until = 0.0
        await self.hang_up()
        await until(lambda: len(self.reports) == 2)
        self.assertIn('(2 more since', self.reports[1][1])

    async def hang_up(self):
        _, writer = await asyncio.open_connection('127.0.0.1', self.port)
        writer.close()

    async def test_a_crowd_does_not_keep_others_out(self):
        before, tls._MAX_HANDSHAKES = tls._MAX_HANDSHAKES, 3
        self.addCleanup(setattr, tls, '_MAX_HANDSHAKES', before)
        crowd = [
            await asyncio.open_connection('127.0.0.1', self.port)
            for _ in range(5)
        ]
        for reader, _ in crowd[:2]:
            read = asyncio.wait_for(reader.read(), tls._HANDSHAKE_SECONDS / 2)
            self.assertEqual(b'', await read)
        self.assertEqual(3, len(self.server._handshakes))
        self.assertEqual(b'hello\n', await self.echo(self.mine_context()))
        for _, writer in crowd:
            writer.close()
        await until(lambda: not self.server._handshakes)

    async def test_closed_in_the_middle(self):
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        await until(lambda: self.server._handshakes)
        self.server.close()
        self.assertEqual(b'', await reader.read())
        writer.close()
        await until(lambda: not self.server._handshakes)


class TestFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.authority = Authority(directory.name)
        cls.junk = os.path.join(directory.name, 'junk')
        with open(cls.junk, 'w') as file:
            file.write('junk')

    def test_the_one_that_is_of_no_use_is_named(self):
        cert, key = self.authority.sign('service')
        good = (cert, key, self.authority.cert)
        tls.server_context(good)
        for place, name in enumerate(('tls_cert', 'tls_key', 'tls_client_ca')):
            for bad in ('/nowhere', '/', self.junk):
                files = (*good[:place], bad, *good[place + 1 :])
                with self.subTest(f'{name} = {bad}'):
                    with self.assertRaises(exceptions.OsdbgError) as caught:
                        tls.server_context(files)
                    self.assertIn(
                        f'[remote_debug] {name} = {bad} cannot be used (',
                        str(caught.exception),
                    )

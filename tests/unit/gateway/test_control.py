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

"""The control socket: who is heard, and when the gateway ends."""

import asyncio
import os
import sys
import unittest
from unittest import mock

from osdbg.gateway import groups as groups_
from osdbg.gateway import protocol
from tests.unit import fresh
from tests.unit.gateway.parts import connect
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import OPENED
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import until

NONSENSE = (
    b'nonsense\n',
    b'[]\n',
    b'{}\n',
    b'\xff\n',
    b'{"hello": 1}\n',
    b'{"hello": {}}\n',
    b'{"hello": {"id": 1, "pid": "x"}}\n',
    b'{"join": "nobody-1"}\n',
    b'{"join": null}\n',
    b'{"ask": 1}\n',
    b'{"ask": "open"}\n',
    b'{"ask": null}\n',
    b'{"ask": ["open"]}\n',
    b'{"ask": {"open": true}}\n',
    b'{"ask": {"ids": []}}\n',
    b'{"ask": {"ids": 1, "open": true}}\n',
    b'{"ask": {"ids": [], "open": 1}}\n',
    b'{"ask": {"ids": [{}], "open": true}}\n',
    b'{"prompt": 1}\n',
    b'{"prompt": []}\n',
    b'{"prompt": "x"}\n',
    b'{"prompt": {"worker": "agent1", "where": "x"}}\n',
    b'{"ask": {"ids": [], "open": true, "port": 0}}\n',
    b'{"ask": {"ids": [], "open": true, "port": 65536}}\n',
    b'{"ask": {"ids": [], "open": true, "port": "5678"}}\n',
    b'{"prompt": {"worker": "agent1", "where": 1, "seconds": 1}}\n',
    b'{"prompt": {"worker": 1, "where": "x", "seconds": 1}}\n',
    b'{"prompt": {"worker": "agent1", "where": "x", "seconds": NaN}}\n',
    b'{"prompt": {"worker": "agent1", "where": "x", "seconds": -1}}\n',
    b'{"prompt": {"worker": "agent1", "where": "x", "seconds": "1"}}\n',
    b'x' * (3 * protocol.MAX_LINE),
    b'{"hello"',
    b'[' * 50000 + b'\n',
)
NOBODY = 65534
STRANGER = f'''
import os, _socket
from osdbg.gateway import protocol
os.setgid({NOBODY}); os.setuid({NOBODY})
sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
sock.connect(protocol.address())
print(sock.recv(1))
'''


class TestControl(GatewayTestCase):
    async def test_nonsense_is_hung_up_on(self):
        for line in NONSENSE:
            with self.subTest(line[:40]):
                reader, writer = await asyncio.open_unix_connection(
                    protocol.address()
                )
                writer.write(line)
                writer.write_eof()
                try:
                    self.assertEqual(b'', await reader.read())
                except ConnectionResetError:
                    pass
                writer.close()
        await self.agent()

    async def test_nonsense_is_no_bug_of_ours(self):
        agent = await self.agent()
        await self.agent(protocol='pdb', id='prompter')
        for line in NONSENSE:
            with self.subTest(line[:60]):
                reader, writer = await asyncio.open_unix_connection(
                    protocol.address()
                )
                line = line.replace(b'agent1', b'prompter')
                writer.write(line)
                if not line.endswith(b'\n'):
                    writer.write_eof()
                try:
                    said = await asyncio.wait_for(reader.read(), SECONDS)
                    self.assertEqual(b'', said)
                except ConnectionResetError:
                    pass
                writer.close()
        lines = [text for _, text in agent.said('log')]
        self.assertEqual([], [text for text in lines if 'stumbled' in text])

    async def test_nonsense_of_an_agent(self):
        other = await self.agent()
        for line in NONSENSE:
            agent = await self.agent()
            agent._writer.write(line)
            agent._writer.write_eof()
            await until(lambda agent=agent: agent._task.done(), 'hang up')
        await until(lambda: [other.hello['id']] == list(self.gateway._workers))

    async def test_ports_come_and_go(self):
        first = await self.agent(host='localhost')
        second = await self.agent(host='127.0.0.1')
        self.assertEqual(1, len(list(self.gateway._groups)))
        first.die()
        await until(lambda: len(self.gateway._workers) == 1)
        self.assertEqual(1, len(list(self.gateway._groups)))
        second.die()
        await until(lambda: not self.gateway._workers)
        with self.assertRaises(OSError):
            await self.client()
        await self.agent()
        await self.client()

    async def test_addresses_are_forgotten(self):
        groups = self.gateway._groups
        first = await self.agent()
        first.die()
        with mock.patch.object(groups_, '_MAX_GROUPS', 10):
            for number in range(20):
                agent = await self.agent(protocol='pydevd', port=number + 1)
                agent.die()
                await until(lambda: not self.gateway._workers)
        self.assertEqual(10, len(list(groups)))
        with self.assertRaises(KeyError):
            self.group()  # the oldest
        kept = await self.agent()
        client = await self.client()
        kept.die()
        await until(lambda: not self.gateway._workers)
        port = self.group()
        groups.forget(0)
        self.assertEqual([port], list(groups))  # a session waits in it
        client.peer.close()
        await client.task
        await until(lambda: not port.is_used)
        groups.forget()
        self.assertEqual([port], list(groups))
        groups.forget(0)
        self.assertEqual([], list(groups))

    async def test_a_client_that_comes_as_the_last_worker_goes(self):
        for number in range(20):
            old = await self.agent()
            reaching = asyncio.ensure_future(self.client())
            for _ in range(number % 6):
                await asyncio.sleep(0)
            old.die()
            try:
                client = await reaching
            except OSError:
                continue  # it was too late
            await until(
                lambda old=old: old.hello['id'] not in self.gateway._workers
            )
            new = await self.agent()
            if not client.task.done():
                sessions = [
                    session
                    for port in self.gateway._groups
                    for session in port.sessions
                ]
                self.assertEqual(1, len(sessions), number)
            client.peer.close()
            await client.task
            new.die()
            await until(lambda: not self.gateway._workers)

    @unittest.skipUnless(os.geteuid() == 0, 'only root can be two users')
    async def test_another_user_is_not_heard(self):
        stranger = await asyncio.create_subprocess_exec(
            sys.executable,
            '-c',
            STRANGER,
            env=fresh.environ(OSDBG_SOCKET=os.environ['OSDBG_SOCKET']),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(stranger.communicate(), 20)
        self.assertEqual(b"b''\n", said)

    async def test_one_that_is_back_before_its_end_is_read(self):
        old = await self.agent(id='same')
        await self.agent(id='same')
        worker = self.gateway._workers['same']
        old.die()
        port = self.group()
        await until(lambda: port.workers == [worker])
        self.assertIs(worker, self.gateway._workers['same'])

    async def test_a_ticket_joins_once(self):
        agent = await self.agent()
        client = await self.client()
        await client.ask('initialize')
        ticket = await agent.wait('load')
        for again in (ticket, ticket[:-1] + '9'):
            reader, writer = await connect(join=again)
            self.assertEqual(b'', await reader.read())
            writer.close()
        self.assertEqual(1, len(agent.links))


class TestEnd(GatewayTestCase):
    def setUp(self):
        super().setUp()
        self.hasten(protocol, 'GRACE', 0.2)

    async def test_nobody_joins_one_that_ends(self):
        reader, writer = await asyncio.open_unix_connection(protocol.address())
        OPENED.append(writer)
        await asyncio.wait_for(self._task, SECONDS)
        writer.write(protocol.encode({'hello': hello_of(port=self.port)}))
        self.assertEqual(b'', await asyncio.wait_for(reader.read(), SECONDS))
        self.assertEqual({}, self.gateway._workers)

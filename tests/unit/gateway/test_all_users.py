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

"""A gateway that root runs for all users: nobody is in another's way."""

import asyncio
import os
import socket
import unittest

from osdbg.gateway import control
from osdbg.gateway import protocol
from tests.unit.gateway.parts import Agent
from tests.unit.gateway.parts import Client
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import KEPT
from tests.unit.gateway.parts import OPENED
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import until

ONE, OTHER = 65533, 65534


def connect_as(uid, family, address):
    """Return a connection that another user has made."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        try:
            os.setgid(uid)
            os.setuid(uid)
            sock = socket.socket(family)
            sock.connect(address)
            socket.send_fds(theirs, [b'.'], [sock.fileno()])
        finally:
            os._exit(0)
    theirs.close()  # or the end of one that was refused would not show
    with ours:
        _, (fd,), _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(pid, 0)
    return socket.socket(fileno=fd)


@unittest.skipIf(os.geteuid(), 'only root can be several users')
class TestAllUsers(GatewayTestCase):
    async def asyncSetUp(self):
        listener = protocol.listen().detach()
        self.gateway = control.Gateway(listener, for_all=True)
        self._task = asyncio.ensure_future(self.gateway.run())

    async def streams(self, uid):
        sock = connect_as(uid, socket.AF_UNIX, protocol.address())
        reader, writer = await asyncio.open_unix_connection(sock=sock)
        OPENED.append(writer)
        return reader, writer

    async def service(self, uid, **more):
        """Have a user arm a process, at the port that all want."""
        hello = hello_of(
            **{
                'id': f'of {uid}',
                'pid': uid,
                'port': self.port,
                'name': f'service of {uid}',
                **more,
            }
        )
        reader, writer = await self.streams(uid)
        writer.write(protocol.encode({'hello': hello}))
        agent = Agent(reader, writer, hello)
        agent.uid = uid
        KEPT.append(agent)
        return agent

    async def come(self, uid):
        sock = connect_as(uid, socket.AF_INET, ('127.0.0.1', self.port))
        reader, writer = await asyncio.open_connection(sock=sock)
        OPENED.append(writer)
        client = Client(reader, writer)
        KEPT.append(client)
        return client

    async def ask(self, uid, **question):
        reader, writer = await self.streams(uid)
        writer.write(protocol.encode({'ask': question}))
        line = await asyncio.wait_for(reader.readline(), SECONDS)
        writer.close()
        told = protocol.decode(line)['processes']
        return {process['name']: process for process in told}

    async def both(self):
        agents = [await self.service(uid) for uid in (ONE, OTHER)]
        for agent in agents:
            self.assertEqual('', await agent.wait('port'))
        return agents

    async def test_one_port_and_to_each_his_own(self):
        one, other = await self.both()
        for uid, mine, others in ((ONE, one, other), (OTHER, other, one)):
            client = await self.come(uid)
            attaching = asyncio.ensure_future(client.attach())
            await mine.wait('admit')
            self.assertEqual(uid, mine.said('admit')[-1][1]['uid'])
            client.peer.close()
            await asyncio.wait({attaching})
            worker = self.gateway._workers[mine.hello['id']]
            await until(
                lambda: not worker.attached and not worker.debugger.loading
            )
            self.assertEqual([], others.said('load'))
            self.assertEqual([], others.said('admit'))
            for agent in (one, other):
                agent.orders.clear()

    async def test_nobody_sees_or_closes_anothers(self):
        one, other = await self.both()
        self.assertEqual([f'service of {ONE}'], list(await self.ask(ONE)))
        self.assertEqual(2, len(await self.ask(0)))
        ids = [one.hello['id'], other.hello['id']]
        asking = asyncio.ensure_future(self.ask(OTHER, ids=ids, open=False))
        await other.wait('open')
        other.send(open=False)
        self.assertEqual([f'service of {OTHER}'], list(await asking))
        self.assertEqual([], one.said('open'))

    async def test_the_ticket_of_another_is_of_no_use(self):
        one, _ = await self.both()
        client = await self.come(ONE)
        one._load = lambda ticket: asyncio.sleep(0)
        await client.ask('initialize')
        ticket = await one.wait('load')
        reader, writer = await self.streams(OTHER)
        writer.write(protocol.encode({'join': ticket}))
        self.assertEqual(b'', await asyncio.wait_for(reader.read(), SECONDS))
        worker = self.gateway._workers[one.hello['id']]
        self.assertFalse(worker.debugger.load().done())
        writer.close()

    async def test_when_the_first_goes_the_port_stays(self):
        one, other = await self.both()
        told = len(other.said('port'))
        one.die()
        # It is closed for a moment, and opened anew for those who stay.
        await other.wait('port', told + 1)
        client = await self.come(OTHER)
        asking = asyncio.ensure_future(client.ask('initialize'))
        self.assertTrue((await asking)['success'])

    async def test_a_stranger(self):
        await self.both()
        sock = connect_as(65532, socket.AF_INET, ('127.0.0.1', self.port))
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            said = await asyncio.wait_for(reader.read(), SECONDS)
        except ConnectionResetError:
            said = b''
        self.assertEqual(b'', said)
        writer.close()

    async def test_it_lends_nobody_its_rights(self):
        for wish in ({'host': 'unix:/etc/osdbg', 'port': 0}, {'port': 80}):
            agent = await self.service(ONE, **wish)
            await asyncio.wait_for(agent._task, SECONDS)
            self.assertEqual([], agent.orders)

    async def test_one_id_is_one_process(self):
        one, _ = await self.both()
        thief = await self.service(OTHER, id=one.hello['id'])
        await asyncio.wait_for(thief._task, SECONDS)
        worker = self.gateway._workers[one.hello['id']]
        self.assertEqual(ONE, worker.guard.uid)

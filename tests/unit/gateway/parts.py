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

"""The real gateway in this process, and those who connect to it."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import unittest
import uuid

from osdbg import agent as agent_
from osdbg.gateway import control
from osdbg.gateway import dap
from osdbg.gateway import port as port_
from osdbg.gateway import protocol
from osdbg.gateway import worker as worker_
from osdbg import settings
from tests.functional.harness import free_port

SECONDS = 10
OPENED: list[object] = []
# asyncio ends the connections that nobody refers to.
KEPT: list[object] = []


async def streams():
    """Return reader and writer of both ends of a real connection."""
    left, right = socket.socketpair()
    return (
        *await asyncio.open_connection(sock=left, limit=dap.MAX_HEADER),
        *await asyncio.open_connection(sock=right, limit=dap.MAX_HEADER),
    )


def hello_of(**more):
    """Return what an agent says of itself."""
    hello = agent_.Agent(settings.Settings({'name': 'api'})).hello()
    return {**hello, 'parent': '', 'forked': False, **more}


async def until(probe, what='condition'):
    """Wait until ``probe()`` returns something true, and return it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS
    while True:
        found = probe()
        if found:
            return found
        if loop.time() > deadline:
            raise AssertionError(f'no {what} in {SECONDS} s')
        await asyncio.sleep(0.005)


def start_program(case, code):
    """Start another program that runs Python code in a child."""
    process = subprocess.Popen(
        ['/bin/sh', '-c', '"$0" -c "$1"; :', sys.executable, code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    case.addCleanup(process.wait)
    case.addCleanup(process.kill)
    case.addCleanup(process.stdout.close)
    case.addCleanup(process.stdin.close)
    return process


class Agent:
    """The other end of the control socket, and the debugger behind it."""

    def __init__(self, reader, writer, hello):
        self.hello = hello
        self.orders = []
        self.links = []
        self.tasks = []
        self.asked = []
        self.reason = ''
        self.veto = ''
        self.answers = {}
        self._reader = reader
        self._writer = writer
        self._task = asyncio.ensure_future(self._obey())

    async def _obey(self):
        while True:
            line = await self._reader.readline()
            if not line:
                return
            for order, value in protocol.decode(line).items():
                self.orders.append((order, value))
                if order == 'load':
                    await self._load(value)
                elif order == 'attached':
                    self.send(attached=value)
                elif order == 'admit':
                    self.send(admitted=value[0], veto=self.veto)

    async def _load(self, ticket):
        if self.reason:
            self.send(failed=ticket, reason=self.reason)
            return
        if self.hello['protocol'] == 'pydevd':
            self.links.append(Lines(*await connect(join=ticket)))
            return  # loaded once the IDE has let it run
        link = dap.Peer(*await connect(join=ticket))
        link.handle = lambda request: self._answer(link, request)
        self.links.append(link)
        self.tasks.append(asyncio.ensure_future(link.run()))
        self.send(loaded=ticket, version='1.2.3')

    def loaded(self):
        """Say that the debugger is loaded to the end."""
        self.send(loaded=self.said('load')[-1], version='1.2.3')

    def _answer(self, link, request):
        command = request['command']
        self.asked.append((command, request.get('arguments')))
        answer = self.answers.get(command, {})
        if isinstance(answer, str):
            link.refuse(request, answer)
        else:
            link.answer(request, answer)

    def send(self, **message):
        self._writer.write(protocol.encode(message))

    def said(self, order):
        return [value for name, value in self.orders if name == order]

    def commands(self):
        return [command for command, _ in self.asked]

    async def wait(self, order, count=1):
        """Wait for an order and return its newest value."""
        return (
            await until(
                lambda: len(self.said(order)) >= count and self.said(order),
                f'{order} in {self.orders}',
            )
        )[-1]

    def die(self):
        """End without a goodbye, as a killed process does."""
        for link in self.links:
            link.close()
        self._writer.transport.abort()


class Lines:
    """A debugger whose protocol the gateway does not know."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def read(self):
        return await asyncio.wait_for(self.reader.read(65536), SECONDS)

    def close(self):
        self.writer.close()


class Client:
    """A client at a public port."""

    def __init__(self, reader, writer):
        self.peer = dap.Peer(reader, writer)
        self.peer.handle = self._take
        self.events = []
        self.requests = []
        self.accepts = True
        self.task = asyncio.ensure_future(self.peer.run())

    def _take(self, message):
        if message['type'] == 'event':
            self.events.append((message['event'], message.get('body')))
        else:
            self.requests.append(message)
            if self.accepts:
                self.peer.answer(message)
            else:
                self.peer.refuse(message, 'no')

    async def ask(self, command, **arguments):
        return await self.peer.ask(command, arguments, SECONDS)

    def names(self):
        return [name for name, _ in self.events]

    async def wait(self, name):
        return (
            await until(
                lambda: [b for n, b in self.events if n == name],
                f'{name} in {self.events}',
            )
        )[-1]

    async def attach(self, start_debugging=True, **arguments):
        """Attach to the end, and return the answer."""
        await self.ask(
            'initialize', supportsStartDebuggingRequest=start_debugging
        )
        attached = asyncio.ensure_future(self.ask('attach', **arguments))
        await until(lambda: attached.done() or 'initialized' in self.names())
        if not attached.done():
            await self.ask('configurationDone')
        return await attached


def abort_all():
    while OPENED:
        OPENED.pop().transport.abort()


async def connect(**message):
    reader, writer = await asyncio.open_unix_connection(protocol.address())
    OPENED.append(writer)
    writer.write(protocol.encode(message))
    return reader, writer


class GatewayTestCase(unittest.IsolatedAsyncioTestCase):
    """Each test has a gateway with an address and a port of its own."""

    def setUp(self):
        before = os.environ.get('OSDBG_SOCKET')
        os.environ['OSDBG_SOCKET'] = f'osdbg-unit-{uuid.uuid4().hex}'
        self.addCleanup(os.environ.pop, 'OSDBG_SOCKET')
        if before:
            self.addCleanup(os.environ.update, OSDBG_SOCKET=before)
        self.port = free_port()
        self._agents = 0

    def hasten(self, module, name, seconds=0.05):
        """Have a module wait for less long."""
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, seconds)

    async def asyncSetUp(self):
        # It would note a traceback for each callback: two thirds of the time.
        asyncio.get_running_loop().set_debug(False)
        self.gateway = control.Gateway(protocol.listen().detach())
        self._task = asyncio.ensure_future(self.gateway.run())

    async def asyncTearDown(self):
        abort_all()
        mine = {asyncio.current_task(), self._task}
        tasks = asyncio.all_tasks() - mine
        if tasks:
            await asyncio.wait(tasks, timeout=0.5)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        abort_all()  # those that were just being opened
        self.gateway._listener.close()
        KEPT.clear()

    def group(self, kind=port_.Port, protocol='dap'):
        """Return the group of this test's port."""
        return self.gateway._groups._groups[
            kind, protocol, 'loopback', self.port, (), os.geteuid()
        ]

    async def numbers(self, *agents):
        """Return what numbers the agents have been given last."""
        port = self.group()
        known = {worker.id: worker.number for worker in port.workers}
        found = [known[agent.hello['id']] for agent in agents]
        for agent, number in zip(agents, found):
            if number is not None or agent.said('worker'):
                await until(
                    lambda agent=agent, number=number: (
                        agent.said('worker')[-1:] == [number]
                    ),
                    f'number {number} in {agent.orders}',
                )
        return found

    async def child(self, parent, **hello):
        return await self.agent(parent=parent.hello['id'], **hello)

    def age(self, agent, seconds=worker_.CHILD_SECONDS):
        """Let time pass since the agent's process has last forked."""
        worker = self.gateway._workers[agent.hello['id']]
        worker.forked -= seconds
        self.group().review()

    async def gone(self, agent):
        agent.die()
        await until(
            lambda: agent.hello['id'] not in self.gateway._workers, 'end'
        )

    async def agent(self, reason='', **hello):
        """Say hello, and return once the port has answered."""
        self._agents += 1
        hello = hello_of(
            **{
                'id': f'agent{self._agents}',
                'pid': 1000 + self._agents,
                'port': self.port,
                **hello,
            }
        )
        agent = Agent(*await connect(hello=hello), hello)
        agent.reason = reason
        KEPT.append(agent)
        await agent.wait('port')
        return agent

    async def client(self):
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', self.port, limit=2**20
        )
        OPENED.append(writer)
        client = Client(reader, writer)
        KEPT.append(client)
        return client

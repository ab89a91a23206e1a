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

"""A gateway that calls what asks the questions of debugpy's adapter."""

import asyncio

from osdbg.gateway import adapter as adapter_
from osdbg.gateway import dap
from osdbg.gateway import dialer as dialer_
from osdbg.gateway import group as group_
from osdbg.gateway import protocol
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import OPENED
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import until

THREAD = {'reason': 'started', 'threadId': 7}


class Server:
    """A debug server, as the adapter sees it."""

    def __init__(self, reader, writer):
        self.peer = dap.Peer(reader, writer)
        self.peer.handle = self._take
        self.writer = writer
        self.events = []
        self.task = asyncio.ensure_future(self.peer.run())

    def _take(self, message):
        self.events.append((message['event'], message.get('body')))

    async def ask(self, command, **arguments):
        return await self.peer.ask(command, arguments, SECONDS)

    async def identify(self):
        return (await self.ask('pydevdSystemInfo'))['body']['process']

    async def attach(self):
        await self.identify()
        for command in ('initialize', 'attach', 'configurationDone'):
            answer = await self.ask(command)
            assert answer['success'], answer

    async def closed(self):
        await asyncio.wait_for(self.task, SECONDS)


class Adapter:
    """An adapter that an IDE has told to listen."""

    def __init__(self, words=b''):
        self.servers = []
        self._words = words

    async def listen(self, port):
        self._listener = await asyncio.start_server(
            self._accept, '127.0.0.1', port, limit=dap.MAX_HEADER
        )
        return self

    async def _accept(self, reader, writer):
        OPENED.append(writer)
        writer.write(self._words)
        self.servers.append(Server(reader, writer))

    async def server(self, count=1):
        """Wait for so many connections, and return the last of these."""
        return (
            await until(
                lambda: len(self.servers) >= count and self.servers,
                f'call {count}',
            )
        )[count - 1]

    def close(self):
        self._listener.close()
        for server in self.servers:
            server.writer.close()


class AdapterTestCase(GatewayTestCase):
    def setUp(self):
        super().setUp()
        for module, name, seconds in (
            (dialer_, '_HERE_SECONDS', 0.02),
            (dialer_, '_LATE_SECONDS', 0.1),
            (dialer_, '_SETTLE_SECONDS', 0),
            (adapter_, '_GOODBYE_SECONDS', 0.05),
            (adapter_, '_DEATH_SECONDS', 0.05),
            (group_, 'SUCCESSOR_SECONDS', 0.5),
        ):
            self.hasten(module, name, seconds)

    async def adapter(self, *words):
        adapter = await Adapter(*words).listen(self.port)
        self.addCleanup(adapter.close)
        return adapter

    async def worker(self, reason='', **hello):
        return await self.agent(reason, direction='connect', **hello)

    async def attached(self, workers=1):
        """Attach an IDE to so many workers."""
        adapter = await self.adapter()
        agents = [await self.worker() for _ in range(workers)]
        for number in range(workers):
            await (await adapter.server(number + 1)).attach()
        return adapter, agents

    def agent_of(self, agents, server):
        return next(a for a in agents if a.hello['pid'] == server)


class TestCall(AdapterTestCase):
    async def test_nothing_is_loaded_before_the_adapter_wants_it(self):
        adapter = await self.adapter()
        worker = await self.worker()
        server = await adapter.server()
        found = await server.identify()
        self.assertEqual({'pid': worker.hello['pid'], 'ppid': 0}, found)
        self.assertEqual([], worker.said('load'))
        await server.ask('initialize', adapterID='debugpy')
        self.assertEqual(1, len(worker.said('load')))
        self.assertEqual(
            [('initialize', {'adapterID': 'debugpy'})], worker.asked
        )

    async def test_attach(self):
        _, (worker,) = await self.attached()
        self.assertEqual([True], worker.said('attached'))
        self.assertEqual(
            ['initialize', 'attach', 'configurationDone'], worker.commands()
        )

    async def test_others_are_children_of_the_first(self):
        adapter = await self.adapter()
        agents = [await self.worker() for _ in range(3)]
        first = await adapter.server()
        root = (await first.identify())['pid']
        await first.ask('initialize')
        await first.ask('attach')
        self.assertEqual(1, len(adapter.servers))
        await first.ask('configurationDone')
        await adapter.server(3)
        found = [await server.identify() for server in adapter.servers[1:]]
        self.assertEqual([root, root], [process['ppid'] for process in found])
        self.assertEqual(
            {agent.hello['pid'] for agent in agents},
            {root, *(process['pid'] for process in found)},
        )

    async def test_requests_and_events_pass(self):
        adapter, (worker,) = await self.attached()
        (server,) = adapter.servers
        worker.answers['threads'] = {'threads': [1]}
        answer = await server.ask('threads')
        self.assertEqual({'threads': [1]}, answer['body'])
        worker.links[0].event('thread', THREAD)
        await until(lambda: ('thread', THREAD) in server.events)

    async def test_adapter_hangs_up(self):
        adapter, (worker,) = await self.attached()
        adapter.servers[0].writer.transport.abort()
        await worker.wait('unload')
        self.assertIn('disconnect', worker.commands())
        self.assertFalse(await worker.wait('attached', 2))
        await (await adapter.server(2)).attach()
        self.assertTrue(await worker.wait('attached', 3))

    async def test_ide_leaves(self):
        adapter, (worker,) = await self.attached()
        answer = await adapter.servers[0].ask('disconnect')
        self.assertTrue(answer['success'])
        await worker.wait('unload')
        await adapter.servers[0].closed()

    async def test_ide_leaves_one_worker_and_comes_back(self):
        adapter, agents = await self.attached(2)
        server = adapter.servers[1]
        pid = (await server.identify())['pid']
        worker = self.agent_of(agents, pid)
        await server.ask('disconnect')
        await worker.wait('unload')
        await asyncio.sleep(2 * adapter_._GOODBYE_SECONDS)
        self.assertFalse(server.task.done())
        await server.attach()
        self.assertEqual(2, len(worker.said('load')))
        self.assertEqual(2, len(adapter.servers))

    async def test_others_end_with_the_first(self):
        adapter, agents = await self.attached(3)
        adapter.servers[0].writer.transport.abort()
        for agent in agents:
            await agent.wait('unload')
        for server in adapter.servers[:3]:
            await server.closed()


class TestInVain(AdapterTestCase):
    async def assert_let_go(self, adapter, worker):
        call = await until(
            lambda: next(iter(self.dialer()._calls.values()), None)
        )
        await (await adapter.server()).closed()
        self.assertEqual([], worker.said('load'))
        await until(lambda: call.why)
        return call.why

    def dialer(self):
        return next(iter(self.gateway._groups))

    async def test_silence(self):
        self.hasten(adapter_, '_SPEAK_SECONDS', 0.1)
        adapter = await self.adapter()
        why = await self.assert_let_go(adapter, await self.worker())
        self.assertIn('says nothing', why)

    async def test_no_dap(self):
        adapter = await self.adapter(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        why = await self.assert_let_go(adapter, await self.worker())
        self.assertIn('no debug adapter: expected a header', why)

    async def test_adapter_that_waits_for_an_ide(self):
        event = {'type': 'event', 'event': 'output', 'seq': 1}
        adapter = await self.adapter(dap.encode(event))
        why = await self.assert_let_go(adapter, await self.worker())
        self.assertIn("first word is 'output'", why)

    async def test_long_words_are_cut(self):
        words = dap.encode({'type': 'event', 'event': 'x\x1b\u202e' * 99})
        adapter = await self.adapter(words)
        why = await self.assert_let_go(adapter, await self.worker())
        self.assertIn("first word is 'x", why)
        self.assertTrue(why.isprintable())
        self.assertLess(len(why), 250)

    async def test_a_long_reason_is_cut(self):
        adapter = await self.adapter()
        worker = await self.worker(reason='no\n' + 'x' * 9999)
        server = await adapter.server()
        call = await until(lambda: self.gateway._workers['agent1'].session)
        await server.identify()
        answer = await server.ask('initialize')
        self.assertFalse(answer['success'])
        self.assertLess(len(answer['message']), 500)
        await until(lambda: call.why)
        self.assertTrue(call.why.isprintable())
        self.assertLessEqual(len(call.why), 80)
        self.assertEqual([], worker.links)

    async def test_adapter_whose_ide_has_gone(self):
        self.hasten(adapter_, '_WANT_SECONDS', 0.1)
        adapter = await self.adapter()
        worker = await self.worker()
        await (await adapter.server()).identify()
        why = await self.assert_let_go(adapter, worker)
        self.assertIn('no IDE behind it', why)

    async def test_no_debugger(self):
        adapter = await self.adapter()
        worker = await self.worker('no debugpy here')
        server = await adapter.server()
        await server.identify()
        answer = await server.ask('initialize')
        self.assertFalse(answer['success'])
        self.assertIn('no debugpy here', answer['message'])
        await server.closed()
        self.assertEqual([], worker.said('attached')[1:])

    async def test_adapter_goes_while_the_debugger_loads(self):
        adapter = await self.adapter()
        worker = await self.worker()
        worker._load = lambda ticket: asyncio.sleep(0)
        server = await adapter.server()
        await server.identify()
        server.peer.request('initialize', {}, lambda response: None)
        await worker.wait('load')
        server.writer.transport.abort()
        await worker.wait('unload')

    async def test_adapter_that_does_not_read(self):
        self.hasten(adapter_, '_FLUSH_SECONDS', 0.1)
        adapter, (worker,) = await self.attached()
        server = adapter.servers[0]
        server.writer.transport.pause_reading()
        for _ in range(10):
            worker.links[0].event('output', {'output': 'x' * 2**20})
        await until(
            lambda: (
                not worker.links[0]._writer.transport.get_write_buffer_size()
            )
        )
        worker.die()
        await until(lambda: not self.dialer()._calls, 'end of the call')


class TestDeath(AdapterTestCase):
    async def kill(self, agents, server):
        victim = self.agent_of(agents, (await server.identify())['pid'])
        await self.gone(victim)
        agents.remove(victim)

    async def test_first_worker_dies_and_is_followed(self):
        self.hasten(group_, 'SUCCESSOR_SECONDS', 0.1)
        adapter, agents = await self.attached(2)
        root = adapter.servers[0]
        pid = (await root.identify())['pid']
        self.agent_of(agents, pid).links[0].event('thread', THREAD)
        await until(lambda: root.events)
        await self.kill(agents, root)
        gone = ('thread', {'reason': 'exited', 'threadId': 7})
        await until(lambda: gone in root.events)
        self.assertIn('goes on with the others', str(root.events))
        successor = await self.worker()
        server = await adapter.server(3)
        self.assertEqual(
            {'pid': successor.hello['pid'], 'ppid': pid},
            await server.identify(),
        )
        await server.attach()
        await asyncio.sleep(2 * group_.SUCCESSOR_SECONDS)
        self.assertFalse(root.task.done())

    async def test_answers_for_a_worker_that_is_gone(self):
        adapter, agents = await self.attached(2)
        root = adapter.servers[0]
        await self.kill(agents, root)
        await until(lambda: 'output' in dict(root.events))
        self.assertEqual({'threads': []}, (await root.ask('threads'))['body'])
        answer = await root.ask('setBreakpoints', breakpoints=[{'line': 1}])
        self.assertEqual(
            {'breakpoints': [{'verified': False}]}, answer['body']
        )
        for command in ('evaluate', 'configurationDone'):
            self.assertFalse((await root.ask(command))['success'])
        self.assertTrue((await root.ask('disconnect'))['success'])

    async def test_only_worker_dies_and_is_followed(self):
        adapter, agents = await self.attached()
        await self.kill(agents, adapter.servers[0])
        await until(
            lambda: 'waits for another' in str(adapter.servers[0].events)
        )
        await self.worker()
        await (await adapter.server(2)).attach()
        self.assertFalse(adapter.servers[0].task.done())

    async def test_only_worker_dies_and_nobody_follows(self):
        adapter, agents = await self.attached()
        await self.kill(agents, adapter.servers[0])
        await adapter.servers[0].closed()

    async def test_other_worker_dies(self):
        adapter, agents = await self.attached(2)
        await self.kill(agents, adapter.servers[1])
        await adapter.servers[1].closed()
        self.assertFalse(adapter.servers[0].task.done())

    async def test_worker_dies_before_it_is_attached(self):
        adapter = await self.adapter()
        agents = [await self.worker()]
        server = await adapter.server()
        await self.kill(agents, server)
        await server.closed()

    async def test_debugger_dies_alone(self):
        adapter, (worker,) = await self.attached()
        worker.links[0].close()
        await adapter.servers[0].closed()
        await (await adapter.server(2)).attach()

    async def test_launcher_hands_over(self):
        adapter, (launcher,) = await self.attached()
        launcher.send(launching=True)
        await launcher.wait('unload')
        worker = await self.child(launcher, direction='connect')
        server = await adapter.server(2)
        self.assertEqual(worker.hello['pid'], (await server.identify())['pid'])
        self.assertIn('starts its workers', str(adapter.servers[0].events))


class TestGrace(AdapterTestCase):
    def setUp(self):
        super().setUp()
        self.hasten(protocol, 'GRACE', 0.4)
        self.hasten(group_, 'SUCCESSOR_SECONDS', 1)

    async def test_the_gateway_waits_with_the_ide(self):
        adapter, (agent,) = await self.attached()
        await self.gone(agent)
        await adapter.servers[0].closed()
        self.assertFalse(self._task.done())
        await asyncio.wait_for(self._task, SECONDS)

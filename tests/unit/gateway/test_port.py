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

"""A port: who is a launcher, who gets which number, and who listens."""

import asyncio

from osdbg.gateway import bounds
from osdbg.gateway import choice
from osdbg.gateway import group as group_
from osdbg.gateway import port as port_
from osdbg.gateway import protocol
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import until

LAUNCHER = None


class TestSelfDeclaredLauncher(GatewayTestCase):
    async def test_needs_no_children(self):
        parent = await self.agent()
        self.assertEqual([0], await self.numbers(parent))
        parent.send(launching=True)
        await until(lambda: parent.said('worker') == [0, LAUNCHER])
        # Spawned, not forked: it does not know its parent.
        self.assertEqual([0], await self.numbers(await self.agent()))

    async def test_says_so_to_a_new_gateway(self):
        parent = await self.agent(launching=True)
        self.assertEqual([LAUNCHER], await self.numbers(parent))

    async def test_is_a_worker_on_request(self):
        parent = await self.agent(launcher=True)
        child = await self.child(parent)
        parent.send(forked=True)
        parent.send(launching=True)
        self.assertEqual([0, 1], await self.numbers(parent, child))

    async def test_hands_its_session_over(self):
        parent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        parent.send(launching=True)
        await parent.wait('unload')
        child = await self.child(parent)
        await until(lambda: client.requests, 'startDebugging')
        arguments = client.requests[0]['arguments']['configuration']
        self.assertEqual(child.hello['pid'], arguments['subProcessId'])
        self.assertNotIn('terminated', client.names())
        self.assertEqual([], (await client.ask('threads'))['body']['threads'])


class TestHandOver(GatewayTestCase):
    """An attached process says that it is a launcher."""

    async def attached(self):
        agent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        return client, agent

    def assert_announced(self, client, *agents):
        self.assertEqual(
            [agent.hello['pid'] for agent in agents],
            [
                request['arguments']['configuration']['subProcessId']
                for request in client.requests
            ],
        )

    async def test_in_a_session_that_was_announced(self):
        root, _ = await self.attached()
        launcher = await self.agent()
        await until(lambda: root.requests, 'startDebugging')
        session = await self.client()
        arguments = root.requests[0]['arguments']['configuration']
        self.assertTrue((await session.attach(**arguments))['success'])
        launcher.send(launching=True)
        await session.wait('terminated')
        await launcher.wait('unload')
        child = await self.child(launcher)
        await until(lambda: len(root.requests) == 2, 'startDebugging')
        self.assert_announced(root, launcher, child)
        self.assertNotIn('terminated', root.names())

    async def test_before_the_client_is_told(self):
        launcher = await self.agent()
        launcher._load = lambda ticket: asyncio.sleep(0)
        client = await self.client()
        attaching = asyncio.ensure_future(client.attach())
        await until(lambda: self.gateway._workers['agent1'].session)
        await launcher.wait('load')
        launcher.send(launching=True)
        await launcher.wait('unload')
        child = await self.child(launcher)
        self.assertTrue((await attaching)['success'])
        self.assertEqual([True], child.said('attached'))
        self.assertEqual(['initialized'], client.names())

    async def test_while_the_debugger_answers(self):
        launcher = await self.agent()
        launcher._answer = lambda link, request: None
        client = await self.client()
        attaching = asyncio.ensure_future(client.attach())
        await until(lambda: self.gateway._workers['agent1'].session)
        await launcher.wait('load')
        launcher.send(launching=True)
        await launcher.wait('unload')
        await self.child(launcher)
        self.assertTrue((await attaching)['success'])

    async def test_just_when_the_debugger_has_answered(self):
        launcher = await self.agent()
        client = await self.client()
        port = self.group()
        (worker,) = port.workers

        def say(response):
            if response['command'] == 'attach':
                port.launch(worker)
            return True

        link = await worker.debugger.load()
        ask = link.request
        link.request = lambda command, arguments, answer: ask(
            command, arguments, lambda r: answer(r) or say(r)
        )
        attaching = asyncio.ensure_future(client.attach())
        await launcher.wait('unload')
        await self.child(launcher)
        self.assertTrue((await attaching)['success'])
        self.assertEqual(1, client.names().count('initialized'))

    async def test_before_anybody_else_says_hello(self):
        self.hasten(choice, '_WORKER_SECONDS', 0.1)
        launcher = await self.agent()
        launcher._load = lambda ticket: asyncio.sleep(0)
        client = await self.client()
        attaching = asyncio.ensure_future(client.attach())
        await until(lambda: self.gateway._workers['agent1'].session)
        launcher.send(launching=True)
        answer = await attaching
        self.assertIn('no worker has joined', answer['message'])

    async def test_while_the_client_sets_its_breakpoints(self):
        launcher = await self.agent()
        client = await self.client()
        await client.ask('initialize', supportsStartDebuggingRequest=True)
        attaching = asyncio.ensure_future(client.ask('attach'))
        await client.wait('initialized')
        launcher.send(launching=True)
        await until(lambda: self.gateway._workers['agent1'].launching)
        self.assertTrue((await client.ask('configurationDone'))['success'])
        self.assertTrue((await attaching)['success'])
        await launcher.wait('unload')
        child = await self.child(launcher)
        await until(lambda: client.requests, 'startDebugging')
        self.assert_announced(client, child)

    async def test_an_announced_one_before_it_is_attached(self):
        root, _ = await self.attached()
        launcher = await self.agent()
        await until(lambda: root.requests, 'startDebugging')
        launcher._answer = lambda link, request: None
        session = await self.client()
        arguments = root.requests[0]['arguments']['configuration']
        attaching = asyncio.ensure_future(session.attach(**arguments))
        await until(lambda: self.gateway._workers['agent2'].session)
        launcher.send(launching=True)
        await session.wait('terminated')
        await launcher.wait('unload')
        attaching.cancel()

    async def test_no_worker_comes_to_this_port(self):
        self.hasten(port_, '_FIRST_WORKER_SECONDS', 0.1)
        client, launcher = await self.attached()
        launcher.send(launching=True)
        await client.wait('terminated')
        said = [b['output'] for n, b in client.events if n == 'output']
        self.assertIn('starts its workers', said[0])
        self.assertIn(f'no worker has joined 127.0.0.1:{self.port}', said[1])
        self.assertIn('attach there', said[1])

    async def test_a_worker_comes_in_time(self):
        self.hasten(port_, '_FIRST_WORKER_SECONDS', 0.1)
        client, launcher = await self.attached()
        port = self.group()
        launcher.send(launching=True)
        await until(lambda: port._deadline, 'deadline')
        await self.child(launcher)
        self.assertIsNone(port._deadline)

    async def test_another_service_is_there(self):
        self.hasten(port_, '_FIRST_WORKER_SECONDS', 0.05)
        client, launcher = await self.attached()
        other = await self.agent(name='other')
        launcher.send(launching=True)
        await launcher.wait('unload')
        await asyncio.sleep(0.1)
        self.assertNotIn('terminated', client.names())
        self.assert_announced(client, other)


class TestReload(GatewayTestCase):
    """All workers end at once, and others follow, or none."""

    async def attached(self):
        agent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        await self.gone(agent)
        return client

    async def test_the_session_goes_on(self):
        client = await self.attached()
        successor = await self.agent()
        await until(lambda: client.requests, 'startDebugging')
        arguments = client.requests[0]['arguments']['configuration']
        self.assertEqual(successor.hello['pid'], arguments['subProcessId'])
        self.assertNotIn('terminated', client.names())

    async def test_the_session_ends_if_none_follows(self):
        self.hasten(group_, 'SUCCESSOR_SECONDS', 0.1)
        client = await self.attached()
        await client.wait('terminated')

    async def test_the_last_that_leaves_counts(self):
        self.hasten(group_, 'SUCCESSOR_SECONDS', 0.5)
        client = await self.attached()
        await asyncio.sleep(0.3)
        await self.gone(await self.agent())
        loop = asyncio.get_running_loop()
        left = loop.time()
        await client.wait('terminated')
        self.assertGreater(loop.time() - left, 0.4)

    async def test_who_cannot_be_replaced_is_not_waited_for(self):
        self.hasten(group_, 'SUCCESSOR_SECONDS', 60)
        agent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        worker = self.gateway._workers[agent.hello['id']]
        # Its process id is made up: there is no such executable.
        worker.pid, worker._alone = 2**22 + 1, True
        await self.gone(agent)
        await client.wait('terminated')
        self.assertEqual(1, client.names().count('terminated'))
        self.assertNotIn('output', client.names())


class TestGrace(GatewayTestCase):
    def setUp(self):
        super().setUp()
        self.hasten(protocol, 'GRACE', 0.4)
        self.hasten(group_, 'SUCCESSOR_SECONDS', 1)

    async def test_the_gateway_waits_with_the_client(self):
        agent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        await self.gone(agent)
        await client.wait('terminated')
        self.assertFalse(self._task.done())
        await asyncio.wait_for(self._task, SECONDS)


class TestWorkers(GatewayTestCase):
    async def reached(self, workers):
        """Return the numbers of the workers that a client reaches."""
        agents = [await self.agent(workers=workers) for _ in range(4)]
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        port = self.group()
        wanted = [worker for worker in port.workers if worker.wanted]
        await until(lambda: len(client.requests) == len(wanted) - 1)
        loaded = [n for n, agent in enumerate(agents) if agent.links]
        self.assertEqual([worker.number for worker in wanted], loaded)
        return loaded

    async def test_first(self):
        self.assertEqual([0], await self.reached('first'))

    async def test_numbers(self):
        self.assertEqual([0, 2], await self.reached('0,2'))

    async def test_all(self):
        self.assertEqual([0, 1, 2, 3], await self.reached('all'))

    async def test_eager_ones_are_loaded_when_named(self):
        agents = [await self.agent(workers='1', eager=True) for _ in range(2)]
        await agents[1].wait('load')
        self.assertEqual([], agents[0].said('load'))

    async def test_a_late_one_is_announced(self):
        await self.agent()
        client = await self.client()
        await client.attach()
        late = await self.agent(pid=77)
        await late.wait('load')
        (request,) = await until(lambda: client.requests)
        configuration = request['arguments']['configuration']
        self.assertEqual(77, configuration['subProcessId'])


class TestClients(GatewayTestCase):
    async def test_too_many_clients(self):
        self.addCleanup(setattr, bounds, 'STRANGERS', bounds.STRANGERS)
        bounds.STRANGERS = bounds.Crowd(2)
        await self.agent()
        attached = await self.client()
        await attached.attach()
        silent, heard, late = [await self.client() for _ in range(3)]
        said = await silent.wait('output')
        self.assertIn('waited longest', said['output'])
        await silent.task
        self.assertTrue((await heard.ask('initialize'))['success'])
        for client in (attached, heard, late, await self.client()):
            self.assertIn('success', await client.ask('threads'))
            self.assertFalse(client.task.done())

    async def test_nobody_left_closes_the_sessions(self):
        self.hasten(group_, 'SUCCESSOR_SECONDS')
        agent = await self.agent()
        client = await self.client()
        await client.attach()
        await self.gone(agent)
        await client.wait('terminated')
        await asyncio.sleep(0)
        self.assertEqual(['terminated'], client.names()[-1:])

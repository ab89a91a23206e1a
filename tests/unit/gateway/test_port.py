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
import errno
import os
import socket

from osdbg.gateway import port as port_
from osdbg.gateway import session as session_
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until

LAUNCHER = None


def hasten(case, name, seconds):
    case.addCleanup(setattr, port_, name, getattr(port_, name))
    setattr(port_, name, seconds)


class PortTestCase(GatewayTestCase):
    async def numbers(self, *agents):
        """Return what numbers the agents have been given last."""
        port = self.gateway._ports['loopback', self.port]
        known = {worker.id: worker.number for worker in port.workers}
        found = [known[agent.hello['id']] for agent in agents]
        for agent, number in zip(agents, found):
            if number is not LAUNCHER or agent.said('worker'):
                await until(
                    lambda agent=agent, number=number: (
                        agent.said('worker')[-1:] == [number]
                    ),
                    f'number {number} in {agent.orders}',
                )
        return found

    async def child(self, parent, **hello):
        return await self.agent(parent=parent.hello['id'], **hello)

    async def gone(self, agent):
        agent.die()
        await until(
            lambda: agent.hello['id'] not in self.gateway._workers, 'end'
        )

    def age(self, agent, seconds=worker_.CHILD_SECONDS):
        """Let time pass since the agent's process has last forked."""
        worker = self.gateway._workers[agent.hello['id']]
        worker.forked -= seconds
        self.gateway._ports['loopback', self.port].review()


class TestLauncher(PortTestCase):
    async def test_a_process_alone_works(self):
        self.assertEqual([0], await self.numbers(await self.agent()))

    async def test_a_parent_with_children_is_none(self):
        parent = await self.agent()
        self.assertEqual([0], await self.numbers(parent))
        children = [await self.child(parent) for _ in range(2)]
        self.assertEqual(
            [LAUNCHER, 0, 1], await self.numbers(parent, *children)
        )

    async def test_a_parent_that_has_just_forked_is_none(self):
        parent = await self.agent(forked=True)
        self.assertEqual([LAUNCHER], await self.numbers(parent))
        child = await self.child(parent)
        self.assertEqual([LAUNCHER, 0], await self.numbers(parent, child))

    async def test_a_fork_that_was_for_a_command(self):
        parent = await self.agent()
        parent.send(forked=True)
        await until(lambda: parent.said('worker') == [0, LAUNCHER])
        self.age(parent)
        self.assertEqual([0], await self.numbers(parent))

    async def test_expecting_ends_by_itself(self):
        before, port_.CHILD_SECONDS = port_.CHILD_SECONDS, 0.02
        self.addCleanup(setattr, port_, 'CHILD_SECONDS', before)
        parent = await self.agent(forked=True)
        worker = self.gateway._workers[parent.hello['id']]
        worker.forked -= worker_.CHILD_SECONDS - 0.05
        await until(lambda: parent.said('worker') == [0])

    async def test_a_worker_that_forks_goes_on_working(self):
        parent = await self.agent()
        child = await self.child(parent)
        grandchild = await self.child(child)
        child.send(forked=True)
        self.assertEqual(
            [LAUNCHER, 0, 1], await self.numbers(parent, child, grandchild)
        )

    async def test_a_daemonized_service(self):
        parent = await self.agent()
        launcher = await self.child(parent)
        await self.gone(parent)
        worker = await self.child(launcher)
        self.assertEqual([LAUNCHER, 0], await self.numbers(launcher, worker))

    async def test_works_itself_when_its_children_are_gone(self):
        parent = await self.agent()
        child = await self.child(parent)
        await self.gone(child)
        self.assertEqual([0], await self.numbers(parent))

    async def test_one_that_is_attached_keeps_its_session(self):
        parent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        child = await self.child(parent)
        self.assertEqual([0, 1], await self.numbers(parent, child))

    async def test_a_launcher_is_unloaded(self):
        parent = await self.agent(eager=True)
        await parent.wait('load')
        await until(lambda: parent.links)
        await self.child(parent)
        await parent.wait('unload')
        # And is not loaded again, for all that it is eager.
        parent.send(forked=True)
        await self.numbers(parent)
        self.assertEqual(1, len(parent.said('load')))

    async def test_one_that_says_so_is_unloaded(self):
        parent = await self.agent(eager=True)
        await until(lambda: parent.links)
        parent.send(launching=True)
        await parent.wait('unload')
        await until(lambda: parent.said('worker') == [0, LAUNCHER])
        child = await self.child(parent, eager=True)
        await child.wait('load')
        self.assertEqual(1, len(parent.said('load')))


class TestSelfDeclaredLauncher(PortTestCase):
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


class TestHandOver(PortTestCase):
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
        launcher.send(launching=True)
        await launcher.wait('unload')
        await self.child(launcher)
        self.assertTrue((await attaching)['success'])

    async def test_just_when_the_debugger_has_answered(self):
        launcher = await self.agent()
        client = await self.client()
        port = self.gateway._ports['loopback', self.port]
        (worker,) = port.workers

        def say(response):
            if response['command'] == 'attach':
                port.launch(worker)
            return True

        link = await worker.load()
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
        before, session_._WORKER_SECONDS = session_._WORKER_SECONDS, 0.1
        self.addCleanup(setattr, session_, '_WORKER_SECONDS', before)
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
        hasten(self, '_FIRST_WORKER_SECONDS', 0.1)
        client, launcher = await self.attached()
        launcher.send(launching=True)
        await client.wait('terminated')
        said = [b['output'] for n, b in client.events if n == 'output']
        self.assertIn('starts its workers', said[0])
        self.assertIn(f'no worker has joined 127.0.0.1:{self.port}', said[1])
        self.assertIn('attach there', said[1])

    async def test_a_worker_comes_in_time(self):
        hasten(self, '_FIRST_WORKER_SECONDS', 0.1)
        client, launcher = await self.attached()
        port = self.gateway._ports['loopback', self.port]
        launcher.send(launching=True)
        await until(lambda: port._deadline, 'deadline')
        await self.child(launcher)
        self.assertIsNone(port._deadline)

    async def test_another_service_is_there(self):
        hasten(self, '_FIRST_WORKER_SECONDS', 0.05)
        client, launcher = await self.attached()
        other = await self.agent(name='other')
        launcher.send(launching=True)
        await launcher.wait('unload')
        await asyncio.sleep(0.1)
        self.assertNotIn('terminated', client.names())
        self.assert_announced(client, other)


class TestReload(PortTestCase):
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
        hasten(self, '_SUCCESSOR_SECONDS', 0.1)
        client = await self.attached()
        await client.wait('terminated')

    async def test_the_last_that_leaves_counts(self):
        hasten(self, '_SUCCESSOR_SECONDS', 0.5)
        client = await self.attached()
        await asyncio.sleep(0.3)
        await self.gone(await self.agent())
        loop = asyncio.get_running_loop()
        left = loop.time()
        await client.wait('terminated')
        self.assertGreater(loop.time() - left, 0.4)

    async def test_who_cannot_be_replaced_is_not_waited_for(self):
        hasten(self, '_SUCCESSOR_SECONDS', 60)
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


class TestNumbers(PortTestCase):
    async def test_in_order_of_arrival(self):
        agents = [await self.agent() for _ in range(4)]
        self.assertEqual([0, 1, 2, 3], await self.numbers(*agents))

    async def test_a_successor_takes_the_free_number(self):
        agents = [await self.agent() for _ in range(3)]
        await self.gone(agents[1])
        self.assertEqual([1], await self.numbers(await self.agent()))
        self.assertEqual([3], await self.numbers(await self.agent()))

    async def test_a_wish_is_granted_when_free(self):
        second = await self.agent(number=1)
        other = await self.agent(number=1)
        self.assertEqual([1, 0], await self.numbers(second, other))

    async def test_each_service_counts_for_itself(self):
        agents = [await self.agent(name=n) for n in ('api', 'cell', 'api')]
        self.assertEqual([0, 0, 1], await self.numbers(*agents))


class TestWorkers(PortTestCase):
    async def reached(self, workers):
        """Return the numbers of the workers that a client reaches."""
        agents = [await self.agent(workers=workers) for _ in range(4)]
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        port = self.gateway._ports['loopback', self.port]
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


class TestListener(PortTestCase):
    async def test_each_service_is_told_once(self):
        api, cell = [await self.agent(name=n) for n in ('api', 'cell')]
        again = await self.agent()
        for agent, said in ((api, 1), (cell, 1), (again, 0)):
            lines = [line for _, line in agent.said('log')]
            self.assertEqual(said, len(lines), lines)
        self.assertIn(
            f'attach an IDE to 127.0.0.1:{self.port}', api.said('log')[0][1]
        )

    async def test_a_held_port_names_its_holder_and_opens_later(self):
        before, port_._RETRY_SECONDS = port_._RETRY_SECONDS, 0.05
        self.addCleanup(setattr, port_, '_RETRY_SECONDS', before)
        with socket.create_server(('127.0.0.1', self.port)):
            agent = await self.agent()
            (_, line) = await agent.wait('log')
            self.assertIn(f'127.0.0.1:{self.port} cannot be opened', line)
            self.assertIn(f'(process {os.getpid()}) has it', line)
            self.assertEqual(line, agent.said('port')[0])
        await until(lambda: agent.said('port')[-1] == '')
        await agent.wait('log', 2)
        self.assertEqual(2, len(agent.said('log')))
        await self.client()

    async def test_old_trouble_is_not_told_to_new_ones(self):
        with socket.create_server(('127.0.0.1', self.port)):
            await self.gone(await self.agent())
        agent = await self.agent()
        await agent.wait('log')
        self.assertEqual([''], agent.said('port'))

    async def test_each_service_has_its_own_spelling(self):
        for host in ('127.0.0.1', 'localhost', '127.0.0.2'):
            agent = await self.agent(host=host)
            (_, line) = await agent.wait('log')
            self.assertIn(f'attach an IDE to {host}:{self.port}', line)
            await self.gone(agent)

    async def test_the_holder_is_looked_for_once(self):
        before, port_._RETRY_SECONDS = port_._RETRY_SECONDS, 0.01
        self.addCleanup(setattr, port_, '_RETRY_SECONDS', before)
        with socket.create_server(('127.0.0.1', self.port)):
            agent = await self.agent()
            await agent.wait('log')
            await asyncio.sleep(0.1)
        self.assertEqual(1, len(agent.said('port')))

    async def test_a_port_for_root(self):
        port = port_.Port('127.0.0.1', 80)
        why = await port._why_not(PermissionError(errno.EACCES, 'no'))
        self.assertIn('set [remote_debug] port', why)

    async def test_closed_while_it_opens(self):
        for steps in range(30):
            port = port_.Port('127.0.0.1', self.port)
            port.open()
            for _ in range(steps):
                await asyncio.sleep(0)
            port.close()
            await asyncio.sleep(0.01)
            with socket.socket() as probe:
                found = probe.connect_ex(('127.0.0.1', self.port))
            self.assertEqual(errno.ECONNREFUSED, found, steps)

    async def test_too_many_clients(self):
        before, port_._SPARE_CLIENTS = port_._SPARE_CLIENTS, 2
        self.addCleanup(setattr, port_, '_SPARE_CLIENTS', before)
        await self.agent()
        clients = [await self.client() for _ in range(4)]
        await clients[3].task
        self.assertTrue((await clients[2].ask('threads'))['success'])
        clients[0].peer.close()
        port = self.gateway._ports['loopback', self.port]
        await until(lambda: len(port.sessions) == 2)
        self.assertTrue((await (await self.client()).attach())['success'])

    async def test_an_address_that_is_not_ours(self):
        agent = await self.agent(host='192.0.2.1')
        (trouble,) = agent.said('port')
        self.assertIn(f'192.0.2.1:{self.port} cannot be opened', trouble)
        self.assertIn('correct [remote_debug] host', trouble)
        self.assertNotIn('Errno', trouble)

    async def test_a_name_that_no_resolver_takes(self):
        agent = await self.agent(host='x' * 99)
        self.assertIn('correct [remote_debug] host', agent.said('port')[0])

    async def test_ipv6(self):
        agent = await self.agent(host='::1')
        if agent.said('port') != ['']:
            self.skipTest('no IPv6 here')
        self.assertIn(f'[::1]:{self.port}', agent.said('log')[0][1])

    async def test_nobody_left_closes_the_sessions(self):
        agent = await self.agent()
        client = await self.client()
        await client.attach()
        await self.gone(agent)
        await client.wait('terminated')
        await asyncio.sleep(0)
        self.assertEqual(['terminated'], client.names()[-1:])

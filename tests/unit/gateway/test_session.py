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

"""A client's session: what the gateway answers, refuses and announces."""

import asyncio
import gc

from osdbg.gateway.capabilities import CAPABILITIES
from osdbg.gateway import choice
from osdbg.gateway import dap
from osdbg.gateway import group
from osdbg.gateway import session as session_
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until

ALONE = ('stackTrace', 'evaluate', 'continue', 'pause', 'nonsense')


class SessionTestCase(GatewayTestCase):
    async def attached(self, workers=1, **arguments):
        """Return a client that is attached, and the agents."""
        agents = [await self.agent() for _ in range(workers)]
        client = await self.client()
        self.assertTrue((await client.attach(**arguments))['success'])
        return client, agents

    def assert_refused(self, answer, reason):
        self.assertFalse(answer['success'])
        self.assertRegex(answer['message'], reason)
        self.assertTrue(answer['body']['error']['showUser'])


class TestHandshake(SessionTestCase):
    async def test_initialize_comes_before_any_debugger(self):
        agent = await self.agent(reason='no debugpy')
        client = await self.client()
        answer = await client.ask('initialize')
        self.assertEqual(CAPABILITIES, answer['body'])
        await agent.wait('load')
        self.assert_refused(
            await client.ask('attach'), r'\[1001\]: no debugpy'
        )

    async def test_twice_is_refused(self):
        client, _ = await self.attached()
        self.assert_refused(await client.ask('initialize'), 'already')
        self.assert_refused(await client.ask('attach'), 'one attach')

    async def test_attach_comes_after_initialize(self):
        await self.agent()
        client = await self.client()
        self.assert_refused(await client.ask('attach'), 'one initialize')
        self.assert_refused(
            await client.ask('configurationDone'), 'after "attach"'
        )

    async def test_launch_is_refused(self):
        await self.agent()
        client = await self.client()
        await client.ask('initialize')
        self.assert_refused(await client.ask('launch'), '"attach"')
        self.assertTrue((await client.attach())['success'] is True)

    async def test_order_of_the_answers(self):
        await self.agent()
        client = await self.client()
        said = []
        for command in ('initialize', 'attach', 'configurationDone'):
            client.peer.request(
                command, {}, lambda m: said.append(m['command'])
            )
            if command == 'attach':
                await client.wait('initialized')
        await until(lambda: len(said) == 3)
        self.assertEqual(['initialize', 'configurationDone', 'attach'], said)

    async def test_the_arguments_reach_the_debugger(self):
        client, (agent,) = await self.attached(
            justMyCode=False, pathMappings=[{'localRoot': '/a'}]
        )
        asked = dict(agent.asked)
        self.assertEqual(
            {'justMyCode': False, 'pathMappings': [{'localRoot': '/a'}]},
            asked['attach'],
        )
        self.assertEqual([True], agent.said('attached'))

    async def test_the_debugger_refuses(self):
        agent = await self.agent()
        agent.answers['attach'] = 'bad arguments'
        client = await self.client()
        answer = await client.attach()
        self.assert_refused(answer, 'refused "attach": bad arguments')

    async def test_nobody_there(self):
        self.hasten(choice, '_WORKER_SECONDS')
        await self.agent(workers='7')
        client = await self.client()
        await client.ask('initialize')
        self.assert_refused(await client.ask('attach'), 'no worker has joined')

    async def test_a_successor_is_waited_for(self):
        parent = await self.agent()
        child = await self.agent(parent=parent.hello['id'])
        child.die()
        parent.send(forked=True)
        await until(lambda: parent.said('worker')[-1:] == [None])
        client = await self.client()
        await client.ask('initialize')
        attaching = asyncio.ensure_future(client.ask('attach'))
        await asyncio.sleep(0.05)
        await self.agent(parent=parent.hello['id'])
        await client.wait('initialized')
        attaching.cancel()

    async def test_every_worker_is_taken(self):
        self.hasten(choice, '_TAKEN_SECONDS')
        first = await self.attached()
        second = await self.client()
        await second.ask('initialize')
        self.assert_refused(
            await second.ask('attach'), 'debugged by another client'
        )
        del first  # asyncio closes connections that nobody refers to


class TestStuck(SessionTestCase):
    async def stopped(self):
        agent = await self.agent()
        agent._load = lambda ticket: asyncio.sleep(0)
        return agent

    async def test_the_next_worker_is_taken(self):
        self.hasten(session_, '_FIRST_SECONDS')
        agents = [await self.stopped(), await self.agent()]
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        self.assertEqual([True], agents[1].said('attached'))
        self.assertEqual(['initialized'], client.names())

    async def test_the_next_after_one_that_fails(self):
        await self.agent(reason='no debugpy')
        await self.agent(reason='none either')
        third = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        self.assertEqual([True], third.said('attached'))

    async def test_the_next_after_one_that_dies(self):
        first, _ = await self.stopped(), await self.agent()
        client = await self.client()
        attaching = asyncio.ensure_future(client.attach())
        await first.wait('load')
        await until(lambda: self.gateway._workers['agent1'].session)
        first.die()
        self.assertTrue((await attaching)['success'])
        self.assertNotIn('terminated', client.names())

    async def test_the_successor_of_one_that_dies(self):
        first = await self.stopped()
        client = await self.client()
        attaching = asyncio.ensure_future(client.attach())
        await first.wait('load')
        await until(lambda: self.gateway._workers['agent1'].session)
        first.die()
        await until(lambda: 'agent1' not in self.gateway._workers)
        await self.agent()
        self.assertTrue((await attaching)['success'])

    async def test_nobody_is_taken_for_one_who_left(self):
        await self.stopped()
        second = await self.agent()
        client = await self.client()
        await client.ask('initialize')
        attaching = asyncio.ensure_future(client.ask('attach'))
        await until(lambda: self.gateway._workers['agent1'].session)
        await client.ask('terminate')
        await client.wait('terminated')
        await asyncio.sleep(0.05)
        self.assertEqual([], second.said('load'))
        attaching.cancel()

    async def test_one_who_left_is_nothing_to_report(self):
        first, second = await self.stopped(), await self.agent()
        client = await self.client()
        await client.ask('initialize')
        attaching = asyncio.ensure_future(client.ask('attach'))
        await until(lambda: self.gateway._workers['agent1'].session)
        client.peer.close()
        await until(lambda: not self.gateway._workers['agent1'].session)
        await attaching
        await asyncio.sleep(0.05)
        # What nobody has asked for is reported when it is collected.
        gc.collect()
        await asyncio.sleep(0.05)
        for agent in (first, second):
            self.assertNotIn('stumbled', repr(agent.said('log')))

    async def test_the_first_reason_is_told(self):
        await self.agent(reason='no debugpy')
        await self.agent(reason='none either')
        client = await self.client()
        answer = await client.attach()
        self.assert_refused(answer, r'\[1001\]: no debugpy')
        workers = self.gateway._workers.values()
        self.assertEqual([None, None], [w.session for w in workers])


class TestStrangers(SessionTestCase):
    async def test_those_who_say_nothing_are_hung_up_on(self):
        self.hasten(session_, '_INITIALIZE_SECONDS')
        await self.agent()
        silent, ide = await self.client(), await self.client()
        await ide.ask('initialize')
        said = await silent.wait('output')
        self.assertIn('expected "initialize"', said['output'])
        await silent.task
        self.assertTrue((await ide.ask('threads'))['success'])

    async def test_long_messages_are_for_the_attached(self):
        client, _ = await self.attached()
        long = 'x' * dap.STRANGER.body
        await client.ask('threads')
        self.assertTrue((await client.ask('evaluate', a=long))['success'])
        stranger = await self.client()
        self.assertIs(dap.GONE, await stranger.ask('initialize', a=long))
        self.assertIn('Content-Length', str(stranger.events))

    async def test_those_who_leave_while_they_wait_take_no_worker(self):
        first, _ = await self.attached()
        waiting = [await self.client() for _ in range(20)]
        for client in waiting:
            await client.ask('initialize')
            client.peer.request('attach', {}, lambda answer: None)
        await asyncio.sleep(0.05)
        for client in waiting:
            client.peer._writer.transport.abort()
        await until(lambda: len(self.group().sessions) == 1)
        await first.ask('disconnect')
        self.assertTrue((await (await self.client()).attach())['success'])


class TestTalk(SessionTestCase):
    async def test_passes_through(self):
        client, (agent,) = await self.attached()
        agent.answers['evaluate'] = {'result': '42', 'strange': [None]}
        answer = await client.ask('evaluate', expression='6 * 7', x=None)
        self.assertEqual(agent.answers['evaluate'], answer['body'])
        self.assertEqual(
            ('evaluate', {'expression': '6 * 7', 'x': None}), agent.asked[-1]
        )
        agent.answers['goto'] = 'cannot jump'
        answer = await client.ask('goto')
        self.assertEqual('cannot jump', answer['message'])

    async def test_events_pass_through(self):
        client, (agent,) = await self.attached()
        for name in ('initialized', 'terminated', 'stopped', 'custom'):
            agent.links[0].event(name, {'threadId': 1})
        self.assertEqual({'threadId': 1}, await client.wait('custom'))
        self.assertEqual(1, client.names().count('initialized'))
        self.assertNotIn('terminated', client.names())

    async def test_events_wait_for_the_answer_to_attach(self):
        agent = await self.agent()
        client = await self.client()
        await client.ask('initialize')
        attaching = asyncio.ensure_future(client.ask('attach'))
        await client.wait('initialized')
        agent.links[0].event('stopped', {'threadId': 1})
        await client.ask('threads')
        self.assertEqual(['initialized'], client.names())
        await client.ask('configurationDone')
        await attaching
        await client.wait('stopped')

    async def test_the_process_as_a_whole(self):
        client, (agent,) = await self.attached()
        for command in ('pause', 'continue'):
            await client.ask(command, threadId=7, singleThread=False)
            self.assertEqual(
                (command, {'threadId': '*', 'singleThread': False}),
                agent.asked[-1],
            )

    async def test_continue_into_the_end(self):
        client, (agent,) = await self.attached()
        agent._answer = lambda link, request: agent.die()
        agent.links[0].handle = lambda request: agent.die()
        answer = await client.ask('continue', threadId=7)
        self.assertTrue(answer['success'])
        self.assertEqual({'allThreadsContinued': True}, answer['body'])

    async def test_system_info_names_the_version(self):
        client, (agent,) = await self.attached()
        agent.answers['pydevdSystemInfo'] = {'process': {'pid': 1}}
        answer = await client.ask('debugpySystemInfo')
        self.assertEqual(
            {'debugpy': {'version': '1.2.3'}, 'process': {'pid': 1}},
            answer['body'],
        )

    async def test_alone(self):
        await self.agent()
        client = await self.client()
        self.assertEqual(
            {'threads': []}, (await client.ask('threads'))['body']
        )
        for command in ALONE:
            self.assert_refused(await client.ask(command), 'no worker')

    async def test_strange_arguments(self):
        for command in ('setBreakpoints', 'initialize', 'attach', 'pause'):
            for arguments in (None, [], 'x', 1):
                await self.agent()
                client = await self.client()
                answer = await client.peer.ask(command, arguments, 5)
                self.assertEqual(command, answer.get('command'), arguments)
                client.peer.close()

    async def test_strange_arguments_while_attached(self):
        client, _ = await self.attached()
        for command in ('pause', 'continue', 'evaluate', 'disconnect'):
            for arguments in ([], 'x', 1):
                with self.subTest(f'{command} {arguments}'):
                    answer = await client.peer.ask(command, arguments, 5)
                    if command != 'disconnect':
                        self.assertEqual(command, answer.get('command'))

    async def test_nonsense_ends_the_session(self):
        client, (agent,) = await self.attached()
        client.peer._writer.write(b'nonsense\r\n\r\n')
        said = await client.wait('output')
        self.assertIn('expected a header', said['output'])
        await client.task
        await agent.wait('unload')


class TestEnd(SessionTestCase):
    async def test_disconnect(self):
        client, (agent,) = await self.attached()
        self.assertTrue((await client.ask('disconnect'))['success'])
        await client.task
        await agent.wait('unload')
        self.assertEqual(
            ('disconnect', {'terminateDebuggee': False}), agent.asked[-1]
        )
        self.assertEqual([True, False], agent.said('attached'))
        self.assertEqual('terminated', client.names()[-1])

    async def test_the_service_is_ended_only_when_asked(self):
        for value in (True, False, None, 1, 'true'):
            with self.subTest(value):
                client, (agent,) = await self.attached()
                await client.ask('disconnect', terminateDebuggee=value)
                self.assertEqual(
                    {'terminateDebuggee': value is True}, agent.asked[-1][1]
                )
                agent.die()
                await until(lambda: not self.gateway._workers)

    async def test_terminate_detaches(self):
        client, (agent,) = await self.attached()
        self.assertTrue((await client.ask('terminate'))['success'])
        self.assertEqual(
            ('disconnect', {'terminateDebuggee': False}), agent.asked[-1]
        )
        await client.wait('terminated')
        await agent.wait('unload')
        self.assertTrue((await client.ask('disconnect'))['success'])

    async def test_cut_off(self):
        client, (agent,) = await self.attached()
        client.peer._writer.transport.abort()
        await agent.wait('unload')
        second = await self.client()
        self.assertTrue((await second.attach())['success'])

    async def test_a_debugger_that_is_lost(self):
        client, (agent,) = await self.attached()
        agent.links[0].close()
        await self.assert_lost(client, agent)

    async def test_a_debugger_that_talks_nonsense(self):
        client, (agent,) = await self.attached()
        agent.links[0]._writer.write(
            b'Content-Length: %d\r\n\r\n' % (dap.DEBUGGER.body + 1)
        )
        await self.assert_lost(client, agent)

    async def assert_lost(self, client, agent):
        await client.wait('terminated')
        await agent.wait('unload')
        second = await self.client()
        self.assertTrue((await second.attach())['success'])

    async def test_terminated_is_said_once(self):
        self.hasten(group, 'SUCCESSOR_SECONDS')
        client, (agent,) = await self.attached()
        agent.die()
        await client.wait('terminated')
        for command in ('terminate', 'terminate', 'disconnect'):
            self.assertTrue((await client.ask(command))['success'])
        await client.task
        self.assertEqual(1, client.names().count('terminated'))

    async def test_terminated_is_said_once_however_often_asked(self):
        client, _ = await self.attached()
        for command in ('terminate', 'terminate', 'disconnect'):
            self.assertTrue((await client.ask(command))['success'])
        await client.task
        self.assertEqual(1, client.names().count('terminated'))


class TestMany(SessionTestCase):
    async def children(self, **arguments):
        client, agents = await self.attached(3, **arguments)
        await until(lambda: len(client.requests) == 2)
        found = [r['arguments']['configuration'] for r in client.requests]
        return client, agents, found

    async def test_start_debugging(self):
        client, agents, found = await self.children(
            name='mine', justMyCode=False, processId=1, restart=True
        )
        for number, configuration in enumerate(found, 1):
            self.assertEqual(
                {
                    'name': f'api worker {number} [{1001 + number}]',
                    'subProcessId': 1001 + number,
                    'justMyCode': False,
                    'connect': {'host': '127.0.0.1', 'port': self.port},
                },
                configuration,
            )
        for request in client.requests:
            self.assertEqual('startDebugging', request['command'])
            self.assertEqual('attach', request['arguments']['request'])

    async def test_the_address_that_the_client_used(self):
        for given in (
            {'connect': {'host': 'far', 'port': 9}},
            {'host': 'far', 'port': 9},
        ):
            _, agents, found = await self.children(**given)
            self.assertEqual({'host': 'far', 'port': 9}, found[0]['connect'])
            for agent in agents:
                agent.die()
            await until(lambda: not self.gateway._workers)

    async def test_a_client_that_speaks_with_a_program_of_its_own(self):
        listen = {'host': '127.0.0.1', 'port': 5678}
        _, _, found = await self.children(
            listen=listen, debugAdapterPath='/bridge.py'
        )
        for configuration in found:
            self.assertEqual(listen, configuration['listen'])
            self.assertEqual('/bridge.py', configuration['debugAdapterPath'])
            self.assertNotIn('connect', configuration)

    async def test_clients_without_start_debugging(self):
        client, _ = await self.attached(2, start_debugging=False)
        body = await client.wait('debugpyAttach')
        self.assertEqual(
            ('attach', 1002), (body['request'], body['subProcessId'])
        )

    async def test_a_child_session(self):
        client, agents, found = await self.children()
        child = await self.client()
        self.assertTrue((await child.attach(**found[1]))['success'])
        self.assertEqual([True], agents[2].said('attached'))
        again = await self.client()
        await again.ask('initialize')
        await again.ask('attach', **found[1])
        await again.wait('terminated')
        child.peer.close()
        await agents[2].wait('unload')
        self.assertEqual([], agents[0].said('unload'))

    async def test_one_that_ended_meanwhile_is_no_error(self):
        await self.agent()
        for pid in (999, 'x', [], {}):
            client = await self.client()
            await client.ask('initialize')
            answer = await client.ask('attach', subProcessId=pid)
            self.assertTrue(answer['success'])
            await client.wait('terminated')

    async def test_one_that_joins_meanwhile_is_announced_once(self):
        await self.agent()
        client = await self.client()
        await client.ask('initialize', supportsStartDebuggingRequest=True)
        attaching = asyncio.ensure_future(client.ask('attach'))
        await client.wait('initialized')
        late = await self.agent()
        await asyncio.sleep(0.05)
        self.assertEqual([], late.said('load'))
        await client.ask('configurationDone')
        self.assertTrue((await attaching)['success'])
        await until(lambda: client.requests)
        await client.ask('threads')
        self.assertEqual(1, len(client.requests))

    async def test_declined(self):
        client = await self.client_that_declines()
        self.assertEqual(1, len(client.requests))
        await self.agent()
        await until(lambda: len(client.requests) == 2)

    async def client_that_declines(self):
        await self.agent()
        other = await self.agent()
        client = await self.client()
        client.accepts = False
        await client.attach()
        await other.wait('unload')
        return client

    async def test_one_that_cannot_load_is_named(self):
        await self.agent()
        await self.agent(reason='no debugpy')
        client = await self.client()
        await client.attach()
        said = await client.wait('output')
        self.assertIn('api worker 1 [1002]: no debugpy', said['output'])

    async def test_the_first_worker_dies(self):
        client, agents, _ = await self.children()
        agents[0].links[0].event(
            'thread', {'reason': 'started', 'threadId': 5}
        )
        await client.wait('thread')
        agents[0].die()
        said = await client.wait('output')
        self.assertIn('api worker 0 [1001] is gone', said['output'])
        self.assertEqual(
            {'reason': 'exited', 'threadId': 5}, await client.wait('thread')
        )
        self.assertNotIn('terminated', client.names())
        answer = await client.ask(
            'setBreakpoints', breakpoints=[{'line': 1}, {'line': 2}]
        )
        self.assertEqual(
            [False, False],
            [found['verified'] for found in answer['body']['breakpoints']],
        )
        for command in ALONE:
            self.assert_refused(await client.ask(command), 'no worker')
        await self.agent()
        await until(lambda: len(client.requests) == 3)

    async def test_all_die(self):
        self.hasten(group, 'SUCCESSOR_SECONDS')
        client, agents, _ = await self.children()
        for agent in agents:
            agent.die()
        await client.wait('terminated')

    async def test_the_last_client_leaves(self):
        client, agents, _ = await self.children()
        await client.ask('disconnect')
        for agent in agents:
            await agent.wait('unload')

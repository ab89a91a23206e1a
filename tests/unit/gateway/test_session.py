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

from osdbg.gateway import dap
from osdbg.gateway import group
from tests.unit.gateway.parts import until
from tests.unit.gateway.sessions import SessionTestCase

ALONE = ('stackTrace', 'evaluate', 'continue', 'pause', 'nonsense')


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

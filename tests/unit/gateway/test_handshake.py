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

"""The first words of a client, and which worker it gets."""

import asyncio
import gc

from osdbg.gateway.capabilities import CAPABILITIES
from osdbg.gateway import choice
from osdbg.gateway import dap
from osdbg.gateway import handshake
from tests.unit.gateway.parts import until
from tests.unit.gateway.sessions import SessionTestCase


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
        self.hasten(handshake, '_FIRST_SECONDS')
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
        self.hasten(handshake, '_INITIALIZE_SECONDS')
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

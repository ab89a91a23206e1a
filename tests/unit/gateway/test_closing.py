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

"""Who comes while a worker closes, ends, or is asked."""

import asyncio

from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until


class TestClosing(GatewayTestCase):
    async def asked(self, **hello):
        """Have a client wait for the answer of a worker that is asked."""
        self.service = await self.agent(**hello)
        held = []
        send = self.service.send

        def hold(**message):
            if 'admitted' in message:
                held.append(message)
            else:
                send(**message)

        self.service.send = hold
        client = await self.client()
        await client.ask('initialize')
        attaching = asyncio.ensure_future(client.ask('attach'))
        (answer,) = await until(lambda: held, 'question')
        return attaching, lambda: send(**answer)

    def events(self, agent):
        return [audit[1] for audit in agent.said('audit')]

    async def test_a_door_that_closes_lets_nobody_in(self):
        attaching, answer = await self.asked(left=0.2)
        self.assertIs(False, await self.service.wait('open'))
        answer()
        self.assertFalse((await attaching)['success'])
        self.assertEqual([], self.service.said('load'))
        self.assertEqual(['expired'], self.events(self.service))

    async def test_a_worker_that_ends_is_not_waited_for(self):
        attaching, _ = await self.asked()
        self.service.die()
        successor = await self.agent()
        await until(lambda: successor.commands() or attaching.done())
        self.assertIn('initialize', successor.commands())

    async def test_who_leaves_while_it_begins_was_never_attached(self):
        agent = await self.agent()
        client = await self.client()
        await client.ask('initialize')
        attaching = asyncio.ensure_future(client.ask('attach'))
        await client.wait('initialized')
        link = agent.links[0]
        answer = link.handle
        link.handle = lambda request: (
            None
            if request['command'] == 'configurationDone'
            else answer(request)
        )
        configuring = asyncio.ensure_future(client.ask('configurationDone'))
        await asyncio.sleep(0.1)  # nothing tells that it has come
        await client.ask('disconnect')
        await agent.wait('unload')
        await asyncio.wait({attaching, configuring})
        self.assertEqual([], self.events(agent))
        self.assertNotIn(True, agent.said('attached'))

    async def test_nobody_is_loaded_who_says_no(self):
        await self.agent()
        second = await self.agent()
        second.veto = 'not today'
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        await second.wait('audit')
        self.assertEqual(['refused'], self.events(second))
        self.assertEqual([], second.said('load'))

    async def test_a_door_that_has_closed_is_told_of_once(self):
        agent = await self.agent(opened=False, left=0.0)
        await asyncio.sleep(0.1)  # nothing is to happen
        self.assertEqual([], self.events(agent))

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

"""What agents tell after their hello: what is taken, and what is not."""

import asyncio

from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until

STOP = {'n': 1, 'where': 'a.py:1', 'along': False}
NONSENSE = (
    {'open': True, 'left': 'soon'},
    {'open': True, 'left': -1},
    {'stopped': 1},
    {'stopped': {**STOP, 'n': '1'}},
    {'stopped': {**STOP, 'where': None}},
    {'stopped': {**STOP, 'along': 1}},
    {'stopped': {'where': 'a.py:1', 'along': False}},
    {'resumed': [1]},
    {'resumed': {'n': 1, 'stepping': False}},
    {'resumed': {'n': [1]}},
    {'stopping': {'n': 1}},
    {'stopping': None},
)


class TestMessages(GatewayTestCase):
    async def test_strange_orders_are_ignored(self):
        agent = await self.agent()
        agent.send(failed=None)
        agent.send(loaded=[], version={})
        agent.send(whatever=1)
        agent.send(forked=True)
        client = await self.client()
        await asyncio.sleep(0)
        self.assertFalse(agent._task.done())
        client.peer.close()

    async def test_nonsense_is_hung_up_on(self):
        for message in NONSENSE:
            with self.subTest(message):
                agent = await self.agent()
                agent.send(**message)
                await until(lambda agent=agent: agent._task.done(), 'hang up')

    async def test_a_stop_is_noted_until_it_is_over(self):
        agent = await self.agent()
        worker = self.gateway._workers[agent.hello['id']]
        agent.send(stopped={**STOP, 'where': 'a\x1b[2J.py:1'})
        stopped = await until(worker.stops.describe, 'stop')
        self.assertEqual('a?[2J.py:1', stopped['where'])
        agent.send(resumed={'n': [1], 'stepping': False})
        await until(lambda: worker.stops.describe() is None, 'end')

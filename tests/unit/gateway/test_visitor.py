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

"""Who has come to a port: looked up once, and refused by those who may."""

import asyncio
import os

from osdbg.gateway import peers
from osdbg.gateway import visitor as visitor_
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until


class TestVisitor(GatewayTestCase):
    async def make(self, uid, **hello):
        """Return an agent, its worker, and somebody of a user who comes."""
        agent = await self.agent(**hello)
        worker = self.gateway._workers[agent.hello['id']]
        visitor = visitor_.Visitor(peers.Peer('here', uid))
        self.addCleanup(visitor.gone)
        return agent, worker, visitor

    async def test_whom_it_may_reach(self):
        other = os.geteuid() + 1
        _, worker, visitor = await self.make(other)
        self.assertFalse(visitor.may_reach(worker))
        _, worker, visitor = await self.make(other, allowed=[other])
        self.assertTrue(visitor.may_reach(worker))

    async def test_a_service_is_asked_once(self):
        agent, worker, visitor = await self.make(os.geteuid())
        agent.veto = 'a hook says no'
        vetoes = [visitor.veto(worker) for _ in range(3)]
        self.assertEqual(['a hook says no'] * 3, await asyncio.gather(*vetoes))
        self.assertEqual(1, len(agent.said('admit')))
        self.assertIs(visitor.known(), visitor.known())

    async def test_no_answer_is_waited_for_once_it_has_gone(self):
        agent, worker, visitor = await self.make(os.geteuid())
        veto = visitor.veto(worker)
        visitor.gone()
        await until(veto.done)
        self.assertTrue(veto.cancelled())
        self.assertEqual([], agent.said('admit'))

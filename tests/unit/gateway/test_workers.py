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

"""All armed processes: who may know of them, and who is waited for."""

import asyncio
import os

from osdbg.gateway import peers
from osdbg.gateway import workers as workers_
from tests.unit.gateway.parts import GatewayTestCase


class TestWorkers(GatewayTestCase):
    async def test_who_may_know_of_them(self):
        await self.agent()
        workers = self.gateway._workers
        for uid in (0, os.geteuid()):
            peer = peers.Peer('here', uid)
            self.assertEqual(workers, workers.visible_to(peer))
        for uid in (os.geteuid() + 1, None):
            peer = peers.Peer('here', uid)
            self.assertEqual({}, workers.visible_to(peer))

    async def test_one_on_its_way_is_waited_for(self):
        waiting = asyncio.ensure_future(self.gateway._workers.arrival('late'))
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        await self.agent(id='late')
        self.assertEqual('late', (await waiting).id)

    async def test_not_for_ever(self):
        self.hasten(workers_, '_RETURN_SECONDS')
        with self.assertRaises(KeyError):
            await self.gateway._workers.arrival('nobody')

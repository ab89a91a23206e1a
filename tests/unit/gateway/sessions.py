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

"""Clients that are attached, and what those are told that are not."""

from tests.unit.gateway.parts import GatewayTestCase


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

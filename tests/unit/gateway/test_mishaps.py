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

"""What goes wrong in the gateway itself, in the log of a service."""

import asyncio
import errno
import os

from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until


class TestMishaps(GatewayTestCase):
    async def test_a_bug_is_reported_once(self):
        agent = await self.agent()
        loop = asyncio.get_running_loop()
        for text in ('one', 'two', 'one', 'two'):
            loop.call_exception_handler({'message': text})
        await agent.wait('log', 3)
        agent.send(forked=True)
        await agent.wait('worker', 2)
        lines = [line for _, line in agent.said('log') if 'stumbled' in line]
        self.assertEqual(2, len(lines), lines)

    async def test_a_limit_is_no_bug(self):
        agent = await self.agent()
        loop = asyncio.get_running_loop()
        for error in (OSError(errno.EMFILE, 'too many'), MemoryError()):
            loop.call_exception_handler({'message': '', 'exception': error})
        await agent.wait('log', 3)
        lines = [line for _, line in agent.said('log')[1:]]
        for line in lines:
            self.assertIn(str(os.getpid()), line)
            self.assertNotIn('report it', line)

    async def test_descriptors_run_out(self):
        agent = await self.agent()
        asyncio.get_running_loop().call_exception_handler(
            {
                'message': 'accept',
                'exception': OSError(errno.EMFILE, 'Too many'),
            }
        )
        await until(lambda: 'LimitNOFILE' in str(agent.said('log')))

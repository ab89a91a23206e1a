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

"""Commands of users: what they are told, and what they may order."""

import asyncio

from osdbg.gateway import protocol
from tests.unit.gateway.parts import connect
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import SECONDS


class TestCommands(GatewayTestCase):
    async def ask(self, **question):
        reader, writer = await connect(ask=question)
        line = await asyncio.wait_for(reader.readline(), SECONDS)
        writer.close()
        return protocol.decode(line)['processes']

    async def test_a_command_is_told_who_is_reached(self):
        await self.agent(workers='1')
        await self.agent(workers='1')
        found = [(p['wanted'], p['trouble']) for p in await self.ask()]
        self.assertEqual([(False, ''), (True, '')], found)

    async def test_a_command_is_told_of_trouble(self):
        for kind in ('dap', 'pdb'):
            agent = await self.agent(protocol=kind, host='192.0.2.1')
            (process,) = await self.ask()
            self.assertIn('cannot be opened', process['trouble'])
            self.assertEqual(agent.said('port')[0], process['trouble'])
            await self.gone(agent)
        await self.agent(protocol='pydevd', direction='connect')
        self.assertEqual('', (await self.ask())[0]['trouble'])

    async def test_a_command_closes_a_worker(self):
        agent = await self.agent()
        asking = asyncio.ensure_future(
            self.ask(ids=['agent1', 'nobody'], open=False)
        )
        self.assertIs(False, await agent.wait('open'))
        agent.send(open=False)
        (process,) = await asking
        self.assertEqual(
            (False, False), (process['opened'], process['wanted'])
        )

    async def test_a_name_is_made_printable(self):
        agent = await self.agent(name='a\x1b[2J\n\ud800' + 99 * 'x')
        (process,) = await self.ask()
        self.assertEqual('a?[2J??' + 70 * 'x' + '...', process['name'])
        (_, line) = await agent.wait('log')
        self.assertTrue(line.isprintable())

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


import asyncio
import errno
import os
import socket

from osdbg.gateway import listener as listener_
from osdbg.gateway import port as port_
from osdbg.gateway import prompt_port
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until


class TestListener(GatewayTestCase):
    def listener(self, number):
        return port_.Port('127.0.0.1', number)._listener

    async def test_each_service_is_told_once(self):
        api, cell = [await self.agent(name=n) for n in ('api', 'cell')]
        again = await self.agent()
        for agent, said in ((api, 1), (cell, 1), (again, 0)):
            lines = [line for _, line in agent.said('log')]
            self.assertEqual(said, len(lines), lines)
        self.assertIn(
            f'attach an IDE to 127.0.0.1:{self.port}', api.said('log')[0][1]
        )

    async def test_a_held_port_names_its_holder_and_opens_later(self):
        before, listener_._RETRY_SECONDS = listener_._RETRY_SECONDS, 0.05
        self.addCleanup(setattr, listener_, '_RETRY_SECONDS', before)
        with socket.create_server(('127.0.0.1', self.port)):
            agent = await self.agent()
            (_, line) = await agent.wait('log')
            self.assertIn(f'127.0.0.1:{self.port} cannot be opened', line)
            self.assertIn(f'(process {os.getpid()}) has it', line)
            self.assertEqual(line, agent.said('port')[0])
        await until(lambda: agent.said('port')[-1] == '')
        await agent.wait('log', 2)
        self.assertEqual(2, len(agent.said('log')))
        await self.client()

    async def test_another_service_of_this_gateway_has_it(self):
        first = await self.agent(name='api', backend='debugpy')
        await first.wait('log')
        before, prompt_port._SPARE_PORTS = prompt_port._SPARE_PORTS, 0
        self.addCleanup(setattr, prompt_port, '_SPARE_PORTS', before)
        agent = await self.agent(
            name='cell', protocol='pdb', backend='remote_pdb', host='127.0.0.1'
        )
        (trouble,) = agent.said('port')
        self.assertIn(
            'api (backend = debugpy) has it already through osdbg; set '
            'another [remote_debug] port',
            trouble,
        )

    async def test_the_next_port_names_who_has_the_first(self):
        first = await self.agent(name='api', backend='debugpy')
        await first.wait('log')
        agent = await self.agent(name='cell', protocol='pdb')
        (_, line) = await agent.wait('log')
        self.assertIn(f'api (backend = debugpy) has port {self.port})', line)

    async def test_the_last_port_of_all(self):
        for module, name, value in (
            (listener_, '_LAST_PORT', self.port),
            (listener_, '_RETRY_SECONDS', 0.05),
        ):
            self.addCleanup(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        with socket.create_server(('127.0.0.1', self.port)):
            agent = await self.agent(protocol='pdb')
            (trouble,) = agent.said('port')
            self.assertIn('cannot be opened', trouble)
        await until(lambda: agent.said('port')[-1] == '')

    async def test_old_trouble_is_not_told_to_new_ones(self):
        with socket.create_server(('127.0.0.1', self.port)):
            await self.gone(await self.agent())
        agent = await self.agent()
        await agent.wait('log')
        self.assertEqual([''], agent.said('port'))

    async def test_each_service_has_its_own_spelling(self):
        for host in ('127.0.0.1', 'localhost', '127.0.0.2'):
            agent = await self.agent(host=host)
            (_, line) = await agent.wait('log')
            self.assertIn(f'attach an IDE to {host}:{self.port}', line)
            await self.gone(agent)

    async def test_the_holder_is_looked_for_once(self):
        before, listener_._RETRY_SECONDS = listener_._RETRY_SECONDS, 0.01
        self.addCleanup(setattr, listener_, '_RETRY_SECONDS', before)
        with socket.create_server(('127.0.0.1', self.port)):
            agent = await self.agent()
            await agent.wait('log')
            await asyncio.sleep(0.1)
        self.assertEqual(1, len(agent.said('port')))

    async def test_a_port_for_root(self):
        why = await self.listener(80)._why_not(
            PermissionError(errno.EACCES, 'no')
        )
        self.assertIn('set [remote_debug] port', why)

    async def test_closed_while_it_opens(self):
        for steps in range(30):
            listener = self.listener(self.port)
            listener.open()
            for _ in range(steps):
                await asyncio.sleep(0)
            listener.close()
            await asyncio.sleep(0.01)
            with socket.socket() as probe:
                found = probe.connect_ex(('127.0.0.1', self.port))
            self.assertEqual(errno.ECONNREFUSED, found, steps)

    async def test_an_address_that_is_not_ours(self):
        agent = await self.agent(host='192.0.2.1')
        (trouble,) = agent.said('port')
        self.assertIn(f'192.0.2.1:{self.port} cannot be opened', trouble)
        self.assertIn('correct [remote_debug] host', trouble)
        self.assertNotIn('Errno', trouble)

    async def test_a_name_that_no_resolver_takes(self):
        agent = await self.agent(host='x' * 99)
        self.assertIn('correct [remote_debug] host', agent.said('port')[0])

    async def test_ipv6(self):
        agent = await self.agent(host='::1')
        if agent.said('port') != ['']:
            self.skipTest('no IPv6 here')
        self.assertIn(f'[::1]:{self.port}', agent.said('log')[0][1])

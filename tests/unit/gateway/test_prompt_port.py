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
import json
import os
import socket

from osdbg.gateway import peers
from osdbg.gateway import prompt_port
from osdbg.gateway import workers
from tests.unit.gateway.parts import connect
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import until


class TestPromptPort(GatewayTestCase):
    async def worker(self, **hello):
        return await self.agent(protocol='pdb', **hello)

    async def prompt(self, agent, where='api.py:12', seconds=5):
        """Stop a thread of a worker: return what it reads and writes."""
        wish = {
            'worker': agent.hello['id'],
            'where': where,
            'seconds': seconds,
        }
        return await connect(prompt=wish)

    async def terminal(self, port=None):
        return await asyncio.open_connection('127.0.0.1', port or self.port)

    async def answer(self, reader):
        line = await asyncio.wait_for(reader.readline(), SECONDS)
        return json.loads(line) if line else None

    async def listening(self, port=None):
        def answers():
            with socket.socket() as probe:
                number = port or self.port
                return probe.connect_ex(('127.0.0.1', number)) == 0

        await until(answers, 'listener')

    async def test_a_thread_and_a_terminal_talk(self):
        agent = await self.worker()
        reader, writer = await self.prompt(agent)
        shown, typed = await self.terminal()
        self.assertEqual({'go': True}, await self.answer(reader))
        writer.write(b'(Pdb) ')
        self.assertIn(b'(Pdb) ', await shown.readuntil(b'(Pdb) '))
        typed.write(b'c\n')
        self.assertEqual(b'c\n', await reader.readline())
        writer.close()
        self.assertEqual(b'', await shown.read())

    async def test_a_terminal_that_comes_late_waits_for_the_next_worker(self):
        # It was let in at the last moment: TLS takes its time.
        agent = await self.worker()
        group = self.group(prompt_port.PromptPort, 'pdb')
        agent.die()
        await until(lambda: not self.gateway._workers)
        ours, theirs = socket.socketpair()
        shown, typed = await asyncio.open_connection(sock=ours)
        streams = await asyncio.open_connection(sock=theirs)
        peer = peers.Peer('unix:', os.geteuid())
        task = asyncio.ensure_future(group._accept(*streams, peer))
        await until(lambda: group.is_used)
        self.gateway._groups.forget(0)
        self.assertIn(b'no breakpoint', await shown.readline())
        _, going_on = await self.prompt(await self.worker())
        self.assertIn(b'api.py:12', await shown.readline())
        going_on.close()
        typed.close()
        await asyncio.wait_for(task, SECONDS)

    async def test_both_lines_say_what_to_type(self):
        agent = await self.worker()
        await self.prompt(agent, 'api.py:12')
        await agent.wait('log', 2)
        invitation, call = [line for _, line in agent.said('log')]
        place = f'127.0.0.1:{self.port}'
        self.assertIn(f'type osdbg attach {place}', invitation)
        self.assertIn('a breakpoint at api.py:12 waits', call)
        self.assertIn(f'type osdbg attach {place}', call)

    async def test_the_next_port_if_one_is_taken(self):
        with socket.create_server(('127.0.0.1', self.port)):
            agent = await self.worker()
            _, line = await agent.wait('log')
            group = self.group(prompt_port.PromptPort, 'pdb')
            number = group.public_number
            self.assertGreater(number, self.port)
            self.assertIn(f'type osdbg attach 127.0.0.1:{number}', line)
            self.assertIn(f'has port {self.port})', line)
            reader, _ = await self.prompt(agent)
            _terminal = await self.terminal(number)
            self.assertEqual({'go': True}, await self.answer(reader))
            self.assertTrue(_terminal)
        self.assertEqual([''], agent.said('port'))

    async def test_no_port_at_all(self):
        agent = await self.worker(host='192.0.2.1')
        self.assertIn('cannot be opened', agent.said('port')[0])

    async def test_a_process_that_hangs_opens_the_port_for_itself(self):
        agent = await self.worker(opened=False)
        self.assertEqual([''], agent.said('port'))
        with self.assertRaises(OSError):
            await self.terminal()
        reader, writer = await self.prompt(agent)
        await self.listening()
        shown, _ = await self.terminal()
        self.assertEqual({'go': True}, await self.answer(reader))
        writer.close()
        await shown.read()

        def closed():
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', self.port)) != 0

        await until(closed, 'closed port')

    async def test_opened_and_closed(self):
        agent = await self.worker(opened=False)
        agent.send(open=True)
        await self.listening()
        shown, _ = await self.terminal()
        self.assertIn(b'no breakpoint has been reached', await shown.read(80))
        agent.send(open=False)
        while await asyncio.wait_for(shown.read(4096), SECONDS):
            pass

    async def test_a_very_long_time(self):
        agent = await self.worker()
        for seconds in (10**30, 1e300):
            reader, writer = await self.prompt(agent, seconds=seconds)
            _, typed = await self.terminal()
            self.assertEqual({'go': True}, await self.answer(reader))
            writer.close()
            typed.close()

    async def test_the_place_is_made_printable(self):
        agent = await self.worker()
        await self.prompt(agent, 'a\x1b[2J.py:1\n' + 300 * 'x')
        await agent.wait('log', 2)
        line = agent.said('log')[1][1]
        self.assertIn('at a?[2J.py:1?xxx', line)
        self.assertTrue(line.isprintable())
        self.assertLess(len(line), 300)

    async def test_a_stranger_has_no_prompt(self):
        self.hasten(workers, '_RETURN_SECONDS')
        agent = await self.worker()
        agent.hello['id'] = 'stranger'
        reader, _ = await self.prompt(agent)
        self.assertEqual(b'', await reader.read())

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

"""Questions to workers: who may ask, who may answer, and what if nobody."""

import asyncio
import contextlib
import gc
import os

from osdbg.gateway import looks
from osdbg.gateway import protocol
from tests.unit.gateway import parts

QUESTION = {'kind': 'stacks'}


class LookTestCase(parts.GatewayTestCase):
    async def service(self, **more):
        hello = parts.hello_of(
            **{'pid': os.getpid(), 'port': self.port, **more}
        )
        reader, writer = await parts.connect(hello=hello)
        agent = parts.Agent(reader, writer, hello)
        parts.KEPT.append(agent)
        await agent.wait('port')
        return agent

    async def ask(self, agent):
        look = {'id': agent.hello['id'], 'question': QUESTION}
        reader, _ = await parts.connect(look=look)
        return reader

    async def read(self, reader):
        return await asyncio.wait_for(reader.read(), parts.SECONDS)


class TestLooks(LookTestCase):
    async def test_question_and_answer(self):
        agent = await self.service()
        reader = await self.ask(agent)
        ticket, question = await agent.wait('look')
        self.assertEqual(QUESTION, question)
        _, writer = await parts.connect(answer=ticket)
        long = b'{"long": "%s"}' % (b'x' * 3_000_000)
        writer.write(long)
        writer.write_eof()
        self.assertEqual(long, await self.read(reader))

    async def test_one_ticket_is_for_one_answer(self):
        agent = await self.service()
        reader = await self.ask(agent)
        ticket, _ = await agent.wait('look')
        _, writer = await parts.connect(answer=ticket)
        writer.write(b'{"first')
        self.assertEqual(b'{"first', await reader.readexactly(7))
        other, _ = await parts.connect(answer=ticket)
        self.assertEqual(b'', await self.read(other))
        writer.write(b'": 1}')
        writer.write_eof()
        self.assertEqual(b'": 1}', await self.read(reader))

    async def test_answer_to_nothing(self):
        agent = await self.service()
        ticket = f'{agent.hello["id"]}-look-1'
        reader, _ = await parts.connect(answer=ticket)
        self.assertEqual(b'', await self.read(reader))

    async def test_a_question_that_is_too_long(self):
        agent = await self.service()
        look = {'id': agent.hello['id'], 'question': {'kind': 'x' * 9000}}
        reader, _ = await parts.connect(look=look)
        self.assertEqual(b'', await self.read(reader))
        self.assertEqual([], agent.said('look'))

    async def test_nobody_of_that_id(self):
        look = {'id': 'nobody', 'question': QUESTION}
        reader, _ = await parts.connect(look=look)
        self.assertEqual(b'', await self.read(reader))

    async def test_another_process_does_not_answer_for_it(self):
        agent = await self.service()
        self.gateway._workers[agent.hello['id']].process += 1
        self.hasten(looks, '_BEGIN_SECONDS', 0.3)
        reader = await self.ask(agent)
        ticket, _ = await agent.wait('look')
        other, writer = await parts.connect(answer=ticket)
        writer.write(b'{"a": "lie"}')
        self.assertEqual(b'', await self.read(other))
        self.assertEqual(b'', await self.read(reader))

    async def test_silence(self):
        self.hasten(looks, '_BEGIN_SECONDS')
        agent = await self.service()
        reader = await self.ask(agent)
        self.assertEqual(b'', await self.read(reader))
        self.assertEqual({}, self.gateway._looks._asked)

    async def test_a_command_that_does_not_read(self):
        """Its answer is not kept: the worker is told to keep it."""
        self.hasten(looks, '_END_SECONDS', 0.3)
        agent = await self.service()
        reader = await self.ask(agent)
        reader._transport.pause_reading()
        ticket, _ = await agent.wait('look')
        gone, writer = await parts.connect(answer=ticket)
        writer.write(protocol.encode({'x': 'y' * 20_000_000}))
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(b'\n', await self.read(gone))
        self.assertEqual({}, self.gateway._looks._asked)

    async def test_an_answer_is_wanted(self):
        agent = await self.service()
        await self.ask(agent)
        ticket, _ = await agent.wait('look')
        reader, _ = await parts.connect(answer=ticket)
        wanted = reader.readexactly(1)
        self.assertEqual(b'\n', await asyncio.wait_for(wanted, parts.SECONDS))

    async def test_many_long_questions(self):
        """They take forty times as much memory as they are long."""
        self.hasten(looks, '_BEGIN_SECONDS', 60)  # none is over meanwhile
        agent = await self.service()
        long = [[]] * 2_500  # as long as a question may be

        def lists():
            return sum(type(each) is list for each in gc.get_objects())

        before = lists()
        for count in range(20):
            look = {
                'id': agent.hello['id'],
                'question': {'kind': long},
                'more': long * 4,
            }
            parts.KEPT.append(await parts.connect(look=look))
            await agent.wait('look', count + 1)
        self.assertEqual(20, len(self.gateway._looks._asked))
        agent.orders.clear()
        agent.answers.clear()
        self.assertLess(lists() - before, 50_000)

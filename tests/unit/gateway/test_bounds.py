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
import resource
import unittest

from osdbg.gateway import bounds
from osdbg.gateway import dap
from osdbg.gateway import protocol
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import KEPT
from tests.unit.gateway.parts import streams
from tests.unit.gateway.parts import until

HASTY = dap.STRANGER._replace(seconds=0.05)


class TestTime(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.reader, self.writer, _, self.other = await streams()
        self.addCleanup(self.writer.close)
        self.addCleanup(self.other.close)

    async def test_a_message_that_does_not_end(self):
        whole = dap.encode({'a': 1})
        for length in (1, len(whole) - 1):
            with self.subTest(length):
                await self.asyncSetUp()
                self.other.write(whole[:length])
                with self.assertRaisesRegex(dap.ProtocolError, '0.05 s'):
                    await dap.read(self.reader, HASTY)

    async def test_one_that_does_not_begin(self):
        reading = asyncio.ensure_future(dap.read(self.reader, HASTY))
        await asyncio.sleep(3 * HASTY.seconds)
        self.other.write(dap.encode({'a': 1}))
        self.assertEqual({'a': 1}, await reading)

    async def test_a_debugger_may_be_stopped(self):
        self.assertIsNone(dap.DEBUGGER.seconds)


class TestCrowd(unittest.TestCase):
    def setUp(self):
        self.crowd = bounds.Crowd(2)
        self.gone = []

    def enter(self, *names, expected=0):
        for name in names:
            self.crowd.enter(
                name, lambda name=name: self.gone.append(name), expected
            )

    def test_the_oldest_goes(self):
        self.enter('a', 'b', 'c')
        self.assertEqual(['a'], self.gone)

    def test_those_who_have_spoken_are_apart(self):
        self.enter('a', 'b')
        self.crowd.hear('a')
        self.enter('c', 'd')
        self.assertEqual(['b'], self.gone)
        self.crowd.hear('c')
        self.crowd.hear('d')
        self.assertEqual(['b', 'a'], self.gone)

    def test_who_has_left_has_made_room(self):
        self.enter('a', 'b')
        self.crowd.hear('a')
        self.crowd.leave('a')
        self.crowd.leave('b')
        self.crowd.hear('b')
        self.enter('c', 'd')
        self.assertEqual([], self.gone)

    def test_who_is_expected_has_room(self):
        self.enter('a', 'b', 'c', expected=1)
        self.assertEqual([], self.gone)


class TestUnread(unittest.IsolatedAsyncioTestCase):
    async def write(self, size, most=bounds._MAX_UNREAD):
        ends = _, writer, _, other = await streams()
        self.addCleanup(other.transport.abort)
        KEPT.append(ends)
        self.addCleanup(KEPT.clear)
        writer.write(b'x' * size)
        bounds.relieve(writer.transport, most)
        return writer

    async def test_one_who_does_not_read(self):
        self.assertFalse((await self.write(1000, 999)).is_closing())
        self.assertTrue((await self.write(2**20, 2**19)).is_closing())

    async def test_many_who_do_not_read(self):
        most = bounds._MAX_UNREAD // 4
        large = await self.write(2 * most)
        others = [await self.write(most) for _ in range(4)]
        self.assertTrue(large.is_closing())
        self.assertFalse(any(other.is_closing() for other in others[:3]))

    def hasten(self, seconds=0.05):
        before, bounds._FLUSH_SECONDS = bounds._FLUSH_SECONDS, seconds
        self.addCleanup(setattr, bounds, '_FLUSH_SECONDS', before)

    async def test_who_does_not_read_to_the_end_is_left(self):
        self.hasten()
        writer = await self.write(2**20)
        bounds.close(writer)
        await until(lambda: not writer.transport.get_write_buffer_size())

    async def test_who_reads_to_the_end_has_it_all(self):
        self.hasten(1)
        bugs = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: bugs.append(context)
        )
        writer = await self.write(2**20)
        bounds.close(writer)
        self.assertEqual(2**20, len(await KEPT[-1][2].read()))
        await asyncio.sleep(1.1 * bounds._FLUSH_SECONDS)
        self.assertEqual([], bugs)


class TestDescriptors(unittest.TestCase):
    def test_the_limit_is_raised(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        hard = before[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        bounds.raise_descriptor_limit()
        self.assertEqual(
            (hard, hard), resource.getrlimit(resource.RLIMIT_NOFILE)
        )


class TestControl(GatewayTestCase):
    async def test_there_is_room_for_so_many(self):
        before, bounds.MAX_SERVED = bounds.MAX_SERVED, 2
        self.addCleanup(setattr, bounds, 'MAX_SERVED', before)
        agents = [await self.agent(), await self.agent()]
        reader, writer = await asyncio.open_unix_connection(protocol.address())
        writer.write(protocol.encode({'ask': {}}))
        self.assertEqual(b'', await reader.read())
        writer.close()
        await self.gone(agents[0])
        reader, writer = await asyncio.open_unix_connection(protocol.address())
        writer.write(protocol.encode({'ask': {}}))
        self.assertIn(b'processes', await reader.readline())
        writer.close()

    async def test_a_line_that_does_not_end(self):
        self.hasten(bounds, 'MESSAGE_SECONDS')
        agent = await self.agent()
        agent._writer.write(b'{"forked"')
        await until(lambda: agent._task.done(), 'hang up')

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

"""A worker's debugger: asked for, joined, lost, asked for again."""

import asyncio
import json
import unittest

from osdbg.gateway import dap
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import streams

HELLO = hello_of(id='a1', pid=42, name='nova', port=5678, workers='0,2')
UNUSED = ('argv', 'backend', 'python')


class TestWorker(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self._opened = []
        self.worker = await self.make()

    async def asyncTearDown(self):
        for writer in self._opened:
            writer.close()

    async def make(self, **hello):
        _, writer, self._reader, other = await streams()
        self._opened += [writer, other]
        return worker_.Worker({**HELLO, **hello}, writer)

    async def link(self):
        reader, writer, other_reader, other = await streams()
        self._opened += [writer, other]
        return dap.Peer(reader, writer), other_reader

    async def order(self):
        return json.loads(await self._reader.readline())

    async def test_refuses_half_a_hello(self):
        for name in HELLO.keys() - set(UNUSED):
            hello = {k: v for k, v in HELLO.items() if k != name}
            with self.assertRaises(KeyError):
                worker_.Worker(hello, self._opened[0])
        for name in HELLO.keys() - set(UNUSED):
            for value in (1.5, [], {}):
                with self.assertRaises((TypeError, ValueError)):
                    worker_.Worker({**HELLO, name: value}, self._opened[0])
        for port in (-1, 0, 65536):
            with self.assertRaises(ValueError):
                worker_.Worker({**HELLO, 'port': port}, self._opened[0])

    async def test_title_and_number(self):
        self.assertFalse(self.worker.wanted)
        for number, wanted in ((0, True), (1, False), (2, True)):
            self.worker.assign(number)
            self.assertEqual({'worker': number}, await self.order())
            self.assertEqual(f'nova worker {number} [42]', self.worker.title)
            self.assertEqual(wanted, self.worker.wanted)

    async def test_expects_a_child_for_a_while(self):
        self.assertFalse(self.worker.expecting)
        self.worker.note_fork()
        self.assertTrue(self.worker.expecting)
        self.worker.forked -= worker_.CHILD_SECONDS
        self.assertFalse(self.worker.expecting)
        self.assertTrue((await self.make(forked=True)).expecting)

    async def test_is_loaded_once(self):
        self.assertIs(self.worker.load(), self.worker.load())
        self.assertEqual({'load': 'a1-1'}, await self.order())
        link, _ = await self.link()
        self.assertFalse(self.worker.joined('a1-0', link))
        self.assertTrue(self.worker.joined('a1-1', link))
        self.assertFalse(self.worker.joined('a1-1', link))
        self.assertIs(link, await self.worker.loaded())

    async def test_waits_for_the_tracing(self):
        self.worker.load()
        waiting = asyncio.ensure_future(self.worker.tracing())
        self.worker.traces('a1-0', '0')
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        self.worker.traces('a1-1', '1.8')
        await waiting
        self.assertEqual('1.8', self.worker.version)

    async def test_fails(self):
        waiting = asyncio.ensure_future(self.worker.loaded())
        await self.order()
        self.worker.failed('a1-0', 'an old story')
        self.assertTrue(self.worker.loading)
        self.worker.failed('a1-1', 'no debugpy')
        with self.assertRaisesRegex(worker_.LoadFailed, r'\[42\]: no debugpy'):
            await waiting
        self.assertFalse(self.worker.loading)
        self.worker.load()
        self.assertEqual({'load': 'a1-2'}, await self.order())

    async def test_ends_while_loading(self):
        waiting = asyncio.ensure_future(self.worker.loaded())
        await self.order()
        self.worker.gone()
        with self.assertRaisesRegex(worker_.LoadFailed, 'has ended'):
            await waiting
        await self.worker.tracing()

    async def test_unload(self):
        self.worker.unload()
        self.worker.load()
        await self.order()
        link, other = await self.link()
        self.worker.joined('a1-1', link)
        self.worker.unload()
        self.assertEqual({'unload': 'a1-1'}, await self.order())
        self.assertEqual(b'', await other.read())
        self.assertFalse(self.worker.loading)

    async def test_a_late_join_is_refused(self):
        self.worker.load()
        self.worker.unload()
        link, _ = await self.link()
        self.assertFalse(self.worker.joined('a1-1', link))
        self.worker.load()
        self.assertFalse(self.worker.joined('a1-1', link))
        self.assertTrue(self.worker.joined('a1-2', link))

    async def test_eager_is_loaded_again(self):
        self.worker = await self.make(eager=True)
        self.worker.load()
        self.worker.unload()
        found = [await self.order() for _ in range(3)]
        self.assertEqual(
            [{'load': 'a1-1'}, {'unload': 'a1-1'}, {'load': 'a1-2'}], found
        )

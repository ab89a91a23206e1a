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
from osdbg.gateway import debugger as debugger_
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import streams


class TestDebugger(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self._opened = []
        _, writer, self._reader, other = await streams()
        self._opened += [writer, other]
        hello = hello_of(id='a1', pid=42, name='nova', port=5678)
        self.worker = worker_.Worker(hello, writer)
        self.debugger = self.worker.debugger

    async def asyncTearDown(self):
        for writer in self._opened:
            writer.close()

    async def link(self):
        reader, writer, other_reader, other = await streams()
        self._opened += [writer, other]
        return dap.Peer(reader, writer), other_reader

    async def order(self):
        return json.loads(await self._reader.readline())

    async def test_is_loaded_once(self):
        self.assertIs(self.debugger.load(), self.debugger.load())
        self.assertEqual({'load': 'a1-1'}, await self.order())
        link, _ = await self.link()
        self.assertFalse(self.debugger.joined('a1-0', link))
        self.assertTrue(self.debugger.joined('a1-1', link))
        self.assertFalse(self.debugger.joined('a1-1', link))
        self.assertIs(link, await self.debugger.loaded())

    async def test_waits_for_the_tracing(self):
        self.debugger.load()
        waiting = asyncio.ensure_future(self.debugger.tracing())
        self.debugger.traces('a1-0', '0')
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        self.debugger.traces('a1-1', '1.8')
        await waiting
        self.assertEqual('1.8', self.debugger.version)

    async def test_fails(self):
        waiting = asyncio.ensure_future(self.debugger.loaded())
        await self.order()
        self.worker.failed('a1-0', 'an old story')
        self.assertTrue(self.debugger.loading)
        self.worker.failed('a1-1', 'no debugpy')
        with self.assertRaisesRegex(
            debugger_.LoadFailed, r'\[42\]: no debugpy'
        ):
            await waiting
        self.assertFalse(self.debugger.loading)
        self.debugger.load()
        self.assertEqual({'load': 'a1-2'}, await self.order())

    async def test_ends_while_loading(self):
        waiting = asyncio.ensure_future(self.debugger.loaded())
        await self.order()
        self.worker.gone()
        with self.assertRaisesRegex(debugger_.LoadFailed, 'has ended'):
            await waiting
        await self.debugger.tracing()

    async def test_unload(self):
        self.worker.unload()
        self.debugger.load()
        await self.order()
        link, other = await self.link()
        self.debugger.joined('a1-1', link)
        self.worker.unload()
        self.assertEqual({'unload': 'a1-1'}, await self.order())
        self.assertEqual(b'', await other.read())
        self.assertFalse(self.debugger.loading)

    async def test_a_late_join_is_refused(self):
        self.debugger.load()
        self.worker.unload()
        link, _ = await self.link()
        self.assertFalse(self.debugger.joined('a1-1', link))
        self.debugger.load()
        self.assertFalse(self.debugger.joined('a1-1', link))
        self.assertTrue(self.debugger.joined('a1-2', link))

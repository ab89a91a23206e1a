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

"""A client and a debugger, without a gateway around them."""

import asyncio
import unittest
from unittest import mock

from osdbg.gateway import attachment
from osdbg.gateway import dap
from osdbg.gateway import debugger
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import streams

ATTACH = {'seq': 9, 'command': 'attach', 'arguments': {'a': 1}}


class TestAttachment(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.tasks = []
        self.writers = []
        self.said = []
        client, ide = await self.peers()
        ide.handle = self.said.append
        _, writer, self.control, other = await streams()
        self.writers += [writer, other]
        self.worker = worker_.Worker(hello_of(id='a', port=1), writer)
        loop = asyncio.get_running_loop()
        self.who, self.veto = loop.create_future(), loop.create_future()
        self.who.set_result({'uid': 7})
        self.attachment = attachment.Attachment(
            client, self.who, self.worker, ATTACH
        )

    async def asyncTearDown(self):
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def peers(self):
        reader, writer, other_reader, other_writer = await streams()
        self.writers += [writer, other_writer]
        found = dap.Peer(reader, writer), dap.Peer(other_reader, other_writer)
        self.tasks += [asyncio.ensure_future(peer.run()) for peer in found]
        return found

    async def begin(self, answer=None, veto=''):
        self.veto.set_result(veto)
        link, debugger = await self.peers()
        self.link, self.debugger = link, debugger
        debugger.handle = answer or debugger.answer
        self.worker.debugger.load()
        self.worker.debugger.joined('a-1', link)
        await self.attachment.begin({}, self.veto)

    async def test_vetoed(self):
        with self.assertRaisesRegex(debugger.LoadFailed, 'a hook says no'):
            await self.begin(veto='a hook says no')
        self.assertFalse(self.attachment.begun)

    async def test_begin(self):
        self.assertFalse(self.attachment.configurable)
        await self.begin()
        self.assertTrue(self.attachment.configurable)
        self.assertTrue(self.attachment.uses(self.link))

    async def test_refused(self):
        def refuse(request):
            self.debugger.refuse(request, 'no')

        with self.assertRaisesRegex(debugger.LoadFailed, '"initialize": no'):
            await self.begin(refuse)
        self.assertFalse(self.attachment.configurable)

    async def test_configure_waits_until_a_breakpoint_would_stop(self):
        await self.begin()
        task = asyncio.ensure_future(
            self.attachment.configure({'command': 'configurationDone'}, {})
        )
        await asyncio.sleep(0.02)
        self.assertFalse(task.done())
        self.worker.debugger.traces('a-1', '1')
        with mock.patch.object(worker_, '_KNOWING_SECONDS', 0.05):
            self.assertTrue(await task)
        self.assertFalse(self.attachment.configurable)

    async def test_what_comes_too_early_is_not_kept_for_ever(self):
        await self.begin()
        size = attachment._MAX_EARLY
        stopped = {'type': 'event', 'event': 'stopped'}
        self.attachment._handle_event(stopped)
        for number in range(size + 2):
            self.attachment._handle_event(
                {'type': 'event', 'event': 'output', 'body': number}
            )
        early = self.attachment._early
        self.assertEqual((size, stopped), (len(early), early[0]))
        self.assertEqual([3, size + 1], [early[1]['body'], early[-1]['body']])

    async def test_configure_for_nobody(self):
        await self.begin()
        self.attachment.lose()
        self.worker.debugger.traces('a-1', '1')
        self.assertFalse(await self.attachment.configure({}, {}))

    async def test_detach_without_a_debugger(self):
        await self.attachment.detach(terminate=True)
        self.assertFalse(self.attachment.uses(None) and self.said)

    async def test_a_debugger_that_does_not_answer(self):
        await self.begin()
        before, attachment._DETACH_SECONDS = attachment._DETACH_SECONDS, 0.01
        self.addCleanup(setattr, attachment, '_DETACH_SECONDS', before)
        self.debugger.handle = lambda request: None
        await self.attachment.detach(terminate=False)
        self.assertFalse(self.attachment.uses(self.link))

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

"""An adapter, a worker and its debugger, without a gateway around them."""

import asyncio
import unittest

from osdbg.gateway import dap
from osdbg.gateway import debug_server
from osdbg.gateway import protocol
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import streams
from tests.unit.gateway.parts import until


class TestDebugServer(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.tasks = []
        self.writers = []
        self.reports = []
        self.events = []
        self.agent = []
        ours, self.adapter = await self.peers()
        self.adapter.handle = self.events.append
        _, writer, control, other = await streams()
        self.writers += [writer, other]
        self.control = control
        self.worker = worker_.Worker(hello_of(id='a', pid=5, port=1), writer)
        self.server = debug_server.DebugServer(
            ours, self.worker, 3, lambda *report: self.reports.append(report)
        )
        ours.handle = self.server.handle
        self.veto = ''
        self.tasks.append(asyncio.ensure_future(self.answer()))

    async def asyncTearDown(self):
        await self.server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def peers(self):
        reader, writer, other_reader, other_writer = await streams()
        self.writers += [writer, other_writer]
        found = dap.Peer(reader, writer), dap.Peer(other_reader, other_writer)
        self.tasks += [asyncio.ensure_future(peer.run()) for peer in found]
        return found

    async def answer(self):
        """Obey, and keep, what the worker's agent is told."""
        while line := await self.control.readline():
            message = protocol.decode(line)
            self.agent.append(message)
            if 'admit' in message:
                number = message['admit'][0]
                self.worker.guard.answered(number, self.veto)

    async def ask(self, command, **arguments):
        return await self.adapter.ask(command, arguments, SECONDS)

    async def load(self, answer=None):
        self.link, self.debugger = await self.peers()
        self.debugger.handle = answer or self.debugger.answer
        asking = asyncio.ensure_future(self.ask('initialize'))
        await until(lambda: self.worker.debugger.loading, 'order')
        self.worker.debugger.joined('a-1', self.link)
        self.worker.debugger.traces('a-1', '1')
        return await asking

    async def log(self):
        while True:
            for message in self.agent:
                if 'log' in message:
                    return message['log'][1]
            await asyncio.sleep(0)

    async def test_authorize(self):
        answer = await self.ask('pydevdAuthorize', debugServerAccessToken='x')
        self.assertEqual({'clientAccessToken': None}, answer['body'])

    async def test_info_before_and_after_loading(self):
        process = {'pid': 5, 'ppid': 3}
        answer = await self.ask('pydevdSystemInfo')
        self.assertEqual({'process': process}, answer['body'])

        def tell(request):
            self.debugger.answer(
                request, {'a': 1, 'process': {'pid': 5, 'ppid': 9, 'b': 2}}
            )

        await self.load(tell)
        answer = await self.ask('pydevdSystemInfo')
        self.assertEqual(
            {'a': 1, 'process': {**process, 'b': 2}}, answer['body']
        )

    async def test_initialize_once(self):
        await self.load()
        self.assertFalse((await self.ask('initialize'))['success'])
        self.assertEqual([('wanted', '')], self.reports)

    async def test_loading_fails(self):
        asking = asyncio.ensure_future(self.ask('initialize'))
        await until(lambda: self.worker.debugger.loading, 'order')
        self.worker.failed('a-1', 'no')
        answer = await asking
        self.assertIn('no', answer['message'])
        self.assertEqual(['wanted', 'failed'], [r[0] for r in self.reports])
        self.assertFalse(self.server.loading)

    async def test_nobody_ends_the_process(self):
        asked = []

        def answer(request):
            asked.append((request['command'], request.get('arguments')))
            self.debugger.answer(request)

        await self.load(answer)
        await self.ask('disconnect', terminateDebuggee=True)
        self.assertEqual(
            ('disconnect', {'terminateDebuggee': False}), asked[-1]
        )
        self.assertIn('asked to end process 5', await self.log())
        self.assertEqual(('left', ''), self.reports[-1])
        self.assertFalse(self.worker.debugger.loading)

    async def test_debugger_that_does_not_answer(self):
        await self.load()
        before = debug_server._DETACH_SECONDS
        debug_server._DETACH_SECONDS = 0.01
        self.addCleanup(setattr, debug_server, '_DETACH_SECONDS', before)
        self.debugger.handle = lambda request: None
        self.assertTrue((await self.ask('disconnect'))['success'])
        self.assertFalse(self.worker.debugger.loading)

    async def test_debugger_that_refuses_to_go_on(self):
        await self.load()
        self.debugger.handle = lambda request: self.debugger.refuse(
            request, 'no'
        )
        self.assertFalse((await self.ask('configurationDone'))['success'])
        self.assertEqual([('wanted', '')], self.reports)

    async def test_end_of_the_debugger_is_not_passed_on(self):
        await self.load()
        self.debugger.event('terminated')
        self.debugger.event('output')
        await until(lambda: self.events, 'event')
        self.assertEqual(['output'], [e['event'] for e in self.events])

    async def test_nothing_is_asked_of_a_worker_that_was_never_attached(self):
        for command in ('attach', 'setBreakpoints', 'configurationDone'):
            self.assertFalse((await self.ask(command))['success'])
        self.assertFalse(self.worker.debugger.loading)

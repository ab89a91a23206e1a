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
import unittest
from unittest import mock

from osdbg.gateway import guard
from osdbg.gateway.peers import Peer
from osdbg.gateway import refusals

CLIENT = {'uid': 7, 'user': 'me'}


class TestGuard(unittest.IsolatedAsyncioTestCase):
    def guard(self, uid=7, allowed=(), remote=False):
        self.sent = []
        return guard.Guard(
            uid, list(allowed), remote, lambda **m: self.sent.append(m)
        )

    def events(self):
        return [m['audit'][1] for m in self.sent if 'audit' in m]

    def admitted(self, found, *uids, **facts):
        return [u for u in uids if found.admits(Peer('there', u, **facts))]

    def test_users(self):
        everybody = (None, 0, 7, 8, 65534)
        self.assertEqual([0, 7], self.admitted(self.guard(), *everybody))
        self.assertEqual(
            [0, 7, 8], self.admitted(self.guard(allowed=[8]), *everybody)
        )

    def test_other_hosts(self):
        for allowed in (False, True):
            found = self.admitted(
                self.guard(remote=allowed), None, is_remote=True
            )
            self.assertEqual([None] * allowed, found)

    def test_a_user_is_a_number(self):
        for wrong in ('0', True, None, 0.0):
            with self.assertRaises(TypeError):
                self.guard(allowed=[wrong])

    async def test_veto(self):
        found = self.guard()
        for veto in ('', 'not today'):
            asking = asyncio.ensure_future(found.ask(CLIENT))
            await asyncio.sleep(0)
            number, client = self.sent[-1]['admit']
            self.assertEqual(CLIENT, client)
            found.answered(number + 1, 'of nobody')
            found.answered('x', 'of nobody')
            found.answered(number, veto)
            self.assertEqual(veto, await asking)
        self.assertEqual(['refused'], self.events())

    async def test_a_service_that_does_not_answer(self):
        guard._ANSWER_SECONDS, before = 0.01, guard._ANSWER_SECONDS
        self.addCleanup(setattr, guard, '_ANSWER_SECONDS', before)
        self.assertIn('does not answer', await self.guard().ask(CLIENT))

    def test_each_comes_and_goes_once(self):
        found = self.guard()
        found.detached()
        found.attached(CLIENT)
        found.attached(CLIENT)
        found.detached()
        found.detached()
        self.assertEqual(
            ['attach', 'detach', 'attach', 'detach'], self.events()
        )

    async def test_one_who_knocks_all_the_time(self):
        worker = mock.Mock(guard=self.guard())
        worker.name = 'api'
        noted = refusals.Refusals()
        for _ in range(1000):
            await noted.note(Peer('there', 8), [worker, worker])
        self.assertEqual(['refused'], self.events())
        await noted.note(Peer('there', 9), [worker])
        self.assertEqual(['refused'] * 2, self.events())
        noted._quiet[8] = 0
        await noted.note(Peer('there', 8), [worker])
        self.assertEqual(1000, self.sent[-1]['audit'][2]['times'])

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
import logging
import unittest

from osdbg.gateway import guard
from osdbg.gateway import stops
from tests.unit.gateway.parts import until

LIMIT = 0.05


class Worker:
    """What a worker is to its stops: a name, and somebody to send to."""

    def __init__(self, name='api', limit=0.0, beats=False):
        self.name = name
        self.title = f'{name} worker 0 [1]'
        self.sent = []
        self.guard = guard.Guard(0, [], False, self.send)
        self.logged = []
        self.stops = stops.Stops(self, limit, beats)

    def send(self, **message):
        self.sent.append(message)

    def log(self, level, text):
        self.logged.append((level, text))

    def told(self, order):
        return [message[order] for message in self.sent if order in message]


class TestBooks(unittest.IsolatedAsyncioTestCase):
    async def test_where_and_since(self):
        worker = Worker()
        self.assertIsNone(worker.stops.describe())
        worker.stops.enter(1, 'a.py:1')
        worker.stops.enter(2, 'idle.py:9')
        found = worker.stops.describe()
        self.assertEqual('a.py:1', found['where'])
        self.assertLess(found['seconds'], 1)
        worker.stops.leave([1, 2], False)
        self.assertIsNone(worker.stops.describe())

    async def test_who_stops_along_with_others_may_be_the_first(self):
        worker = Worker()
        worker.stops.enter(1, 'idle.py:9', along=True)
        worker.stops.enter(2, 'a.py:1')
        worker.stops.enter(3, 'b.py:2')
        self.assertEqual('a.py:1', worker.stops.describe()['where'])
        worker.stops.clear()

    async def test_another_thread_is_still_stopped(self):
        worker = Worker()
        worker.stops.enter(1, 'a.py:1')
        worker.stops.enter(2, 'b.py:2')
        worker.stops.leave([1], False)
        self.assertEqual('b.py:2', worker.stops.describe()['where'])
        self.assertTrue(worker.stops.has_turn)

    async def test_who_leaves_twice_or_never_came(self):
        worker = Worker()
        worker.stops.enter(1, 'a.py:1')
        for _ in range(2):
            worker.stops.leave([1, 7], True)
        self.assertIsNone(worker.stops.describe())

    async def test_a_worker_that_is_gone(self):
        worker = Worker(limit=LIMIT, beats=True)
        worker.stops.enter(1, 'a.py:1')
        worker.stops.clear()
        await asyncio.sleep(2 * LIMIT)  # nothing is to happen
        self.assertEqual([{"beat": True}], worker.sent)
        self.assertFalse(worker.stops.has_turn)


class TestLimit(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        saved = stops.PATIENCE, stops._TICK_SECONDS
        self.addCleanup(self._restore, saved)
        stops.PATIENCE, stops._TICK_SECONDS = 0.1, 0.02

    def _restore(self, saved):
        stops.PATIENCE, stops._TICK_SECONDS = saved

    async def test_it_is_told_to_resume_and_why(self):
        worker = Worker(limit=LIMIT)
        worker.stops.enter(1, 'a.py:1')
        worker.stops.enter(2, 'b.py:2')
        await until(lambda: worker.told('resume'))
        (why,) = worker.told('resume')
        self.assertIn('stopped at a.py:1', why)
        self.assertIn('max_stop_seconds, which is 0.05', why)
        ((_, event, facts),) = worker.told('audit')
        self.assertEqual('stopped', event)
        self.assertEqual('a.py:1', facts['where'])

    async def test_a_long_stop_is_told_of_once(self):
        self.addCleanup(setattr, stops, 'LONG', stops.LONG)
        self.addCleanup(setattr, stops, '_TICK_SECONDS', stops._TICK_SECONDS)
        stops.LONG, stops._TICK_SECONDS = LIMIT, LIMIT / 5
        worker = Worker()
        for count in (1, 2):
            worker.stops.enter(count, 'a.py:1')
            await until(lambda: len(worker.told('audit')) == count)
            await asyncio.sleep(LIMIT)  # nothing more is to happen
            worker.stops.leave([count], False)
        self.assertEqual(2, len(worker.told('audit')))
        self.assertEqual([], worker.told('resume'))

    async def test_no_limit(self):
        worker = Worker()
        worker.stops.enter(1, 'a.py:1')
        await asyncio.sleep(2 * LIMIT)  # nothing is to happen
        self.assertEqual([], worker.sent)
        worker.stops.clear()

    async def test_the_next_stop_begins_anew(self):
        worker = Worker(limit=60)
        worker.stops.enter(1, 'a.py:1')
        worker.stops._since -= 59
        worker.stops.enter(2, 'b.py:2')
        worker.stops.leave([1], True)
        self.assertLess(worker.stops.describe()['seconds'], 1)
        worker.stops.clear()

    async def test_what_goes_on_is_abandoned(self):
        worker = Worker(limit=LIMIT)
        worker.stops.enter(1, 'a.py:1')
        worker.stops.enter(2, 'b.py:2')
        await until(lambda: worker.told('resume'))
        worker.stops.leave([2], False)
        self.assertEqual([], worker.told('abandon'))
        await until(lambda: worker.told('abandon'))
        self.assertEqual([1], worker.told('abandon')[0])
        worker.stops.leave([1], False)
        count = len(worker.sent)
        await asyncio.sleep(2 * LIMIT)  # nothing is to happen
        self.assertEqual(count, len(worker.sent))

    async def test_heartbeats_only_while_it_is_stopped(self):
        worker = Worker(beats=True)
        worker.stops.enter(1, 'a.py:1')
        await until(lambda: len(worker.told('beat')) > 2)
        worker.stops.leave([1], False)
        count = len(worker.sent)
        await asyncio.sleep(2 * LIMIT)  # nothing is to happen
        self.assertEqual(count, len(worker.sent))


class TestTurns(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.first, self.second = Worker(), Worker()
        self.other = Worker('conductor')
        self.all = [self.first, self.second, self.other]

    def may_stop(self, worker):
        worker.stops.decide(5, 'a.py:1', self.all)
        answer = worker.told('stop')[-1]
        self.assertEqual(5, answer['n'])
        return answer['go']

    async def test_one_of_those_that_ask(self):
        self.assertTrue(self.may_stop(self.first))
        self.assertFalse(self.may_stop(self.second))
        self.assertTrue(self.may_stop(self.first))
        self.assertTrue(self.may_stop(self.other))

    async def test_while_it_is_stopped(self):
        self.assertTrue(self.may_stop(self.first))
        self.first.stops.enter(1, 'a.py:1')
        self.assertFalse(self.may_stop(self.second))
        self.first.stops.leave([1], False)
        self.assertTrue(self.may_stop(self.second))

    async def test_while_it_is_stepped(self):
        self.first.stops.enter(1, 'a.py:1')
        self.first.stops.leave([1], True)
        self.assertFalse(self.may_stop(self.second))
        self.first.stops._turn_until -= stops.LINGER
        self.assertTrue(self.may_stop(self.second))

    async def test_while_it_waits_at_a_prompt(self):
        self.first.stops.prompts += 1
        self.assertIs(self.first, stops.rival(self.second, self.all))
        self.first.stops.prompts -= 1
        self.assertIsNone(stops.rival(self.second, self.all))

    async def test_both_are_paused(self):
        self.first.stops.enter(1, 'a.py:1')
        self.second.stops.enter(2, 'b.py:2')
        self.assertTrue(self.may_stop(self.first))
        self.assertTrue(self.may_stop(self.second))

    async def test_it_is_logged_now_and_then(self):
        self.first.stops.enter(1, 'a.py:1')
        for _ in range(3):
            self.assertFalse(self.may_stop(self.second))
        ((level, text),) = self.second.logged
        self.assertEqual(logging.WARNING, level)
        self.assertIn('breakpoint at a.py:1 passed', text)
        whys = [answer['why'] for answer in self.second.told('stop')]
        self.assertEqual([text, '', ''], whys)
        self.second.stops.decide(6, 'c.py:3', self.all)
        self.assertEqual(2, len(self.second.logged))

    def tearDown(self):
        for worker in self.all:
            if worker.stops._ticking is not None:
                worker.stops._ticking.cancel()

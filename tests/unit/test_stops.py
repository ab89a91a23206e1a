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

import threading
import time
import unittest

from osdbg import stops
from osdbg import waiting


class TestStops(unittest.TestCase):
    def setUp(self):
        self.sent = []
        self.stops = stops.Stops(lambda **message: self.sent.append(message))

    def test_each_stop_has_a_number_of_its_own(self):
        first = self.stops.enter('a.py:1')
        second = self.stops.enter('b.py:2', along=True)
        self.stops.leave(first, stepping=True, others=[second])
        self.assertNotEqual(first, second)
        self.assertEqual(
            [
                {'stopped': {'n': first, 'where': 'a.py:1', 'along': False}},
                {'stopped': {'n': second, 'where': 'b.py:2', 'along': True}},
                {'resumed': {'n': [first, second], 'stepping': True}},
            ],
            self.sent,
        )

    def test_nobody_answers(self):
        start = time.monotonic()
        self.assertEqual((False, ''), self.stops.may_stop('a.py:1'))
        self.assertLess(time.monotonic() - start, 3)
        self.assertEqual({}, self.stops._questions)

    def test_answers_come_in_any_order(self):
        answers = {}

        def ask(where):
            answers[where] = self.stops.may_stop(where)

        places = ('a.py:1', 'b.py:2', 'c.py:3')
        threads = [threading.Thread(target=ask, args=(p,)) for p in places]
        for thread in threads:
            thread.start()
        while len(self.sent) < len(places):
            waiting.pause(0.01)
        for message in reversed(self.sent):
            asked = message['stopping']
            go = asked['where'] == 'b.py:2'
            why = f'not {asked["where"]}'
            self.stops.answer({'n': asked['n'], 'go': go, 'why': why})
        for thread in threads:
            thread.join(5)
        self.assertEqual(
            {place: (place == 'b.py:2', f'not {place}') for place in places},
            answers,
        )

    def test_an_answer_that_is_too_late(self):
        self.stops.answer({'n': 99, 'go': True})

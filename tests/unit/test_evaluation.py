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
import unittest

from osdbg import evaluation
from osdbg import waiting


class TestAbandon(unittest.TestCase):
    def in_thread(self, call):
        """Run a call in a thread, abandon it, and return how it has ended."""
        found = []

        def work():
            found.append(evaluation.run(call))
            total = 0
            for number in range(100_000):
                total += number
            found.append(total)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive() and not evaluation.is_running(thread.ident):
            waiting.pause(0.001)
        evaluation.abandon(thread.ident)
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.assertFalse(evaluation.is_running(thread.ident))
        return found

    def test_one_that_never_ends(self):
        def forever():
            while True:
                pass

        self.assertEqual([None, 4999950000], self.in_thread(forever))

    def test_one_that_answers_itself(self):
        seen = []

        def answering():
            try:
                while True:
                    pass
            except BaseException as exc:
                seen.append(str(exc))

        self.assertEqual([None, 4999950000], self.in_thread(answering))
        self.assertIn('abandoned', seen[0])

    def test_one_that_ends_just_then_ends_alone(self):
        # Whenever it comes: in the evaluation, at its end, or never.
        for pause in range(60):
            self.assertEqual(
                4999950000,
                self.in_thread(lambda: waiting.pause(pause / 2000))[1],
            )

    def test_a_thread_that_evaluates_nothing(self):
        evaluation.abandon(threading.get_ident())
        self.assertEqual(3, evaluation.run(lambda number: number + 1, 2))

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
from tests.unit import fresh

IN_MAIN = '''
import threading, time
from osdbg import evaluation
main = threading.get_ident()

def forever():
    while True:
        pass

def later():
    time.sleep(0.2)
    evaluation.abandon(main)
'''


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


class TestAbandonInMain(fresh.FreshTestCase):
    def test_one_that_never_ends(self):
        self.assert_ok(
            IN_MAIN
            + '''
for _ in range(3):
    threading.Thread(target=later).start()
    assert evaluation.run(forever) is None
    assert not evaluation._running and not evaluation._calls
print('OK')
'''
        )

    def test_one_that_is_over(self):
        self.assert_ok(
            IN_MAIN
            + '''
thread = threading.Thread(target=later)
thread.start()
assert evaluation.run(time.sleep, 0.1) is None
thread.join()
time.sleep(0.1)
print('OK')
'''
        )

    def test_it_comes_to_its_own_green_thread(self):
        self.assert_ok(
            '''
import eventlet
eventlet.monkey_patch()
'''
            + IN_MAIN.replace('import threading, time', 'import time')
            .replace('threading.get_ident()', 'waiting.get_ident()')
            .replace('from osdbg', 'from osdbg import waiting\nfrom osdbg')
            + '''
done, other = [], []

def parked():
    try:
        time.sleep(60)
    except BaseException as exc:
        done.append(str(exc))
        raise

def busy():
    while not done:
        other.append(time.sleep(0.01))

def abandon():
    while not done:
        waiting.pause(0.05)
        evaluation.abandon(main)

threads = [eventlet.spawn(evaluation.run, parked), eventlet.spawn(busy)]
waiting.start_new_thread(abandon, ())
for thread in threads:
    assert thread.wait() is None
assert 'abandoned' in done[0], done
assert other
print('OK')
'''
        )

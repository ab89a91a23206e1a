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


import functools
import logging
import unittest

from osdbg import harmless


class Unspeakable(Exception):
    def __repr__(self):
        raise RuntimeError('it has no repr')


class CallTest(unittest.TestCase):
    def setUp(self):
        before = set(harmless._said)
        self.addCleanup(harmless._said.update, before)
        self.addCleanup(harmless._said.clear)
        harmless._said.clear()

    def fail(self, exc=None):
        raise exc or LookupError('x')

    def test_returns_what_is_returned(self):
        self.assertEqual((3, 1), harmless.call(divmod, 10, 3))
        self.assertEqual(set(), harmless._said)

    def test_says_once_what_is_raised(self):
        with self.assertLogs('osdbg') as caught:
            for _ in range(3):
                self.assertIsNone(harmless.call(self.fail))
        (record,) = caught.records
        self.assertEqual(logging.WARNING, record.levelno)
        self.assertEqual(
            "osdbg failed (LookupError('x') in tests.unit.test_harmless."
            'CallTest.fail); the service goes on: please report it',
            record.getMessage(),
        )

    def test_says_what_else_is_raised(self):
        with self.assertLogs('osdbg') as caught:
            harmless.call(self.fail)
            harmless.call(self.fail, KeyError('y'))
        self.assertEqual(2, len(caught.records))

    def test_whatever_it_was_to_call(self):
        class Callable:
            def __call__(self):
                raise LookupError('x')

        twice = functools.partial(functools.partial(self.fail), Unspeakable())
        for function, expected in (
            (functools.partial(self.fail), 'test_harmless.CallTest.fail'),
            (twice, 'Unspeakable in method'),
            (Callable(), 'LookupError in Callable'),
        ):
            with self.assertLogs('osdbg') as caught:
                self.assertIsNone(harmless.call(function))
            (record,) = caught.records
            self.assertIn(expected, record.getMessage())

    def test_lines_that_are_never_the_same(self):
        with self.assertLogs('osdbg') as caught:
            for number in range(2 * harmless._MOST_LINES):
                harmless.call(self.fail, LookupError(number))
        self.assertEqual(harmless._MOST_LINES, len(caught.records))

    def test_what_ends_a_thread_does(self):
        with self.assertRaises(SystemExit):
            harmless.call(self.fail, SystemExit())

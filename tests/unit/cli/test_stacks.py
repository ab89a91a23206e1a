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

"""What has not moved is at the same instruction of the same functions."""

import argparse
import unittest

from osdbg.cli import stacks


def told(instruction, cpu=None, ident=1, number=7):
    frames = [{'file': 'a.py', 'line': 1, 'instruction': instruction}]
    return {
        'threads': [
            {'ident': ident, 'native_id': 2, 'cpu': cpu, 'frames': frames}
        ],
        'greenlets': [{'id': number, 'kind': 'greenlet', 'frames': frames}],
    }


class CompareTest(unittest.TestCase):
    def moved(self, before, after):
        stacks.compare(before, after)
        return [
            each['moved'] for each in after['threads'] + after['greenlets']
        ]

    def test_moved(self):
        self.assertEqual([False, False], self.moved(told(10), told(10)))
        self.assertEqual([True, True], self.moved(told(10), told(12)))
        after = told(10, ident=3, number=8)
        self.assertEqual([True, True], self.moved(told(10), after))

    def test_cpu(self):
        after = told(10, cpu=3.75)
        stacks.compare(told(10, cpu=1.5), after)
        self.assertEqual(2.25, after['threads'][0]['used'])

    def test_trouble(self):
        for before, after in (
            ({'trouble': 'gone'}, told(10)),
            (told(10), {'trouble': 'gone'}),
        ):
            stacks.compare(before, after)
            self.assertEqual({'trouble': 'gone'}, after)


class SecondsTest(unittest.TestCase):
    def test_refused(self):
        for text in ('0', '-1', 'x', 'nan', 'inf', '1e9'):
            with self.assertRaisesRegex(
                argparse.ArgumentTypeError, 'expected seconds'
            ):
                stacks._seconds(text)
        self.assertEqual(0.5, stacks._seconds('0.5'))

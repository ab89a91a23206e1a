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

"""Stacks are shown once, with lines of source, and obeyed by no terminal."""

import os
import sys
import unittest

from osdbg.cli import stack_text
from osdbg.inspection import stacks


def told_of_here():
    return stack_text.unfold(stacks.take(sys._getframe()))


def text_of(told, whole=False):
    return [
        line for _, line in stack_text.Text(told, os.getpid(), whole).lines()
    ]


def thread(**facts):
    return {
        'name': 'T',
        'ident': 1,
        'native_id': 2,
        'main': False,
        'owner': None,
        'hub': False,
        'cut': False,
        'entry': 0,
        'waits': None,
        'frames': [],
        **facts,
    }


def green(number, **facts):
    return {
        'id': number,
        'kind': 'GreenThread',
        'name': None,
        'thread': 1,
        'cut': False,
        'entry': 0,
        'waits': None,
        **facts,
    }


def frame(file='/nowhere.py', function='work'):
    return {
        'file': file,
        'line': 3,
        'function': function,
        'instruction': 10,
        'columns': None,
    }


class TextTest(unittest.TestCase):
    def told(self, threads=(), greenlets=(), left_out=0):
        return {
            'threads': list(threads),
            'greenlets': list(greenlets),
            'left_out': left_out,
        }

    def test_reads_like_a_traceback(self):
        found = text_of(told_of_here())
        place = found.index(
            '    return stack_text.unfold(stacks.take(sys._getframe()))'
        )
        self.assertRegex(
            found[place - 1],
            rf'^  File "{__file__}", line \d+, in told_of_here$',
        )

    def test_those_that_are_alike(self):
        frames = [frame()]
        greens = [
            green(number, frames=frames, waits=f'socket {number % 5}')
            for number in range(37)
        ]
        told = self.told(greenlets=greens)
        found = text_of(told)
        self.assertEqual('37 green threads like this: work()', found[0])
        waits = [line for line in found if 'waits for' in line]
        self.assertEqual(3, len(waits))
        self.assertIn('  waits for: socket 0 (8 of them)', waits)
        self.assertIn('  ... and for 2 others', found)
        alone = text_of(told, whole=True)
        self.assertEqual(37, sum('work()' in line for line in alone))

    def test_hidden(self):
        told = self.told(
            [
                thread(owner='osdbg'),
                thread(owner='pydevd', frames=[frame()]),
                thread(hub=True, waits='its green threads'),
                thread(hub=True, name='busy', frames=[frame()]),
            ],
            [green(7, kind='hub', frames=[frame()])],
            left_out=5,
        )
        found = text_of(told)
        self.assertIn('thread busy [2]', found)
        self.assertIn('5 more green threads left out', found)
        self.assertEqual(1, sum('thread' in line for line in found[:-2]))
        self.assertRegex(found[-1], '^4 not shown')
        self.assertNotIn('not shown', '\n'.join(text_of(told, whole=True)))

    def test_terminal_does_not_obey(self):
        evil = '\x1b[2J\n'
        frames = [{**frame(evil, evil), 'line': evil}]
        told = self.told(
            [thread(name=evil, waits=evil, frames=frames)],
            [green(1, name=evil, kind=evil, waits=evil, frames=frames)],
        )
        told['left_out'] = evil
        for line in text_of(told):
            self.assertTrue(line.isprintable(), line)

    def test_called(self):
        for source, piece, expected in (
            ('os.read(fd, 1)', None, 'os.read'),
            ('f(g(1))', None, None),
            ('', None, None),
            ('number += 1', None, ''),
            ('f(g(1))', 'f(g(1))', 'f'),
            (
                "native('os').read(1)",
                "native('os').read(1)",
                "native('os').read",
            ),
            ('x = a + b(1)', 'a + b(1)', ''),
            ('number += 1', 'number += 1', ''),
            ('while True:', 'True', ''),
            ('with LOCK:', 'LOCK', 'with LOCK'),
        ):
            at = {**frame(), 'columns': None}
            if piece is not None:
                start = source.index(piece)
                at['columns'] = [start, start + len(piece)]
            with self.subTest(source=source, piece=piece):
                self.assertEqual(expected, stack_text._called(at, source))

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

"""Blocks in other people's files."""

import unittest

from osdbg.ide import base
from osdbg.ide import blocks

MINE = 'print("mine")\n'


def put(text, body='one\n', name='osdbg: api'):
    return blocks.put(text, '--', name, body)


class PutTest(unittest.TestCase):
    def test_new(self):
        self.assertEqual(
            '-- osdbg: api: begin\none\n-- osdbg: api: end\n', put('')
        )

    def test_what_is_there_stays(self):
        for before in (MINE, MINE[:-1], MINE + '\n\n'):
            with self.subTest(before):
                done = put(before)
                self.assertTrue(done.startswith(before))
                self.assertEqual(done, put(done))

    def test_replaced_in_its_place(self):
        done = put(put(MINE) + MINE, 'two\nthree\n')
        self.assertNotIn('one', done)
        self.assertTrue(done.startswith(MINE))
        self.assertTrue(done.endswith(f'three\n-- osdbg: api: end\n{MINE}'))
        self.assertEqual(1, done.count('begin'))

    def test_another_name_is_another_block(self):
        done = put(put(MINE), 'two\n', 'osdbg: api-2')
        self.assertIn('one\n', done)
        self.assertEqual(put(done), done)

    def test_lines_end_as_before(self):
        done = put(put('a\r\n'), 'two\n')
        self.assertEqual(done.count('\n'), done.count('\r\n'))

    def test_no_end(self):
        with self.assertRaises(base.Broken) as caught:
            put(f'{MINE}-- osdbg: api: begin\n{MINE}')
        self.assertEqual(2, caught.exception.line)
        self.assertIn('-- osdbg: api: end', str(caught.exception))


class OthersTest(unittest.TestCase):
    def test_without_ours(self):
        text = put(MINE) + 'after\n'
        left = blocks.others(text, '--', 'osdbg: api')
        self.assertEqual([MINE.strip(), 'after'], left.split())
        self.assertEqual(MINE, blocks.others(MINE, '--', 'osdbg: api'))

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

import unittest

from osdbg.inspection import source


class TestDigest(unittest.TestCase):
    def test_ends_of_lines_do_not_count(self):
        self.assertEqual(source.digest(b'a\r\nb'), source.digest(b'a\nb'))
        self.assertNotEqual(source.digest(b'a\nb'), source.digest(b'a b'))


class TestLines(unittest.TestCase):
    def test_def_is_no_line(self):
        def function(one):
            return one

        first = function.__code__.co_firstlineno
        self.assertEqual([first + 1], source.lines(function.__code__))

    def test_unless_all_of_it_is_there(self):
        # fmt: off
        def function(one): return one  # noqa: E704
        # fmt: on
        first = function.__code__.co_firstlineno
        self.assertEqual([first], source.lines(function.__code__))

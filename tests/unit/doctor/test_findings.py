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

import pathlib
import string
import unittest

from osdbg import doctor
from osdbg.doctor import findings

FUNCTIONAL = pathlib.Path(__file__).parents[2] / 'functional'
CHECK = findings.Check(
    'odd', findings.NOTE, '{port} is odd', 'Ports are even.', 'add {more}'
)


def all_checks():
    return [check for _, checks in doctor.families() for check in checks]


class TestTable(unittest.TestCase):
    def test_names_are_unique(self):
        names = [check.name for check in all_checks()]
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_levels(self):
        for check in all_checks():
            self.assertIn(check.level, findings.LEVELS)

    def test_what_is_bad_says_why_and_what_to_type(self):
        for check in all_checks():
            bad = check.level != findings.OK
            self.assertEqual((bad, bad), (bool(check.why), bool(check.cure)))

    def test_every_check_is_provoked_by_a_functional_test(self):
        text = ''.join(
            path.read_text() for path in FUNCTIONAL.glob('test_doctor*.py')
        )
        missing = [
            check.name
            for check in all_checks()
            if f"'{check.name}'" not in text
        ]
        self.assertEqual([], missing)

    def test_every_family_has_a_title_and_checks(self):
        for family, checks in doctor.families():
            self.assertTrue(family.TITLE and checks, family)

    def test_facts_are_names(self):
        for check in all_checks():
            for text in (check.what, check.why, check.cure):
                for _, name, form, turn in string.Formatter().parse(text):
                    self.assertTrue(name is None or name.isidentifier())
                    self.assertFalse(form or turn)


class TestCheck(unittest.TestCase):
    def test_found(self):
        found = CHECK.found('nova/0', port=7, more=1)
        self.assertEqual(
            {
                'check': 'odd',
                'level': 'note',
                'what': '7 is odd',
                'why': 'Ports are even.',
                'type': 'add 1',
                'processes': ['nova/0'],
            },
            found.as_json(),
        )

    def test_a_terminal_does_not_obey_a_fact(self):
        found = CHECK.found(port='\x1b[2J', more='\n')
        self.assertEqual('\\x1b[2J is odd', found.what)
        self.assertEqual('add \\n', found.cure)

    def test_blank(self):
        self.assertEqual('PORT is odd', CHECK.blank(CHECK.what))


class TestMerge(unittest.TestCase):
    def test_the_same_is_said_once(self):
        (found,) = findings.merge(
            [CHECK.found(who, port=7, more=1) for who in ('a', 'b')]
        )
        self.assertEqual(['a', 'b'], found.processes)

    def test_the_worst_comes_first(self):
        fine = findings.Check('fine', findings.OK, 'fine')
        bad = findings.Check('bad', findings.PROBLEM, 'bad', 'why', 'what')
        found = findings.merge(
            [fine.found(), CHECK.found(port=1, more=1), bad.found()]
        )
        self.assertEqual(
            ['bad', 'odd', 'fine'], [each.check.name for each in found]
        )

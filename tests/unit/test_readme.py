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

"""README.rst: its tables are those of the code, its commands exist."""

import importlib.util
import pathlib
import re
import unittest

from osdbg.cli import main
from osdbg.ide import clients

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / 'README.rst').read_text()


def tables():
    spec = importlib.util.spec_from_file_location(
        'readme_tables', ROOT / 'doc' / 'readme.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestReadme(unittest.TestCase):
    def test_tables_are_up_to_date(self):
        renewed = tables().renewed(README)
        self.assertEqual(renewed, README, 'type: python doc/readme.py')

    def test_every_client_is_in_them(self):
        for name in clients.CLIENTS:
            self.assertIn(f'``osdbg ide {name}``', README)

    def test_a_table_that_has_no_place(self):
        with self.assertRaises(ValueError):
            tables().renewed('.. begin where\n')

    def test_commands_exist(self):
        named = set(re.findall(r'\bosdbg ([a-z]+)\b', README))
        words = {'makes', 'is', 'and', 'import'}
        self.assertLessEqual(named - words, set(main.COMMANDS))

    def test_pictures_exist(self):
        for path in re.findall(r'\.\. image:: (\S+)', README):
            self.assertTrue((ROOT / path).exists(), path)

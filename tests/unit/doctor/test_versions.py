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

import os
import pathlib
import tempfile
import unittest

from osdbg.doctor import case
from osdbg.doctor import versions

KEYS: dict[str, object] = dict.fromkeys(case._KEYS, {})


def patient(name, python='3.11.7', **found):
    told = {'python': {'version': python}, 'versions': found}
    process = {'name': name, 'worker': None, 'pid': 1}
    return case.Patient(1, process, {**KEYS, **told})


class TestTable(unittest.TestCase):
    def test_workers_of_one_service_are_one_column(self):
        columns, rows = versions.table(
            case.Case(
                [
                    patient('nova', debugpy=[['1.8.0', '/a']]),
                    patient('nova', debugpy=[['1.8.0', '/a']]),
                    patient('nova', debugpy=[['1.8.1', '/a']]),
                    patient('evil', '3.9', greenlet=[['\x1b[2J', '/a']]),
                ]
            )
        )
        self.assertEqual(
            ['PACKAGE', 'THIS COMMAND', 'nova', 'nova', 'evil'], columns
        )
        told = {row[0]: row[2:] for row in rows}
        self.assertEqual(['3.11.7', '3.11.7', '3.9'], told['Python'])
        self.assertEqual(['1.8.0', '1.8.1', '-'], told['debugpy'])
        self.assertEqual(['-', '-', '\\x1b[2J'], told['greenlet'])


class TestNewest(unittest.TestCase):
    def test_of_all_files(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(0, versions._newest(directory))
            path = pathlib.Path(directory, 'below', 'x.py')
            path.parent.mkdir()
            path.touch()
            self.assertEqual(
                os.stat(path).st_ctime, versions._newest(directory)
            )

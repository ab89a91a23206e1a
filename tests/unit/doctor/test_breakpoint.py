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
import tempfile
import unittest

from osdbg.doctor import breakpoint as breakpoint_
from osdbg.doctor import case
from osdbg.inspection import source

TEXT = b'''\
import os

LIMIT = 1


def work(number):
    return number


class Thing:
    size = 2

    def inner(self):
        return [
            each
            for each in os.listdir()
        ]
'''
WORKER = {
    'name': 'svc',
    'worker': 0,
    'pid': os.getpid(),
    'client': {'user': 'me'},
    'protocol': 'dap',
    'backend': 'debugpy',
    'wishes': {'justMyCode': False, 'pathMappings': []},
}


def checks(spot, **module):
    told = {
        'name': 'mod',
        'file': '/nowhere/mod.py',
        'frozen': False,
        'sha256': source.digest(TEXT),
        'changed': [],
        'lines': [7, 14, 15, 16],
        'running': [],
        **module,
    }
    patient = case.Patient(
        os.getpid(), WORKER, {}, {'modules': [told], 'namesakes': []}
    )
    found = breakpoint_.examine(case.Case([patient], spot))
    return {each.check.name: each for each in found}


class TestLine(unittest.TestCase):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, 'mod.py')
        with open(self.path, 'wb') as file:
            file.write(TEXT)

    def find(self, line, name):
        return checks(case.Spot(self.path, line), file=self.path)[name]

    def test_of_a_function(self):
        self.find(7, 'executable')

    def test_of_the_module_and_of_a_class(self):
        for line in (1, 3, 6, 10, 11, 13):
            self.find(line, 'import-time')

    def test_of_nothing(self):
        for line, nearest in ((2, 7), (8, 14), (17, 16), (999, 16)):
            found = self.find(line, 'no-code')
            self.assertEqual(f'set it at line {nearest}', found.cure)

    def test_of_a_file_without_functions(self):
        spot = case.Spot(self.path, 2)
        found = checks(spot, file=self.path, lines=[])['no-code']
        self.assertIn('in a function', found.cure)


class TestPackage(unittest.TestCase):
    def test_the_outermost(self):
        path = breakpoint_.__file__
        self.assertEqual('osdbg', breakpoint_._package(path))
        self.assertEqual('x', breakpoint_._package('/nowhere/x.py'))

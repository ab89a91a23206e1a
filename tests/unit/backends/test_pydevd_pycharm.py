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

"""What is told of pydevd-pycharm without loading it."""

import unittest

from osdbg.backends import _pydevd_pycharm as pycharm
from osdbg.backends import base


class TestBuilds(unittest.TestCase):
    OURS = '263.7307.50'

    def test_another_branch(self):
        with self.assertLogs('osdbg', 'WARNING') as caught:
            pycharm.compare_builds('PY-251.23774.444', self.OURS)
        (line,) = caught.output
        self.assertIn("pip install 'pydevd-pycharm~=251.23774.444'", line)
        self.assertIn(self.OURS, line)

    def test_nothing_to_say(self):
        for theirs in ('0.1', '', '263.1.2', 'PY-263.7307.50', '1.1'):
            with self.subTest(theirs), self.assertNoLogs():
                pycharm.compare_builds(theirs, self.OURS)

    def assertNoLogs(self):
        # unittest has it since Python 3.10.
        return _NoLogs(self)


class _NoLogs:
    def __init__(self, case):
        self._case = case

    def __enter__(self):
        self._context = self._case.assertLogs('osdbg', 'DEBUG')
        self._caught = self._context.__enter__()

    def __exit__(self, *exc_info):
        found = list(self._caught.output)
        try:
            self._context.__exit__(None, None, None)
        except AssertionError:
            pass  # there was none
        self._case.assertEqual([], found)


class TestAbilities(unittest.TestCase):
    def test_it_calls(self):
        abilities = pycharm.PydevdPycharmBackend.abilities
        self.assertIn(base.Ability.CONNECT, abilities)
        self.assertNotIn(base.Ability.LISTEN, abilities)

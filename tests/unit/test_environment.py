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
import unittest

from osdbg import environment
from tests.unit import fresh


class TestEnvironment(unittest.TestCase):
    def test_python_path(self) -> None:
        site = environment.SITE
        self.assertEqual(site, environment.python_path(None))
        self.assertEqual(site, environment.python_path(''))
        self.assertEqual(f'{site}:/a:/b', environment.python_path('/a:/b'))

    def test_sitecustomize_goes_by_the_same_names(self) -> None:
        # It cannot import them.
        text = pathlib.Path(environment.SITE, 'sitecustomize.py').read_text()
        for name in (environment.FOLLOW_EXEC, environment.INJECT):
            self.assertIn(repr(name), text)

    def test_each_is_written_once(self) -> None:
        names = environment.FOLLOW_EXEC, environment.INJECT
        for path in fresh.ROOT.joinpath('osdbg').rglob('*.py'):
            if path.stem in ('environment', 'sitecustomize'):
                continue
            for name in names:
                self.assertNotIn(repr(name), path.read_text(), path)

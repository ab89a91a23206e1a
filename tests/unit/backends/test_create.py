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

"""A backend is found by its name."""

import sys
import unittest

from osdbg import backends
from osdbg.backends import base
from osdbg import exceptions
from osdbg import settings
from tests.unit import fresh


class TestCreate(unittest.TestCase):
    def test_own(self):
        for name in backends.OWN:
            with self.subTest(name):
                options = settings.Settings({'backend': name})
                backend = backends.create(options)
                self.assertIsInstance(backend, base.Backend)
                self.assertIs(options, backend.settings)

    def test_unknown(self):
        with self.assertRaises(exceptions.UnknownBackend) as caught:
            backends.create(settings.Settings({'backend': 'gdb'}))
        self.assertIn('backend = gdb', str(caught.exception))

    def test_the_contract_is_abstract(self):
        with self.assertRaises(TypeError):
            base.Backend(settings.Settings())


class TestCost(fresh.FreshTestCase):
    def test_neither_debugger_nor_stevedore_is_loaded(self):
        self.assert_ok(
            """
            import sys
            from osdbg import backends, settings
            backend = backends.create(settings.Settings())
            backend.require()
            loaded = {'debugpy', 'pydevd', 'stevedore'} & set(sys.modules)
            print(*loaded or ['OK'])
            """
        )
        self.assertNotIn('pydevd', sys.modules)

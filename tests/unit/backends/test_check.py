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

from osdbg import backends
from osdbg.backends import Ability
from osdbg import exceptions
from osdbg import settings
from tests.unit import fresh
from tests.unit import third_party

WISHES = (
    ('debugpy', 'redirect_output', True, 'redirectOutput'),
    ('remote_pdb', 'path_mappings', (('/a', '/b'),), 'backend = debugpy or'),
    ('ptvsd', 'redirect_output', True, 'backend = pydevd_pycharm or pydevd'),
    ('remote_pdb', 'wait_for_client', True, 'suspend = true'),
    ('rpdb', 'activate', 'on_init', 'backend = debugpy or'),
    ('remote_pdb', 'break_on_exception', True, 'backend = debugpy or'),
    ('remote_pdb', 'direction', 'connect', 'backend = debugpy or'),
    ('pycharm', 'direction', 'listen', 'backend = debugpy or'),
    ('pydevd', 'direction', 'listen', 'or remove direction'),
)


def settings_of(**values):
    return settings.Settings(values)


class TestCheck(unittest.TestCase):
    def test_what_a_backend_lacks_is_refused_by_name(self):
        for backend, option, value, instead in WISHES:
            with self.subTest(f'{backend} {option}'):
                wished = settings_of(backend=backend, **{option: value})
                with self.assertRaises(exceptions.BackendLacks) as caught:
                    backends.check(wished)
                line = str(caught.exception)
                self.assertIn(f'backend = {backend}', line)
                self.assertIn(f'[remote_debug] {option} = ', line)
                self.assertIn(instead, line)

    def test_the_direction_is_the_first_a_backend_has(self):
        for backend, direction in (
            ('debugpy', 'listen'),
            ('pydevd', 'connect'),
            ('pydevd_pycharm', 'connect'),
            ('remote_pdb', 'listen'),
        ):
            with self.subTest(backend):
                wished = settings_of(backend=backend)
                backends.check(wished)
                self.assertEqual(direction, wished.direction)

    def test_both_directions_of_debugpy(self):
        for direction in ('listen', 'connect'):
            wished = settings_of(direction=direction)
            backends.check(wished)
            self.assertEqual(direction, wished.direction)

    def test_aliases_lead_to_the_same(self):
        for alias, name in (
            ('ptvsd', 'debugpy'),
            ('pycharm', 'pydevd_pycharm'),
            ('rpdb', 'remote_pdb'),
        ):
            self.assertIs(backends.find(name), backends.find(alias))
            self.assertEqual(name, backends.find(alias).name)


class TestAbilities(unittest.TestCase):
    def test_each_carries_its_docstring(self):
        for ability in Ability:
            self.assertTrue(ability.__doc__.endswith('.'), ability)

    def test_each_is_had_and_lacked_by_somebody(self):
        # Otherwise it tells no backend from another.
        own = {backends.find(name) for name in backends.OWN}
        for ability in Ability:
            havers = {b.name for b in own if ability in b.abilities}
            self.assertTrue(havers, ability)

    def test_what_to_do_instead_is_said_only_of_what_is_lacking(self):
        for name in backends.OWN:
            backend = backends.find(name)
            self.assertFalse(backend.abilities & backend.instead.keys())


PACKAGE = """
from osdbg.backends import Ability
from osdbg.backends import Backend

class Mine(Backend):
    name = 'mine'
    protocol = 'dap'
    abilities = frozenset((Ability.CONNECT,))

    def require(self):
        pass

    def break_here(self, frame):
        pass

class Strange(Mine):
    protocol = 'telepathy'
"""
FIND = """
from osdbg import backends, exceptions, settings
wished = settings.Settings({'backend': 'BACKEND'})
try:
    backends.check(wished)
    backend = backends.create(wished)
    print(type(backend).__name__, wished.direction)
except exceptions.OsdbgError as exc:
    print(exc)
"""


class TestThirdParties(fresh.FreshTestCase):
    def find(self, backend):
        with third_party.installed(
            PACKAGE,
            mine='Mine',
            wrong='nothing',
            other='Ability',
            strange='Strange',
        ) as path:
            done = fresh.run(FIND.replace('BACKEND', backend), PYTHONPATH=path)
        return done.stdout + done.stderr

    def test_one_that_is_plugged_in(self):
        self.assertEqual('Mine connect\n', self.find('mine'))

    def test_an_entry_point_that_leads_elsewhere(self):
        self.assertIn('is no osdbg.backends.Backend', self.find('other'))

    def test_one_whose_protocol_nobody_knows(self):
        line = self.find('strange')
        self.assertIn('a protocol other than dap, pydevd, pdb', line)
        self.assertNotIn('Traceback', line)

    def test_one_nobody_has(self):
        line = self.find('gdb')
        self.assertIn('backend = gdb is not known: write one of deb', line)
        self.assertIn('mine', line)

    def test_one_that_cannot_be_imported(self):
        line = self.find('wrong')
        self.assertIn('backend = wrong', line)
        self.assertNotIn('Traceback', line)

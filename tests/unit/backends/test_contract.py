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

"""What holds for every backend before its debugger is loaded."""

import unittest

from osdbg import backends
from osdbg.backends import Ability
from osdbg.backends import Backend
from tests.unit import fresh

OWN = {backends.find(name).name: backends.find(name) for name in backends.OWN}
PROTOCOLS = ('dap', 'pydevd', 'pdb')
BEGIN = """
import os, sys, threading
from osdbg import backends, exceptions, settings

DEBUGGERS = {'debugpy', 'pydevd', 'remote_pdb', '_pydevd_bundle', 'pdb'}

def look():
    return (
        sys.gettrace(), sys.getprofile(), sys.breakpointhook, sys.excepthook,
        list(sys.path), list(sys.meta_path), dict(os.environ), os.fork,
        threading.active_count(), threading.Thread.start,
    )

before = look()
backend = backends.create(settings.Settings({'backend': NAME, 'port': 1}))
"""
END = """
loaded = DEBUGGERS.intersection(sys.modules)
assert not loaded, loaded
assert look() == before
print('OK')
"""
REQUIRE = """
try:
    backend.require()
except exceptions.OsdbgError as exc:
    # Of the two that share their files, one at the most is there.
    assert f'backend = {NAME} ' in str(exc), exc
"""
# As the agent calls them: whenever it is not sure that there is nothing.
IDLE = """
for _ in range(2):
    assert backend.unload() is None
    assert backend.after_fork() is None
"""


class TestDeclared(unittest.TestCase):
    """A class says what it is before there is an object of it."""

    def test_it_is_a_backend(self):
        for name, backend in OWN.items():
            with self.subTest(name):
                self.assertTrue(issubclass(backend, Backend))
                self.assertEqual(frozenset(), backend.__abstractmethods__)

    def test_name(self):
        for name, backend in OWN.items():
            with self.subTest(name):
                self.assertRegex(name, '^[a-z][a-z_]*$')
                self.assertIs(backend, backends.find(name))

    def test_protocol(self):
        for name, backend in OWN.items():
            with self.subTest(name):
                self.assertIn(backend.protocol, PROTOCOLS)

    def test_abilities(self):
        ways = {Ability.LISTEN, Ability.CONNECT}
        for name, backend in OWN.items():
            with self.subTest(name):
                self.assertIsInstance(backend.abilities, frozenset)
                self.assertLessEqual(backend.abilities, set(Ability))
                self.assertTrue(backend.abilities & ways)

    def test_instead(self):
        for name, backend in OWN.items():
            with self.subTest(name):
                self.assertLessEqual(backend.instead.keys(), set(Ability))
                for text in backend.instead.values():
                    # It goes on after a colon, and has no end of its own.
                    self.assertRegex(text, r'^[a-z][^\n]*[^.\s]$')

    def test_each_ability_is_said_in_words(self):
        names = [ability.value for ability in Ability]
        self.assertEqual(len(set(names)), len(names))
        for ability in Ability:
            self.assertEqual(
                ability.name.lower(), ability.value.replace(' ', '_')
            )


class TestUnloaded(fresh.FreshTestCase):
    """Its module, its object, and what is asked of it cost nothing."""

    def play(self, name, program):
        self.assert_ok(f'NAME = {name!r}\n{BEGIN}{program}{END}')


def _bind(name, program):
    def test(self):
        self.play(name, program)

    return test


for _name in OWN:
    for _what, _program in (('requiring', REQUIRE), ('unloading', IDLE)):
        setattr(TestUnloaded, f'test_{_what}_{_name}', _bind(_name, _program))

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

"""Importing osdbg loads nothing; its names lead where they should."""

import subprocess
import sys
import unittest

import osdbg

FORBIDDEN = (
    'threading socket select selectors ssl subprocess logging typing '
    'dataclasses re enum queue oslo_config eventlet greenlet debugpy pydevd '
    'osdbg.opts osdbg.bootstrap osdbg.settings osdbg.sources'
)


def modules_after(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter.

    :returns: what it loads over what the interpreter had loaded by itself
    """
    program = (
        'import sys; before = set(sys.modules)\n'
        f'{statement}\n'
        'print(*set(sys.modules) - before)'
    )
    done = subprocess.run(
        [sys.executable, '-S', '-c', program],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


class TestFrontDoor(unittest.TestCase):
    def test_import_loads_osdbg_alone(self):
        self.assertEqual({'osdbg'}, modules_after('import osdbg'))

    def test_settings_load_next_to_nothing(self):
        loaded = modules_after('import osdbg.sources')
        self.assertEqual(
            {
                'osdbg.addresses',
                'osdbg.exceptions',
                'osdbg.option_table',
                'osdbg.program',
                'osdbg.settings',
                'osdbg.sources',
                'osdbg.values',
            },
            loaded - {'__future__', 'osdbg'},
        )

    def test_reading_the_environment_needs_no_oslo(self):
        loaded = modules_after(
            'from osdbg import sources\n'
            'environ = {"OS_REMOTE_DEBUG__PORT": "5678"}\n'
            'assert sources.read_environ(environ).port == 5678'
        )
        self.assertEqual(set(), loaded.intersection(FORBIDDEN.split()[:-2]))

    def test_every_name_is_there(self):
        for name in osdbg.__all__:
            with self.subTest(name):
                self.assertTrue(callable(getattr(osdbg, name)))
                self.assertIn(name, dir(osdbg))

    def test_unknown_name(self):
        with self.assertRaisesRegex(AttributeError, "'osdbg'.*'nothing'"):
            osdbg.nothing  # noqa: B018

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

"""What setup.cfg promises is there."""

import configparser
from importlib import import_module
from importlib import metadata
from pathlib import Path
import re
import unittest

from osdbg import backends

ROOT = Path(__file__).parents[2]


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / 'setup.cfg')
    return parser


def lines(text: str) -> list[str]:
    found = (line.partition('#')[0].strip() for line in text.splitlines())
    return [line for line in found if line]


class TestPackaging(unittest.TestCase):
    def test_every_entry_point_resolves(self):
        for group, text in setup_cfg()['entry_points'].items():
            for line in lines(text):
                name, _, target = line.partition(' = ')
                module, _, attribute = target.partition(':')
                with self.subTest(f'{group} {name}'):
                    found = getattr(import_module(module), attribute)
                    self.assertTrue(callable(found))

    def test_entry_points_are_installed(self):
        promised = {
            line.partition(' = ')[0]
            for line in lines(setup_cfg()['entry_points']['osdbg.backends'])
        }
        installed = metadata.distribution('osdbg').entry_points
        self.assertEqual(
            promised,
            {e.name for e in installed if e.group == 'osdbg.backends'},
        )
        self.assertEqual(promised, set(backends.OWN))

    def test_test_extra_and_test_requirements_agree(self):
        text = (ROOT / 'test-requirements.txt').read_text()
        self.assertEqual(lines(text), lines(setup_cfg()['extras']['test']))

    def test_lower_constraints_are_the_lower_bounds(self):
        pinned = lines((ROOT / 'lower-constraints.txt').read_text())
        for name in ('requirements.txt', 'test-requirements.txt'):
            for line in lines((ROOT / name).read_text()):
                lowest = re.split('[,;]', line)[0].replace('>=', '==')
                self.assertIn(lowest, pinned)

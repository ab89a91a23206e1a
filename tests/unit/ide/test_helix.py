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

"""languages.toml of Helix."""

import unittest

import tomlkit

from osdbg.ide import base
from osdbg.ide import helix
from tests.unit.ide import parts

# DebugAdapterConfig and DebugTemplate in helix-core/src/syntax/config.rs of
# github.com/helix-editor/helix.
ADAPTER = {
    'name': str,
    'transport': str,
    'command': str,
    'args': list,
    'port-arg': str,
    'templates': list,
    'quirks': dict,
}
TEMPLATE = {'name': str, 'request': str, 'completion': list, 'args': dict}


class HelixTest(unittest.TestCase):
    def edit(self, *targets, text=''):
        done = helix.Helix(parts.HERE).edit(text, targets)
        self.assertEqual(done, helix.Helix(parts.HERE).edit(done, targets))
        return tomlkit.parse(done).unwrap()

    def test_templates(self):
        (language,) = self.edit(parts.API, parts.COMPUTE)['language']
        self.assertEqual('python', language['name'])
        parts.check_types(
            self, language['debugger'], ADAPTER, list(ADAPTER)[:3]
        )
        templates = language['debugger']['templates']
        for template in templates:
            parts.check_types(self, template, TEMPLATE, TEMPLATE)
            self.assertEqual('attach', template['request'])
            parts.check_attach(self, template['args'])
        self.assertEqual(
            ['osdbg-nova-api', 'osdbg-nova-compute'],
            [template['name'] for template in templates],
        )
        self.assertEqual(
            [f'{parts.HERE}/nova/nova/', '/other/"six".py'],
            [m['localRoot'] for m in templates[0]['args']['pathMappings']],
        )
        # A Helix up to 25.07 takes no tables there.
        self.assertEqual(
            {'justMyCode': False, 'subProcess': True}, templates[1]['args']
        )

    def test_beside_another_language(self):
        mine = '[[language]]\nname = "rust"  # mine\n'
        told = self.edit(parts.API, text=mine)
        self.assertEqual(
            ['rust', 'python'], [found['name'] for found in told['language']]
        )

    def test_not_beside_another_python(self):
        with self.assertRaises(base.Broken) as caught:
            self.edit(parts.API, text="[[language]]\nname = 'python'\n")
        self.assertEqual(2, caught.exception.line)

    def test_hint(self):
        hint = helix.Helix().hint([parts.COMPUTE])
        self.assertIn(':debug-remote [::1]:5679 osdbg-nova-compute', hint)
        self.assertNotIn('25.07', hint)
        self.assertIn('25.07', helix.Helix().hint([parts.API]))

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

""".vimspector.json."""

import unittest

from osdbg.ide import jsonc
from osdbg.ide import vimspector
from tests.unit.ide import parts

# docs/schema/vimspector.schema.json of github.com/puremourning/vimspector:
# what a member of "configurations" may have ("filetypes" is of
# configuration.html there), and what of variables: strings.
CONFIGURATION = {
    'adapter': str,
    'filetypes': list,
    'variables': dict,
    'remote-request': str,
    'remote-cmdLine': list,
    'configuration': dict,
    'breakpoints': dict,
}


class VimspectorTest(unittest.TestCase):
    def test_edit(self):
        client = vimspector.Vimspector(parts.HERE)
        mine = '{"adapters": {}, "configurations": {"mine": {}}}'
        done = client.edit(mine, [parts.API, parts.COMPUTE])
        self.assertEqual(done, client.edit(done, [parts.COMPUTE]))
        told = jsonc.read(done)
        self.assertEqual({}, told['configurations'].pop('mine'))
        self.assertEqual(
            [parts.API.name, parts.COMPUTE.name], list(told['configurations'])
        )
        for found in told['configurations'].values():
            parts.check_types(self, found, CONFIGURATION)
            self.assertEqual('multi-session', found['adapter'])
            parts.check_types(
                self, found['variables'], {'host': str, 'port': str}
            )
            parts.check_attach(
                self, found['configuration'], request=str, type=str
            )
        api = told['configurations'][parts.API.name]
        self.assertEqual(
            {'host': '127.0.0.1', 'port': '5678'}, api['variables']
        )
        self.assertEqual(
            '${workspaceRoot}/nova/nova/',
            api['configuration']['pathMappings'][0]['localRoot'],
        )

    def test_new(self):
        done = vimspector.Vimspector().edit('', [parts.COMPUTE])
        self.assertIn(parts.COMPUTE.name, jsonc.read(done)['configurations'])

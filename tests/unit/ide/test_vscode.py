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

"""launch.json."""

import unittest

from osdbg.ide import base
from osdbg.ide import jsonc
from osdbg.ide import vscode
from tests.unit.ide import parts

OWN = {'name': str, 'type': str, 'request': str}


class VSCodeTest(unittest.TestCase):
    def edit(self, *targets, text='', directory=parts.HERE):
        done = vscode.VSCode(directory).edit(text, targets)
        told = jsonc.read(done)
        for configuration in told['configurations']:
            parts.check_attach(self, configuration, **OWN)
            self.assertEqual('debugpy', configuration['type'])
            self.assertEqual('attach', configuration['request'])
        self.assertEqual(done, vscode.VSCode(directory).edit(done, targets))
        return told

    def test_one(self):
        told = self.edit(parts.API)
        (configuration,) = told['configurations']
        self.assertEqual('0.2.0', told['version'])
        self.assertEqual(
            {'host': '127.0.0.1', 'port': 5678}, configuration['connect']
        )
        self.assertEqual(
            [
                {
                    'localRoot': '${workspaceFolder}/nova/nova/',
                    'remoteRoot': f'{parts.SITE}/nova/',
                },
                {
                    'localRoot': '/other/"six".py',
                    'remoteRoot': f'{parts.SITE}/six.py',
                },
            ],
            configuration['pathMappings'],
        )
        self.assertNotIn('compounds', told)

    def test_no_project(self):
        told = self.edit(parts.API, directory=None)
        (mapping, _) = told['configurations'][0]['pathMappings']
        self.assertEqual(f'{parts.HERE}/nova/nova/', mapping['localRoot'])

    def test_no_paths(self):
        (configuration,) = self.edit(parts.COMPUTE)['configurations']
        self.assertNotIn('pathMappings', configuration)

    def test_a_compound_for_several(self):
        told = self.edit(parts.API, parts.COMPUTE)
        names = [parts.API.name, parts.COMPUTE.name]
        self.assertEqual(names, [c['name'] for c in told['configurations']])
        self.assertEqual(
            [{'name': base.ALL, 'configurations': names, 'stopAll': True}],
            told['compounds'],
        )

    def test_it_listens(self):
        (configuration,) = self.edit(parts.CALLED)['configurations']
        self.assertEqual(
            {'host': '10.0.0.1', 'port': 5678}, configuration['listen']
        )
        self.assertNotIn('connect', configuration)

    def test_an_empty_file(self):
        self.assertEqual(self.edit(parts.API), self.edit(parts.API, text='\n'))

    def test_hint(self):
        client = vscode.VSCode()
        self.assertIn('"osdbg: nova-api"', client.hint([parts.API]))
        self.assertIn(f'"{base.ALL}"', client.hint([parts.API, parts.COMPUTE]))

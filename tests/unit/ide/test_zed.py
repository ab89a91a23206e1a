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

"""debug.json of Zed."""

import unittest

from osdbg.ide import jsonc
from osdbg.ide import zed
from tests.unit.ide import parts

OWN = {'label': str, 'adapter': str, 'request': str}


class ZedTest(unittest.TestCase):
    def test_edit(self):
        client = zed.Zed(parts.HERE)
        mine = '[\n  // mine\n  {"label": "mine"},\n]\n'
        done = client.edit(mine, [parts.API, parts.COMPUTE])
        self.assertEqual(done, client.edit(done, [parts.API]))
        self.assertIn('  // mine\n  {"label": "mine"},\n', done)
        first, *ours = jsonc.read(done)
        for configuration in ours:
            parts.check_attach(self, configuration, **OWN)
            self.assertEqual('Debugpy', configuration['adapter'])
        self.assertEqual(
            [parts.API.name, parts.COMPUTE.name], [c['label'] for c in ours]
        )
        self.assertEqual(
            '$ZED_WORKTREE_ROOT/nova/nova/',
            ours[0]['pathMappings'][0]['localRoot'],
        )

    def test_new(self):
        done = zed.Zed().edit('', [parts.CALLED])
        self.assertEqual(
            ['listen'], [w for w in jsonc.read(done)[0] if w == 'listen']
        )

    def test_hint_for_another_machine(self):
        self.assertNotIn('ssh', zed.Zed().hint([parts.API, parts.COMPUTE]))
        self.assertIn(
            'ssh -L 5678:127.0.0.1:5678 10.0.0.1',
            zed.Zed().hint([parts.CALLED]),
        )

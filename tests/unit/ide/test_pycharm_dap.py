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

"""PyCharm's Attach to DAP."""

import unittest
from xml.etree import ElementTree

from osdbg.ide import pycharm_dap
from tests.unit.ide import parts


class PyCharmDapTest(unittest.TestCase):
    def read(self, target):
        client = pycharm_dap.PyCharmDap(parts.HERE)
        node = ElementTree.fromstring(client.edit('', [target]))[0]
        options = {
            option.get('name'): option.get('value')
            for option in node.findall('option')
        }
        return node, options

    def test_options(self):
        node, options = self.read(parts.API)
        self.assertEqual('PythonDapAttachConfiguration', node.get('type'))
        self.assertEqual(
            {
                'remoteAddress': '127.0.0.1:5678',
                'localRoot': '$PROJECT_DIR$/nova/nova',
                'remoteRoot': f'{parts.SITE}/nova',
            },
            options,
        )
        self.assertEqual(2, len(list(node.iter('mapping'))))

    def test_no_paths(self):
        _, options = self.read(parts.COMPUTE)
        self.assertEqual({'remoteAddress': '[::1]:5679'}, options)

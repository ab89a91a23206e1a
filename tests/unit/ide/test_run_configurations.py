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

"""Run configurations of JetBrains' IDEs: what they have in common."""

import unittest
from xml.etree import ElementTree

from osdbg.ide import base
from osdbg.ide import pycharm
from tests.unit.ide import parts


class RunConfigurationsTest(unittest.TestCase):
    def test_a_file_for_each_and_one_for_all(self):
        client = pycharm.PyCharm(parts.HERE)
        both = [parts.API, parts.COMPUTE]
        self.assertEqual(
            [('.run/osdbg-nova-api.run.xml', [parts.API])],
            list(client.files([parts.API])),
        )
        *_, (place, targets) = client.files(both)
        self.assertEqual(('.run/osdbg-all.run.xml', both), (place, targets))
        top = ElementTree.fromstring(client.edit('', targets))
        node = top.find('configuration')
        self.assertEqual(
            ('CompoundRunConfigurationType', base.ALL),
            (node.get('type'), node.get('name')),
        )
        self.assertEqual(
            [
                {'name': target.name, 'type': pycharm.PyCharm.kind}
                for target in both
            ],
            [found.attrib for found in node.findall('toRun')],
        )

    def test_replaced(self):
        client = pycharm.PyCharm(parts.HERE)
        done = client.edit('', [parts.API])
        changed = done.replace('5678', '1234')
        self.assertEqual(done, client.edit(changed, [parts.API]))

    def test_another_one_is_left_alone(self):
        client = pycharm.PyCharm(parts.HERE)
        with self.assertRaises(base.Broken):
            client.edit(client.edit('', [parts.API]), [parts.COMPUTE])

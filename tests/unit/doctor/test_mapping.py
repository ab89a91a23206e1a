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

import json
import unittest

from osdbg.doctor import case
from osdbg.doctor import mapping


def patient(wishes=None, options=None):
    told = {'options': options or {}}
    return case.Patient(1, {'wishes': wishes or {}}, told)


class TestKnown(unittest.TestCase):
    def test_nobody_is_attached(self):
        self.assertIsNone(mapping.known(patient()))

    def test_of_the_client(self):
        wishes = {'pathMappings': [['/a', '/b']]}
        self.assertEqual([('/a', '/b')], mapping.known(patient(wishes)))
        self.assertEqual([], mapping.known(patient({'pathMappings': []})))

    def test_of_the_options(self):
        options = {'path_mappings': '/a=/b,/c=/d'}
        self.assertEqual(
            [('/a', '/b'), ('/c', '/d')],
            mapping.known(patient(options=options)),
        )


class TestNeeded(unittest.TestCase):
    def test_what_differs(self):
        self.assertEqual(
            '"pathMappings": [{"localRoot": "/home/me/nova/", '
            '"remoteRoot": "/opt/site-packages/"}]',
            mapping.needed(
                '/home/me/nova/nova/api/x.py',
                '/opt/site-packages/nova/api/x.py',
            ),
        )

    def test_it_leads_there(self):
        for local, remote in (
            ('/a/b/c.py', '/x/b/c.py'),
            ('/a/b.py', '/b.py'),
            ('/a/b/c.py', '/a/b/d/b/c.py'),
        ):
            text = mapping.needed(local, remote)
            (pair,) = json.loads('{' + text + '}')['pathMappings']
            pairs = [(pair['localRoot'], pair['remoteRoot'])]
            self.assertEqual(remote, mapping.translate(local, pairs, ''))

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

import unittest

from osdbg.gateway import attaching


class TestWishes(unittest.TestCase):
    def test_nothing_is_said(self):
        self.assertEqual(
            {'justMyCode': True, 'pathMappings': []}, attaching.wishes({})
        )

    def test_all_is_said(self):
        mapping = {'localRoot': '/a', 'remoteRoot': '/b'}
        self.assertEqual(
            {'justMyCode': False, 'pathMappings': [['/a', '/b']]},
            attaching.wishes({'justMyCode': False, 'pathMappings': [mapping]}),
        )

    def test_whatever_is_said(self):
        for mappings in (None, 7, 'x', {}, [7, None, 'x']):
            told = attaching.wishes({'pathMappings': mappings})
            self.assertEqual([], told['pathMappings'])
        told = attaching.wishes({'pathMappings': [{}] * 999})
        self.assertEqual(50, len(told['pathMappings']))
        told = attaching.wishes({'pathMappings': [{'localRoot': 'x' * 9999}]})
        self.assertEqual('x' * 500, told['pathMappings'][0][0])

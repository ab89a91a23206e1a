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

"""What a service needs for PyDev."""

import configparser
import unittest

from osdbg.ide import pydev
from osdbg import sources
from tests.unit.ide import parts


class PyDevTest(unittest.TestCase):
    def test_the_service_understands_it(self):
        read = configparser.ConfigParser()
        read.read_string(pydev.PyDev().edit('', [parts.API]))
        given = {
            name: (text, 'a test')
            for name, text in read['remote_debug'].items()
        }
        resolved = sources.resolve(given)
        self.assertEqual(
            ('pydevd', '127.0.0.1', 5678),
            (resolved.backend, resolved.host, resolved.port),
        )
        self.assertEqual(
            tuple((m.local, m.remote) for m in parts.MAPPINGS),
            resolved.path_mappings,
        )

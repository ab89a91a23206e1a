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

"""PyCharm's Python Debug Server."""

import unittest

from osdbg.ide import pycharm
from tests.unit.ide import parts

FILE = f'''\
<component name="ProjectRunConfigurationManager">
  <configuration default="false" name="osdbg: nova-api" \
type="PyRemoteDebugConfigurationType" factoryName="Python Remote Debug">
    <option name="PORT" value="5678" />
    <option name="HOST" value="127.0.0.1" />
    <PathMappingSettings>
      <option name="pathMappings">
        <list>
          <mapping local-root="$PROJECT_DIR$/nova/nova" \
remote-root="{parts.SITE}/nova" />
          <mapping local-root="/other/&quot;six&quot;.py" \
remote-root="{parts.SITE}/six.py" />
        </list>
      </option>
    </PathMappingSettings>
    <option name="REDIRECT_OUTPUT" value="true" />
    <option name="SUSPEND_AFTER_CONNECT" value="false" />
    <method v="2" />
  </configuration>
</component>
'''


class PyCharmTest(unittest.TestCase):
    def test_file(self):
        client = pycharm.PyCharm(parts.HERE)
        self.assertEqual(FILE, client.edit('', [parts.API]))
        self.assertEqual(FILE, client.edit(FILE, [parts.API]))

    def test_whom_it_speaks_to(self):
        client = pycharm.PyCharm()
        self.assertTrue(client.speaks_to('pydevd_pycharm', 'pydevd'))
        self.assertFalse(client.speaks_to('pydevd', 'pydevd'))
        self.assertFalse(client.speaks_to('debugpy', 'dap'))

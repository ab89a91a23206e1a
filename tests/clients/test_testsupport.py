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

"""Microsoft's own client for tests of debug adapters."""

import pathlib

from tests.clients import client_case
from tests.functional.harness import APP
from tests.functional.harness import line_of

HOME = client_case.HERE / 'testsupport'


class TestSupportTest(client_case.ClientTestCase):
    def test_every_worker_stops(self):
        client_case.install_npm(HOME)
        path = self.write_configuration('vscode', 'launch.json')
        leave = pathlib.Path(self.directory, 'leave')
        client = self.run_client(
            ['node', str(HOME / 'attach.js'), path, APP]
            + [str(line_of('handler')), 'answer', str(leave)]
        )
        self.stop_in_all(client)
        for attached in self.told(client, 'ATTACHED', client_case.WORKERS):
            self.assertTrue(attached['verified'])
        leave.touch()
        self.assert_left(client)

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

"""Emacs with dap-mode, as Debian has it (elpa-dap-mode)."""

import os
import pathlib

from tests.clients import client_case
from tests.functional.harness import APP
from tests.functional.harness import line_of

SCRIPT = str(client_case.HERE / 'attach.el')


class EmacsTest(client_case.ClientTestCase):
    def test_every_worker_stops(self):
        client_case.require('emacs', 'emacs-nox elpa-dap-mode')
        home = os.path.join(self.directory, 'emacs')
        os.mkdir(home)
        leave = pathlib.Path(self.directory, 'leave')
        client = self.run_client(
            ['emacs', '--batch', '--load', SCRIPT],
            HOME=home,
            EMACS_HOME=home,
            CONFIGURATION=self.write_configuration('emacs', 'osdbg.el'),
            NAME=client_case.NAME,
            FILE=APP,
            LINE=str(line_of('handler')),
            EXPRESSION='answer',
            LEAVE=str(leave),
        )
        self.stop_in_all(client)
        leave.touch()
        self.assert_left(client)

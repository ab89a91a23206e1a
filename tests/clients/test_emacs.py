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

"""Emacs: with dap-mode, as Debian 12 has it, and with dape, as Debian 13.

dape takes Emacs 30: ``OSDBG_TEST_DAPE`` is the command, ``emacs`` if unset,
which may begin with a chroot that has the files of this one.
"""

import os
import pathlib
import shlex

from tests.clients import client_case
from tests.functional.harness import APP
from tests.functional.harness import line_of


class EmacsTestCase(client_case.ClientTestCase):
    def drive(self, emacs, packages, script, **environ):
        """Attach, stop everywhere, and leave.

        :param emacs: the words that start it
        :param packages: what brings it
        :param script: what is run in it
        """
        client_case.require(emacs[0], packages)
        home = os.path.join(self.directory, 'emacs')
        os.mkdir(home)
        leave = pathlib.Path(self.directory, 'leave')
        client = self.run_client(
            [*emacs, '--batch', '--load', str(client_case.HERE / script)],
            HOME=home,
            EMACS_HOME=home,
            CONFIGURATION=self.write_configuration('emacs', 'osdbg.el'),
            FILE=APP,
            LINE=str(line_of('handler')),
            EXPRESSION='answer',
            LEAVE=str(leave),
            **environ,
        )
        self.stop_in_all(client)
        leave.touch()
        self.assert_left(client)


class DapModeTest(EmacsTestCase):
    def test_every_worker_stops(self):
        self.drive(
            ['emacs'],
            'emacs-nox elpa-dap-mode',
            'attach.el',
            NAME=client_case.NAME,
        )


class DapeTest(EmacsTestCase):
    def drive_dape(self, leave_by):
        self.drive(
            shlex.split(os.environ.get('OSDBG_TEST_DAPE', 'emacs')),
            'emacs-nox elpa-dape',
            'attach-dape.el',
            NAME='osdbg-nova-api',
            LEAVE_BY=leave_by,
        )

    def test_every_worker_stops(self):
        self.drive_dape('dape-disconnect-quit')

    def test_quit_ends_no_worker(self):
        """It asks to terminate, and once more when told that all is over."""
        self.drive_dape('dape-quit')

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

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from osdbg.doctor import written
from osdbg import settings

FILE = '''\
[DEFAULT]
rpc_response_timeout = 99
odd = %(nothing)s
[remote_debug]
port = 1111
backend = pydevd
unknown = 1
'''


class TestWritten(unittest.TestCase):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = pathlib.Path(directory.name, 'a.conf')
        self.file.write_text(FILE)

    def start(self, *words, **environ):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('OS_', 'OSDBG'))
        }
        process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                'print(flush=True); open(0).read()',
                *words,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, **environ},
        )
        self.addCleanup(process.communicate)
        process.stdout.readline()
        return process.pid

    def test_nothing(self):
        self.assertEqual({}, written.remote_debug(self.start()))

    def test_file(self):
        for words in (
            ('--config-file', str(self.file)),
            (f'--config-file={self.file}',),
            ('--config-dir', str(self.file.parent)),
        ):
            pid = self.start(*words)
            self.assertEqual(
                {
                    'port': ('1111', str(self.file)),
                    'backend': ('pydevd', str(self.file)),
                },
                written.remote_debug(pid),
            )
            self.assertEqual(
                '99', written.option(pid, 'DEFAULT', 'rpc_response_timeout')
            )
            self.assertEqual('', written.option(pid, 'DEFAULT', 'none'))

    def test_environment_over_file_and_command_line_over_both(self):
        words = ('--config-file', str(self.file))
        variables = {settings.env_name('port'): '2222'}
        pid = self.start(*words, **variables)
        self.assertEqual('2222', written.remote_debug(pid)['port'][0])
        pid = self.start(*words, '--remote_debug-port', '3333', **variables)
        self.assertEqual('3333', written.remote_debug(pid)['port'][0])

    def test_default_port_of_osdbg_run(self):
        pid = self.start(OSDBG_DEFAULT_PORT='5678')
        self.assertEqual('5678', written.remote_debug(pid)['port'][0])

    def test_a_file_that_is_none(self):
        self.file.write_text('no section\n')
        pid = self.start('--config-file', str(self.file))
        self.assertEqual({}, written.remote_debug(pid))

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

"""Questions of commands, and what to say when there is no answer."""

import os
import signal
import subprocess
import sys
import unittest

from osdbg.cli import look


class TestSilence(unittest.TestCase):
    def test_what_it_may_be(self):
        with subprocess.Popen(
            [sys.executable, '-c', 'print(flush=True); input()'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as program:
            pid = program.pid
            program.stdout.readline()
            self.assertIn(f'py-spy dump --native --pid {pid}', silence(pid))
            os.kill(pid, signal.SIGSTOP)
            os.waitid(os.P_PID, pid, os.WSTOPPED)
            self.assertIn(f'type kill -CONT {pid}', silence(pid))
            program.kill()
        self.assertIn('it has ended, or runs in a cont', silence(pid))


def silence(pid):
    return look._silence(pid)

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

"""The control socket: who is heard, and when the gateway ends."""

import os
import socket
import subprocess
import sys
import time
import unittest

from tests.unit import fresh


class TestProcess(unittest.TestCase):
    def start(self, **more):
        return subprocess.Popen(
            [sys.executable, '-m', 'osdbg.gateway'],
            env=fresh.environ(**more),
            cwd=fresh.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def test_ends_after_the_grace_period(self):
        started = time.monotonic()
        gateway = self.start(OSDBG_GATEWAY_GRACE='0.2')
        said, _ = gateway.communicate(timeout=20)
        self.assertEqual((0, b''), (gateway.returncode, said))
        self.assertGreater(time.monotonic() - started, 0.2)

    def test_a_second_one_says_so(self):
        name = fresh.environ()['OSDBG_SOCKET']
        first = self.start(OSDBG_SOCKET=name, OSDBG_GATEWAY_GRACE='60')
        self.addCleanup(first.communicate)
        self.addCleanup(first.kill)
        deadline = time.monotonic() + 20
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                if not probe.connect_ex('\0' + name):
                    break
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.assert_says(0, f'already at @{name}', name)

    def assert_says(self, code, text, name):
        second = self.start(OSDBG_SOCKET=name, OSDBG_GATEWAY_GRACE='0.2')
        said, _ = second.communicate(timeout=20)
        self.assertIn(text, said.decode())
        self.assertEqual(code, second.returncode)

    def test_a_squatter_is_not_taken_for_one(self):
        name = fresh.environ()['OSDBG_SOCKET']
        with socket.socket(socket.AF_UNIX) as squatter:
            squatter.bind('\0' + name)
            aside = 'lets nobody in: debugging goes on through /'
            self.assert_says(0, aside, name)
            squatter.listen()
            self.assert_says(1, f'end process {os.getpid()}', name)

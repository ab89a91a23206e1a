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
from pathlib import Path
import socket
import tempfile
import unittest
import uuid

from osdbg import watchdog


class TestWatchdog(unittest.TestCase):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = str(Path(directory.name) / 'notify')

    def heard(self, address, bound=None, **environ):
        """Return what is sent to an address in an environment."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(bound or address)
            systemd.setblocking(False)
            watchdog.beat({'NOTIFY_SOCKET': address, **environ})
            try:
                return systemd.recv(100)
            except BlockingIOError:
                return None
            finally:
                if not bound:
                    os.unlink(address)

    def test_path(self):
        self.assertEqual(
            b'WATCHDOG=1', self.heard(self.path, WATCHDOG_USEC='1')
        )

    def test_abstract(self):
        name = f'osdbg-{uuid.uuid4().hex}'
        self.assertEqual(
            b'WATCHDOG=1',
            self.heard(f'@{name}', bound=f'\0{name}', WATCHDOG_USEC='1'),
        )

    def test_own_pid(self):
        for pid, said in ((os.getpid(), b'WATCHDOG=1'), (os.getppid(), None)):
            with self.subTest(pid):
                self.assertEqual(
                    said,
                    self.heard(
                        self.path, WATCHDOG_USEC='1', WATCHDOG_PID=str(pid)
                    ),
                )

    def test_no_watchdog(self):
        self.assertIsNone(self.heard(self.path))

    def test_nobody_is_there(self):
        watchdog.beat({'NOTIFY_SOCKET': self.path, 'WATCHDOG_USEC': '1'})
        watchdog.beat({'WATCHDOG_USEC': '1'})

    def test_full(self):
        environ = {'NOTIFY_SOCKET': self.path, 'WATCHDOG_USEC': '1'}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(self.path)
            for _ in range(1000):
                watchdog.beat(environ)
            self.assertEqual(b'WATCHDOG=1', systemd.recv(100))

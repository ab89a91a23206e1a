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

"""What systemd hears of a process that stands at a breakpoint."""

import os
import socket
import sys

from tests.functional.harness import free_port
from tests.functional.harness import line_of
from tests.functional.harness import osdbg_run
from tests.functional.harness import over
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS
from tests.functional.harness import spread
from tests.functional.harness import TIMEOUT
from tests.functional.one_service import OneServiceTestCase

SCRIPT = str(PROGRAMS / 'script.py')
# As systemd does it: no other process has that id.
MAIN = ('sh', '-c', 'WATCHDOG_PID=$$ exec "$@"', 'sh')
WATCHDOG = b'WATCHDOG=1'
# Longer than between two of them.
SILENCE = 2.5


@spread
class WatchdogTest(OneServiceTestCase):
    def setUp(self):
        super().setUp()
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        path = os.path.join(self.directory, 'notify')
        self.systemd.bind(path)
        self.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC='3000000')

    def heard(self, timeout):
        """Return what systemd is told next; None if that is nothing."""
        self.systemd.settimeout(timeout)
        try:
            return self.systemd.recv(100)
        except socket.timeout:
            return None

    def stop_main(self, *options):
        """Stop the main process of a service; return client and stop."""
        port = free_port()
        command = osdbg_run(*options, port=port)
        process = Process(
            [*MAIN, *command, sys.executable, SCRIPT, 'wait'],
            self.environ,
            'script',
        )
        self.processes.append(process)
        client = self.client(port)
        client.break_at(SCRIPT, line_of('turn', SCRIPT))
        client.attach()
        stop = client.wait_stopped()
        self.assertEqual(process.pid, stop.session.pid)
        return client, stop

    def test_main_process(self):
        client, stop = self.stop_main('--keep-heartbeats')
        for _ in range(3):
            self.assertEqual(WATCHDOG, self.heard(TIMEOUT))
        client.clear_breakpoints(SCRIPT)
        stop.resume()
        while self.heard(0.2):
            pass
        self.assertIsNone(self.heard(SILENCE))

    def test_without_the_option(self):
        self.stop_main()
        self.assertIsNone(self.heard(SILENCE))

    @over(['eventlet', 'threading'])
    def test_forked_worker(self, engine):
        """It is not the one that systemd waits for."""
        (worker,) = self.start(engine, runner=MAIN, keep_heartbeats=True)
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        while (said := self.heard(SILENCE)) is not None:
            self.assertNotEqual(WATCHDOG, said)
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)

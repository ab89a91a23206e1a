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

"""Loops that ran before the client came, or before it set a breakpoint."""

import sys

from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS

PROGRAM = str(PROGRAMS / 'running_service.py')


class RunningTest(FunctionalTestCase):
    def start(self, *kinds):
        self.port = free_port()
        environ = dict(self.environ, OS_REMOTE_DEBUG__PORT=str(self.port))
        process = Process([sys.executable, PROGRAM, *kinds], environ, 'loops')
        self.processes.append(process)
        process.wait_log('LOOPING', len(kinds))
        return process

    def stop_in_each(self, *kinds):
        process = self.start(*kinds)
        kinds = (*kinds, 'main')
        for _ in range(2):
            # Set before it is attached, and while it is.
            for first in kinds:
                client = self.client(self.port)
                client.break_at(PROGRAM, line_of(first, PROGRAM))
                client.attach()
                for kind in (first, *kinds):
                    self.stop_in(client, kind)
                client.detach()
        self.assertNotIn('Traceback', process.log)

    def stop_in(self, client, kind):
        client.clear_breakpoints(PROGRAM)
        client.break_at(PROGRAM, line_of(kind, PROGRAM))
        stop = client.wait_stopped('breakpoint')
        self.assert_at(stop, kind, PROGRAM)
        client.clear_breakpoints(PROGRAM)
        stepped = stop.step()
        self.assertLess(stepped.line, stop.line)
        stepped.resume()

    def test_green(self):
        self.stop_in_each(
            'green', 'native', 'nested', 'timeout', 'generator', 'pool'
        )

    def test_native(self):
        self.stop_in_each('native', 'raw', 'generator', 'task')

    def test_while_it_is_asked(self):
        """What pydevd had decided before is outdated when it answers."""
        self.start('busy')
        client = self.client(self.port)
        client.attach()
        for _ in range(100):
            for kind in ('never', 'busy'):
                line = line_of(kind, PROGRAM)
                client.root.set_breakpoints(PROGRAM, [{'line': line}])
            client.wait_stopped('breakpoint').resume()

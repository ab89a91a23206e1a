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

"""nova-conductor, unmodified, debugged through one port."""

from tests.functional.harness import free_port
from tests.functional.harness import GRACE
from tests.functional.harness import wait_until
from tests.openstack import cases
from tests.openstack.conductor import ConductorTestCase


class ConductorPlay(ConductorTestCase):
    """Start by ``osdbg run``; attach; stop in calls; detach; stop."""

    def play(self, mode):
        plain = self.end_plain(mode)
        port = free_port()
        conductor = self.start_conductor(mode, port=port)
        workers = conductor.workers()
        self.assert_serving()
        for _ in range(2):
            client = self.attach_to_conductor(port, conductor)
            self.debug_calls(client, workers)
            client.detach()
            self.assert_serving()
        self.assertEqual(workers, conductor.workers())
        self.assert_ended_like(plain, cases.Ending(conductor))
        wait_until(
            'end of the gateway', lambda: not self.gateways(), GRACE + 10
        )


class ConductorTest(ConductorPlay):
    """The current nova, in both of its modes."""

    def test_eventlet(self):
        self.play('eventlet')

    def test_threading(self):
        self.play('threading')


class OldConductorTest(ConductorPlay):
    """A nova with ``[remote_debug]`` options and a debugger of its own."""

    VENV = 'nova31'

    def under_osdbg(self, command, port):
        """Give the port to nova's own options only."""
        return [
            *('osdbg', 'run', '--', *command),
            *('--remote_debug-host', '127.0.0.1'),
            *('--remote_debug-port', str(port)),
        ]

    def test_own_options(self):
        self.play('eventlet')

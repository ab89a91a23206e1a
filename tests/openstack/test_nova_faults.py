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

"""Whatever is killed or cut, at whatever moment: nova-conductor serves on."""

import os
import signal
import time

from tests.functional import dap
from tests.functional.harness import alive
from tests.functional.harness import free_port
from tests.functional.harness import kill
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.openstack.conductor import ConductorTestCase

# Seconds after the start of an attach: before, while and after the debugger
# is loaded, which takes a few tenths.
MOMENTS = (0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
RECONNECTION = 2 * TIMEOUT


class ConductorFaults:
    """One part of it all goes; the rest goes on."""

    MODE = ''

    def attached(self):
        """Return the service, its port, and a client attached to it."""
        port = free_port()
        conductor = self.start_conductor(self.MODE, port=port)
        self.answer = self.rpc.call()
        return conductor, port, self.attach_to_conductor(port, conductor)

    def stopped(self):
        """Return the same, a call that has stopped, and where it has."""
        conductor, port, client = self.attached()
        pending = self.rpc.call_later()
        stop = self.wait_stopped_in_manager(client)
        return conductor, port, client, pending, stop

    def assert_well(self, conductor, port):
        """Serve, be debugged once more, serve, and stop."""
        self.assert_serving()
        client = self.attach_to_conductor(port, conductor)
        self.debug_calls(client, conductor.workers())
        client.detach()
        self.assert_serving()
        self.assert_ended_well(conductor)
        self.assertNotIn('Traceback', conductor.log)

    def assert_ended_well(self, conductor):
        """Stop, and find no bug of osdbg's in the log."""
        self.assertEqual(0, conductor.stop()[0])
        self.assertNotIn('please report it', conductor.log)

    def test_client_dies_at_a_breakpoint(self):
        conductor, port, client, pending, _ = self.stopped()
        client.hang_up(reset=True)
        self.assertEqual(self.answer, pending.result())
        self.assert_well(conductor, port)

    def test_client_dies_at_any_moment_of_an_attach(self):
        port = free_port()
        conductor = self.start_conductor(self.MODE, port=port)
        self.answer = self.rpc.call()
        for moment in MOMENTS:
            self.begin_to_attach(port, moment).close(reset=True)
            self.assert_serving()
        self.assert_well(conductor, port)

    def test_gateway_dies_at_a_breakpoint(self):
        conductor, port, _, pending, _ = self.stopped()
        kill(self.gateway())
        self.assertEqual(self.answer, pending.result())
        self.assert_well(conductor, port)

    def test_gateway_dies_at_any_moment_of_an_attach(self):
        port = free_port()
        conductor = self.start_conductor(self.MODE, port=port)
        self.answer = self.rpc.call()
        for moment in MOMENTS:
            session = self.begin_to_attach(port, moment)
            kill(self.gateway())
            self.assert_serving()
            session.close()
        self.assert_well(conductor, port)

    def test_worker_dies_at_a_breakpoint(self):
        conductor, port, client, _, stop = self.stopped()
        dead = stop.session.pid
        (other,) = conductor.workers() - {dead}
        kill(dead)
        wait_until('death', lambda: not alive(dead))
        # The successor joins the session that is open.
        workers = conductor.wait_workers()
        self.assertIn(other, workers)
        for pid in workers:
            client.wait_pid(pid)
        self.wait_serving()
        self.debug_calls(client, workers)
        client.detach()
        self.assert_well(conductor, port)

    def test_rabbitmq_dies_at_a_breakpoint(self):
        conductor, port, client, _, stop = self.stopped()
        self.broker.kill()
        self.assertEqual("'Service'", stop.locals()['objname'])
        stop.resume()
        self.broker.start()
        self.wait_serving(RECONNECTION)
        self.debug_calls(client, conductor.workers())
        client.detach()
        self.assert_serving()
        self.assert_ended_well(conductor)

    def test_service_is_stopped_at_a_breakpoint(self):
        conductor, _, client, pending, _ = self.stopped()
        os.kill(conductor.pid, signal.SIGTERM)
        self.assertEqual(0, conductor.wait())
        self.assertEqual(self.answer, pending.result())
        wait_until('end of sessions', lambda: not client.live)

    def begin_to_attach(self, port, seconds):
        """Attach, and return in the midst of it, after so long."""
        session = self.connect(port)
        session.send('initialize', adapterID='debugpy')
        session.send('attach', justMyCode=False)
        time.sleep(seconds)
        return session

    def connect(self, port):
        def probe():
            try:
                return dap.Session('127.0.0.1', port)
            except ConnectionRefusedError:
                return None

        return wait_until('listener', probe)


class EventletFaultTest(ConductorFaults, ConductorTestCase):
    MODE = 'eventlet'


class ThreadingFaultTest(ConductorFaults, ConductorTestCase):
    MODE = 'threading'

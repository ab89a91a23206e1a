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

"""What becomes of AMQP connections while a breakpoint holds a worker."""

import os
import pathlib
import time

from tests.functional.harness import free_port
from tests.functional.harness import http_get
from tests.functional.harness import line_of
from tests.functional.harness import Pending
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.openstack import cases
from tests.openstack import rabbitmq
from tests.openstack import venvs

SERVICE = str(venvs.HERE / 'programs' / 'rpc_service.py')
CALLER = str(venvs.HERE / 'programs' / 'rpc_caller.py')
# Seconds. The second is for a stop by hand: OSDBG_TEST_STOP=300 and
# OSDBG_TEST_HEARTBEAT=60 is what a user may live through.
HEARTBEAT = int(os.environ.get('OSDBG_TEST_HEARTBEAT', 4))
STOP = int(os.environ.get('OSDBG_TEST_STOP', 5 * HEARTBEAT))
CONFIG = """
[DEFAULT]
transport_url = {url}
rpc_response_timeout = {timeout}
[oslo_messaging_rabbit]
heartbeat_timeout_threshold = {heartbeat}
heartbeat_rate = 2
[remote_debug]
port = {port}
keep_heartbeats = {keep}
"""
LOST = (
    'A recoverable connection|is unreachable|Too many heartbeats missed|'
    'Unexpected error|Reconnected|Traceback'
)


class Heartbeats(rabbitmq.WithBroker):
    """A service whose connections are looked at from the broker."""

    MODE = ''

    def begin(self, keep):
        """Start service and caller, let one call be made, and attach."""
        port = free_port()
        config = pathlib.Path(self.directory) / 'rpc.conf'
        config.write_text(
            CONFIG.format(
                url=self.broker.url,
                timeout=STOP + 60,
                heartbeat=HEARTBEAT,
                port=port,
                keep=keep,
            )
        )
        self.service = self.run_program(SERVICE, self.MODE, config)
        self.service.wait_log('READY')
        caller = self.run_program(CALLER, config)
        found = caller.wait_log(r'LISTENING port=(\d+)')
        self._caller_port = int(found[0].group(1))
        # So there is a connection for answers, too, and its heartbeat thread.
        self.assert_answers()
        client = self.client(port)
        client.break_at(SERVICE, line_of('work', SERVICE))
        client.attach()
        return client

    def run_program(self, path, *arguments):
        *mode, config = arguments
        words = [self.program('python'), path, *mode]
        return self.start(
            cases.OpenStackProcess(
                [*words, '--config-file', str(config)], self.environ, path
            )
        )

    def connections(self):
        return self.broker.connections(f':{self.service.pid}:')

    def call(self):
        path = '/work?word=hello'
        return http_get(self._caller_port, path, STOP + 60)

    def assert_answers(self, answer=None):
        body = {'word': 'hello', 'pid': self.service.pid}
        self.assertEqual((200, body), answer or self.call())

    def test_connections_are_kept(self):
        client = self.begin(keep=True)
        before = self.connections()
        self.assertEqual(2, len(before))
        pending = Pending(self.call)
        stop = client.wait_stopped()
        time.sleep(STOP)
        self.assertEqual(before, self.connections())
        stop.resume()
        self.assert_answers(pending.result())
        client.detach()
        # The driver, too, has to be content when it comes to look.
        time.sleep(2 * HEARTBEAT)
        self.assert_answers()
        self.assertLessEqual(before, self.connections())
        self.assertNotRegex(self.service.log, LOST)

    def test_connections_are_lost_without(self):
        client = self.begin(keep=False)
        before = self.connections()
        pending = Pending(self.call)
        stop = client.wait_stopped()
        wait_until('loss', lambda: not self.connections(), STOP + TIMEOUT)
        stop.resume()
        self.service.wait_log(LOST)
        self.assert_answers(pending.result())
        self.assertFalse(before & self.connections())


class EventletTest(Heartbeats, cases.OpenStackTestCase):
    MODE = 'eventlet'


class ThreadingTest(Heartbeats, cases.OpenStackTestCase):
    MODE = 'threading'

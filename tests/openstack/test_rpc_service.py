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

"""A service that says ``init(CONF)``, and nothing more, serves RPC calls."""

import pathlib

from tests.functional.harness import free_port
from tests.functional.harness import http_get
from tests.functional.harness import line_of
from tests.functional.harness import Pending
from tests.functional.harness import TIMEOUT
from tests.openstack import cases
from tests.openstack import rabbitmq
from tests.openstack import venvs

SERVICE = str(venvs.HERE / 'programs' / 'rpc_service.py')
CALLER = str(venvs.HERE / 'programs' / 'rpc_caller.py')
CONFIG = """
[DEFAULT]
transport_url = {url}
[remote_debug]
port = {port}
break_on_exception = true
"""
CURRENT = '__import__("osdbg.activities").activities.current.get().{}'


class Calls(rabbitmq.WithBroker):
    """Calls whose context is a dictionary, and known to nobody else."""

    MODE = ''

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.config = str(pathlib.Path(self.directory) / 'rpc.conf')
        pathlib.Path(self.config).write_text(
            CONFIG.format(url=self.broker.url, port=self.port)
        )
        self.service = self.run_program(SERVICE, self.MODE)
        self.service.wait_log('READY')
        found = self.run_program(CALLER).wait_log(r'LISTENING port=(\d+)')
        self.caller_port = int(found[0].group(1))

    def run_program(self, path, *mode):
        words = [self.program('python'), path, *mode]
        return self.start(
            cases.OpenStackProcess(
                [*words, '--config-file', self.config], self.environ, path
            )
        )

    def call(self, method, word, request):
        path = f'/{method}?word={word}&request_id={request}'
        return http_get(self.caller_port, path, 2 * TIMEOUT)

    def call_later(self, *words):
        return Pending(lambda: self.call(*words))

    def test_two_at_a_time(self):
        """Each of them knows which it is."""
        client = self.client(self.port)
        wanted = CURRENT.format('request_ids().__next__() == "req-b"')
        client.break_at(SERVICE, line_of('meet', SERVICE), condition=wanted)
        client.attach()
        client.wait_attached(1)
        pending = {
            word: self.call_later('meet', word, f'req-{word}') for word in 'ba'
        }
        stop = client.wait_stopped()
        self.assertEqual("'b'", stop.locals()['word'])
        title = stop.evaluate(CURRENT.format('title'))
        self.assertEqual("'RPC meet req-b'", title)
        stop.resume()
        # The other one does not stop.
        for word, request in pending.items():
            self.assertEqual((200, {'word': word}), request.result())
        client.detach()

    def test_consumer_of_before(self):
        """Its loop has waited in ``consume()`` since before the client."""
        path = self.module('oslo_messaging/_drivers/base.py')
        self.assertEqual(200, self.call('work', 'a', 'req-a')[0])
        client = self.client(self.port)
        client.break_at(path, cases.line_with(path, 'if incoming:'))
        client.attach()
        client.wait_attached(1)
        pending = self.call_later('work', 'b', 'req-b')
        stop = client.wait_stopped()
        self.assertEqual('_runner', stop.function)
        self.assertEqual('1', stop.evaluate('len(incoming)'))
        client.detach()
        self.assertEqual(200, pending.result()[0])

    def test_exception(self):
        client = self.client(self.port)
        client.break_at(SERVICE, line_of('work', SERVICE))
        client.attach()
        client.wait_attached(1)
        for _ in range(2):
            self.assert_failed(self.call('fail_expectedly', 'x', 'req-x'))
            pending = self.call_later('fail', 'x', 'req-x')
            stop = client.wait_stopped()
            self.assertEqual('exception', stop.reason)
            self.assertEqual(line_of('fail', SERVICE), stop.line)
            self.assertEqual("'X'", stop.locals()['witness'])
            stop.resume()
            self.assert_failed(pending.result())
        pending = self.call_later('work', 'x', 'req-x')
        stop = client.wait_stopped()
        self.assertEqual('breakpoint', stop.reason)
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        client.detach()
        self.assert_failed(self.call('fail', 'x', 'req-x'))

    def assert_failed(self, answer):
        status, body = answer
        self.assertEqual(500, status)
        self.assertIn('LookupError: X', body['error'])


class EventletTest(Calls, cases.OpenStackTestCase):
    MODE = 'eventlet'


class ThreadingTest(Calls, cases.OpenStackTestCase):
    MODE = 'threading'

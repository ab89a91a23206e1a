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

"""nova-conductor with its RabbitMQ, and calls to it."""

import pathlib
import re

from tests.functional.harness import alive
from tests.functional.harness import http_get
from tests.functional.harness import Pending
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.openstack import cases
from tests.openstack import rabbitmq
from tests.openstack import venvs

RPC_CLIENT = venvs.HERE / 'programs' / 'rpc_client.py'
MANAGER = 'nova/conductor/manager.py'
BREAKPOINT = (
    'result = self._object_dispatch(objclass, objmethod, args, kwargs)'
)
# A call made while RabbitMQ is away is answered after the reconnection.
RPC_TIMEOUT = 90
MODES = {
    'eventlet': {'OS_NOVA_DISABLE_EVENTLET_PATCHING': '0'},
    'threading': {'OS_NOVA_DISABLE_EVENTLET_PATCHING': '1'},
}
CONFIG = """
[DEFAULT]
transport_url = {url}
state_path = {state}
host = osdbg-test
rpc_response_timeout = {timeout}
# SQLite does not bear two workers that report at the same moment.
report_interval = 0
# Not at a random moment: a periodic task that meets a stop fails, in nova.
periodic_fuzzy_delay = 0
[database]
connection = sqlite:///{state}/main.sqlite
[api_database]
connection = sqlite:///{state}/api.sqlite
[conductor]
workers = {workers}
[oslo_concurrency]
lock_path = {state}/locks
[placement]
auth_type = none
endpoint_override = http://127.0.0.1:9/placement
"""


def write_config(state, url='rabbit://'):
    path = pathlib.Path(state) / 'nova.conf'
    path.write_text(
        CONFIG.format(
            state=state, url=url, timeout=RPC_TIMEOUT, workers=cases.WORKERS
        )
    )
    return str(path)


def create_databases(venv, state):
    config = write_config(state)
    for database in ('api_db', 'db'):
        venvs.run_tool(
            *(venv / 'bin' / 'nova-manage', '--config-file', config),
            *(database, 'sync'),
        )


class Conductor(cases.OpenStackProcess):
    """nova-conductor, launcher and workers."""

    def workers(self):
        """Return the ids of the living workers."""
        found = re.findall(
            r'(\d+) INFO nova\.service .*Starting conductor node', self.log
        )
        return {int(pid) for pid in found if alive(pid)}

    def wait_workers(self):
        return wait_until('workers', self._all_workers)

    def _all_workers(self):
        if self.returncode is not None:
            raise AssertionError(f'{self.name} ended: {self.returncode}')
        workers = self.workers()
        return workers if len(workers) == cases.WORKERS else None


class RpcClient:
    """``programs/rpc_client.py``, which makes the calls."""

    def __init__(self, python, config, environ):
        self._process = cases.OpenStackProcess(
            [python, str(RPC_CLIENT), '--config-file', config],
            environ,
            'RPC client',
        )
        found = self._process.wait_log(r'LISTENING port=(\d+)')
        self._port = int(found[0].group(1))

    def call(self, timeout=TIMEOUT):
        """Return the conductor's answer."""
        status, body = http_get(self._port, '/minimum_version', timeout)
        if status != 200:
            raise AssertionError(f'call failed: {body}')
        return body['answer']

    def call_later(self, timeout=2 * TIMEOUT):
        return Pending(lambda: self.call(timeout))

    def consumers(self):
        return http_get(self._port, '/consumers')[1].get('answer', 0)

    def kill(self):
        self._process.kill()


class ConductorTestCase(rabbitmq.WithBroker, cases.OpenStackTestCase):
    """A test with a client that it shares with its class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        directory = cls.broker.make_directory('client')
        cls.rpc = RpcClient(
            cls.program('python'),
            write_config(directory, cls.broker.url),
            dict(venvs.clean_environ(), **MODES['threading']),
        )
        cls.addClassCleanup(cls.rpc.kill)

    def start_conductor(self, mode, port=None):
        """Start nova-conductor; under osdbg if ``port`` is given."""
        state = self.copy_state(create_databases)
        config = write_config(state, self.broker.url)
        command = ['nova-conductor', '--config-file', config]
        command = self.under_osdbg(command, port) if port else command
        command[0] = self.program(command[0])
        environ = dict(self.environ, **MODES[mode])
        conductor = self.start(
            Conductor(command, environ, f'{mode} nova-conductor')
        )
        conductor.wait_workers()
        self.wait_serving()
        return conductor

    def under_osdbg(self, command, port):
        return ['osdbg', 'run', '--port', str(port), '--', *command]

    def wait_serving(self, timeout=TIMEOUT):
        wait_until(
            'workers that wait for calls',
            lambda: self.rpc.consumers() == cases.WORKERS,
            timeout,
        )

    def assert_serving(self):
        """Let every worker answer a few calls; RabbitMQ takes turns."""
        for _ in range(2 * cases.WORKERS):
            self.assertEqual(self.answer, self.rpc.call())

    def end_plain(self, mode):
        """Run the service without osdbg and return how it ended."""
        conductor = self.start_conductor(mode)
        self.answer = self.rpc.call()
        self.assert_serving()
        ending = cases.Ending(conductor)
        wait_until('no workers', lambda: not self.rpc.consumers())
        return ending

    def attach_to_conductor(self, port, conductor):
        client = self.client(port)
        path = self.module(MANAGER)
        client.break_at(path, cases.line_with(path, BREAKPOINT))
        client.attach()
        for pid in conductor.wait_workers():
            client.wait_pid(pid)
        self.assertEqual(conductor.workers(), set(client.attached()))
        return client

    def wait_stopped_in_manager(self, client):
        """Wait for a stop in the manager and read what is there."""
        stop = client.wait_stopped()
        path = self.module(MANAGER)
        self.assertEqual(
            (path, cases.line_with(path, BREAKPOINT)), (stop.path, stop.line)
        )
        self.assertEqual("'Service'", stop.locals()['objname'])
        self.assertEqual("'get_minimum_version'", stop.evaluate('objmethod'))
        return stop

    def debug_calls(self, client, workers):
        """Stop, look and go on in calls until each worker has been seen."""
        seen = set()
        for _ in range(4 * len(workers)):
            pending = self.rpc.call_later()
            stop = self.wait_stopped_in_manager(client)
            seen.add(stop.session.pid)
            stop.resume()
            self.assertEqual(self.answer, pending.result())
        self.assertEqual(workers, seen)

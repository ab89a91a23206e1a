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

"""A RabbitMQ of our own: private ports and directories, no systemd."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from tests.functional.harness import free_port
from tests.functional.harness import Process
from tests.openstack import venvs

# Not /usr/sbin/rabbitmq-server, which changes the user and the directory.
SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
CONTROL = '/usr/lib/rabbitmq/bin/rabbitmqctl'
START_TIMEOUT = 60


class RabbitMQ:
    """One broker and its name server ``epmd``, as children of this process."""

    def __init__(self):
        if not (os.path.exists(SERVER) and shutil.which('epmd')):
            raise venvs.Missing(
                f'no {SERVER}: apt-get install rabbitmq-server'
            )
        self._directory = tempfile.TemporaryDirectory(prefix='osdbg-rabbit-')
        self.port = free_port()
        self._environ = self._make_environ(pathlib.Path(self._directory.name))
        self._epmd = Process(['epmd'], self._environ, 'epmd')
        self._server = None

    @property
    def url(self):
        return f'rabbit://guest:guest@127.0.0.1:{self.port}/'

    def _make_environ(self, home):
        return {
            'PATH': os.environ['PATH'],
            'LANG': 'C.UTF-8',
            'HOME': str(home),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'ERL_EPMD_PORT': str(free_port()),
            'RABBITMQ_NODENAME': f'osdbg-{os.getpid()}@localhost',
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODE_PORT': str(self.port),
            'RABBITMQ_DIST_PORT': str(free_port()),
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
                '-kernel inet_dist_use_interface {127,0,0,1}'
            ),
            'RABBITMQ_MNESIA_BASE': str(home / 'mnesia'),
            'RABBITMQ_LOG_BASE': str(home / 'log'),
            'RABBITMQ_LOGS': '-',
            # Nothing of a broker that this machine may have set up.
            'RABBITMQ_CONF_ENV_FILE': '/dev/null',
            'RABBITMQ_CONFIG_FILE': str(home / 'none'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(home / 'plugins'),
        }

    def make_directory(self, name):
        """Return a new directory that ends with the broker."""
        path = pathlib.Path(self._directory.name) / name
        path.mkdir()
        return path

    def start(self):
        """Start the broker, or start it again with what it had stored."""
        self._server = Process([SERVER], self._environ, 'RabbitMQ')
        self._server.wait_log('started TCP listener', timeout=START_TIMEOUT)
        return self

    @property
    def log(self):
        return self._server.log

    def wait_log(self, pattern, **options):
        return self._server.wait_log(pattern, **options)

    def connections(self, name):
        """Return the broker's ids of the connections of a program.

        :param name: what the program calls its connections, or a part of it
        """
        words = 'list_connections --quiet pid client_properties'.split()
        done = subprocess.run(
            [CONTROL, '-n', self._environ['RABBITMQ_NODENAME'], *words],
            env=self._environ,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=START_TIMEOUT,
        )
        lines = [line.split('\t') for line in done.stdout.splitlines()]
        return {line[0] for line in lines if name in line[-1]}

    def kill(self):
        """End the broker without warning."""
        if self._server is not None:
            self._server.kill()

    def remove(self):
        self.kill()
        self._epmd.kill()
        self._directory.cleanup()


class WithBroker:
    """Makes the tests of a class share a broker."""

    VENV = 'nova'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.broker = RabbitMQ()
        cls.addClassCleanup(cls.broker.remove)
        cls.broker.start()

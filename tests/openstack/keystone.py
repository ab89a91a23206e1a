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

"""Keystone under uWSGI, and requests to it."""

import http.client
import json
import pathlib
import re
import subprocess

from tests.functional.harness import alive
from tests.functional.harness import free_port
from tests.functional.harness import Pending
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.openstack import cases
from tests.openstack import venvs

THREADS = 4
PASSWORD = 'osdbg-test'
CONFIG = """
[database]
connection = sqlite:///{state}/keystone.sqlite
[fernet_tokens]
key_repository = {state}/fernet-keys
[fernet_receipts]
key_repository = {state}/fernet-keys
[credential]
key_repository = {state}/credential-keys
[identity]
# As quick as it gets: passwords are not what is tested.
password_hash_rounds = 4
"""
UWSGI = """
[uwsgi]
module = keystone.wsgi.api:application
env = OS_KEYSTONE_CONFIG_FILES={config}
http-socket = 127.0.0.1:{port}
master = true
processes = {processes}
threads = {threads}
enable-threads = true
lazy-apps = {lazy_apps}
need-app = true
die-on-term = true
"""
LOGIN = {
    'auth': {
        'identity': {
            'methods': ['password'],
            'password': {
                'user': {
                    'name': 'admin',
                    'domain': {'id': 'default'},
                    'password': PASSWORD,
                }
            },
        },
        'scope': {'project': {'name': 'admin', 'domain': {'id': 'default'}}},
    }
}


def write_config(state):
    path = pathlib.Path(state) / 'keystone.conf'
    path.write_text(CONFIG.format(state=state))
    return str(path)


def create_database(venv, state):
    manage = (
        *(venv / 'bin' / 'keystone-manage', '--config-file'),
        write_config(state),
    )
    owner = ('--keystone-user', 'root', '--keystone-group', 'root')
    venvs.run_tool(*manage, 'db_sync')
    venvs.run_tool(*manage, 'fernet_setup', *owner)
    venvs.run_tool(*manage, 'credential_setup', *owner)
    venvs.run_tool(*manage, 'bootstrap', '--bootstrap-password', PASSWORD)


class Keystone(cases.OpenStackProcess):
    """uWSGI's master and workers, with keystone in them."""

    def __init__(self, argv, environ, http_port):
        super().__init__(argv, environ, 'keystone')
        self._http_port = http_port

    def workers(self):
        """Return the ids of the living workers."""
        found = re.findall(r'spawned uWSGI worker \d+ \(pid: (\d+)', self.log)
        return {int(pid) for pid in found if alive(pid)}

    def wait_workers(self):
        def ready():
            if self.returncode is not None:
                raise AssertionError(f'uWSGI ended: {self.returncode}')
            workers = self.workers()
            return workers if len(workers) == cases.WORKERS else None

        return wait_until('workers', ready)

    def wait_serving(self):
        """Wait until each worker has answered.

        One that is still starting loses the signal for a reload.
        """
        self.wait_log('WSGI app 0 .* ready')

        def all_have_answered():
            self.get_version()
            answered = re.findall(r'\[pid: (\d+)\|app', self.log)
            return self.workers() <= {int(pid) for pid in answered}

        self.wait_workers()
        wait_until('answers of each worker', all_have_answered, 2 * TIMEOUT)

    def request(self, method, path, body=None, timeout=TIMEOUT):
        """Return the status and the decoded answer."""
        connection = http.client.HTTPConnection(
            '127.0.0.1', self._http_port, timeout=timeout
        )
        try:
            connection.request(
                method,
                path,
                body and json.dumps(body),
                {'Content-Type': 'application/json', 'Connection': 'close'},
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def get_version(self, query='', timeout=TIMEOUT):
        status, body = self.request('GET', f'/v3{query}', timeout=timeout)
        if status != 200:
            raise AssertionError(f'{status}: {body}')
        return body['version']['id']

    def get_version_later(self, query=''):
        return Pending(lambda: self.get_version(query, 2 * TIMEOUT))

    def log_in(self, timeout=TIMEOUT):
        """Get a token; return whose it is."""
        status, body = self.request('POST', '/v3/auth/tokens', LOGIN, timeout)
        if status != 201:
            raise AssertionError(f'{status}: {body}')
        return body['token']['user']['name']

    def log_in_later(self):
        return Pending(lambda: self.log_in(2 * TIMEOUT))


class KeystoneTestCase(cases.OpenStackTestCase):
    """A test with a keystone of its own."""

    VENV = 'keystone'

    def start_keystone(self, *, lazy_apps, port=None):
        """Start keystone; with osdbg if ``port`` is given."""
        state = self.copy_state(create_database)
        http_port = free_port()
        text = UWSGI.format(
            config=write_config(state),
            port=http_port,
            processes=cases.WORKERS,
            threads=THREADS,
            lazy_apps=str(lazy_apps).lower(),
        )
        if port:
            text += self.uwsgi_lines(port)
        ini = pathlib.Path(state) / 'uwsgi.ini'
        ini.write_text(text)
        keystone = self.start(
            Keystone(
                [self.program('uwsgi'), '--ini', str(ini)],
                self.environ,
                http_port,
            )
        )
        keystone.wait_serving()
        return keystone

    def uwsgi_lines(self, port):
        """Return what to paste, as an operator would get it."""
        return subprocess.run(
            [self.program('osdbg'), 'env', '--uwsgi', '--port', str(port)],
            env=self.environ,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout

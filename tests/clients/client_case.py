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

"""Clients that others have written, attached as ``osdbg ide`` says.

Each attaches once, stops in every worker of a fully patched service, and
leaves.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import Process
from tests.functional.harness import TIMEOUT

HERE = pathlib.Path(__file__).parent
WORKERS = 3
NAME = 'osdbg: nova-api'
_NPM_SECONDS = 120


class ClientTestCase(FunctionalTestCase):
    """A service of several workers, and a client at it."""

    def setUp(self):
        super().setUp()
        self.service = self.start_service(
            engine='eventlet',
            workers=WORKERS,
            port=free_port(),
            name='nova-api',
        )
        self.workers = self.service.wait_workers(WORKERS)
        self.before = [worker.state() for worker in self.workers]

    def write_configuration(self, client, file):
        """Have it written for the service that runs, and return where."""
        path = os.path.join(self.directory, file)
        done = self.osdbg('ide', client, '--output', path)
        self.assertEqual(0, done.returncode, done.stderr)
        return path

    def run_client(self, argv, **environ):
        client = Process(argv, dict(self.environ, **environ), argv[0])
        self.processes.append(client)
        return client

    def told(self, client, word, count=1, timeout=TIMEOUT):
        """Wait until a client has said a word so often; return the rest."""
        found = client.wait_log(rf'(?m)^{word} (.*)$', count, timeout)
        failures = re.findall(r'(?m)^FAILED .*$', client.log)
        self.assertEqual([], failures)
        return [json.loads(match.group(1)) for match in found]

    def stop_in_all(self, client):
        """Have every worker stop, and its request answered all the same."""
        # An editor loads a hundred libraries before.
        self.told(client, 'ATTACHED', WORKERS, 4 * TIMEOUT)
        pending = [worker.get_later('/work') for worker in self.workers]
        stops = self.told(client, 'STOPPED', WORKERS)
        place = {(APP, line_of('handler'))}
        self.assertEqual(place, {(s['path'], s['line']) for s in stops})
        self.assertEqual({"'unchanged'"}, {s['value'] for s in stops})
        self.assertEqual(WORKERS, len({s['name'] for s in stops}))
        for worker, answer in zip(self.workers, pending):
            self.assert_answered(answer, pid=worker.pid)

    def assert_left(self, client):
        """See that it has gone, and that the service goes on untraced."""
        self.assertEqual([WORKERS], self.told(client, 'LEFT'))
        self.assertEqual(0, client.wait())
        self.assert_as_before()

    def assert_as_before(self):
        """See that every worker serves, and nothing of the debugger stays."""
        for worker, before in zip(self.workers, self.before):
            self.assert_answered(worker.get_later('/work'), pid=worker.pid)
            self.assert_undisturbed(worker, before)
        self.assertNotIn('Traceback', self.service.log)


def require(program, package):
    """Fail where a program is missing, and say what brings it."""
    if shutil.which(program) is None:
        raise AssertionError(f'no {program} here: apt-get install {package}')


def install_npm(folder):
    """Install what package-lock.json names, once."""
    require('npm', 'npm')
    named = folder / 'package-lock.json'
    # npm writes it last.
    found = folder / 'node_modules' / '.package-lock.json'
    if not found.exists() or found.stat().st_mtime < named.stat().st_mtime:
        subprocess.run(
            ['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'],
            cwd=folder,
            check=True,
            timeout=_NPM_SECONDS,
            stdout=subprocess.DEVNULL,
        )

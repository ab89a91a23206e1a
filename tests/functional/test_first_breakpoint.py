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

"""*First breakpoint in five minutes* does what it says."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import osdbg_run
from tests.functional.harness import Pending
from tests.functional.harness import wait_until

PROGRAM = harness.ROOT / 'doc/source/examples/greeter.py'
WORKERS = 2


class FirstBreakpointTest(harness.FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.here = pathlib.Path(self.directory).resolve() / 'src' / 'greeter'
        self.here.mkdir(parents=True)
        self.program = shutil.copy(PROGRAM, self.here)
        self.http_port = free_port()

    def type(self, *words):
        """Type a command beside the program, and return what it prints."""
        done = subprocess.run(
            [sys.executable, '-m', 'osdbg', *words],
            cwd=self.here,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=harness.TIMEOUT,
        )
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout

    def ask(self):
        url = f'http://127.0.0.1:{self.http_port}/Ada'
        with urllib.request.urlopen(url, timeout=harness.TIMEOUT) as answer:
            return answer.read().decode()

    def start(self):
        runner = osdbg_run(port=free_port())
        service = harness.Process(
            [*runner, sys.executable, self.program, str(self.http_port)],
            self.environ,
            'greeter',
        )
        self.processes.append(service)
        wait_until(
            'workers',
            lambda: self.osdbg('ps').stdout.count(' armed ') == WORKERS,
        )
        service.wait_log('wsgi starting up', count=WORKERS)

    def attach(self):
        """Do as the configuration says that was written for VS Code."""
        launch = json.loads((self.here / '.vscode/launch.json').read_text())
        (configuration,) = launch['configurations']
        self.assertEqual('osdbg: greeter', configuration['name'])
        client = self.client(configuration['connect']['port'])
        client.attach_arguments.update(configuration)
        lines = pathlib.Path(self.program).read_text().splitlines()
        line = lines.index("    greeting = f'Hello, {name}!'") + 1
        client.break_at(self.program, line)
        client.attach()
        client.wait_attached(WORKERS)
        return client

    def test_as_it_is_typed(self):
        self.start()
        self.assertRegex(self.ask(), r'^Hello, Ada! This is process \d+\.\n$')
        told = self.type('ide', 'vscode', 'greeter')
        self.assertIn('greeter.py need no mapping', told)
        client = self.attach()
        first = Pending(self.ask)
        stops = [client.wait_stopped()]
        self.assertEqual("'Ada'", stops[0].locals()['name'])
        second = Pending(self.ask)
        stops.append(client.wait_stopped())
        pids = {stop.session.pid for stop in stops}
        self.assertEqual(WORKERS, len(pids), 'stopped twice in one worker')
        client.detach()
        answers = first.result() + second.result()
        self.assertEqual(
            pids, {int(pid) for pid in re.findall(r'(\d+)\.', answers)}
        )

    def test_installed_elsewhere(self):
        checkout = self.here.parent / 'checkout'
        checkout.mkdir()
        copy = shutil.copy(self.program, checkout)
        self.start()
        told = self.type('ide', 'vscode', 'greeter', '--source', str(checkout))
        self.assertIn(f'greeter.py: {self.program} is {copy}', told)
        self.program = copy
        client = self.attach()
        pending = Pending(self.ask)
        stop = client.wait_stopped()
        self.assertEqual(os.fspath(copy), stop.path)
        client.detach()
        self.assertIn('Hello, Ada!', pending.result())

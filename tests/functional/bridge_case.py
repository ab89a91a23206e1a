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

"""A service, ``osdbg bridge``, and IDEs that come through it."""

import os
import pathlib
import re
import socket
import subprocess
import sys

from tests.functional import dap
from tests.functional import harness

EXAMPLE = pathlib.Path(
    harness.ROOT, 'doc', 'source', 'examples', 'bridge_ssh.py'
).read_text()
"""What the documentation has VS Code start."""

WORDS = re.search(r'\[.*\]', EXAMPLE).group()
"""The list in it: the command that it runs."""


class BridgeTestCase(harness.FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.directory, 'debug')
        self.file = f'unix:{self.path}'

    def start(self, workers=1, **options):
        options.setdefault('engine', 'eventlet')
        options.setdefault('name', 'api')
        self.service = self.start_service(workers=workers, **options)
        self.service.wait_log('to debug .*, attach')
        return self.service.workers()

    def command(self, *words):
        return [sys.executable, '-m', 'osdbg', 'bridge', *words]

    def listen(self, *words):
        """Start a bridge that listens; return it."""
        bridge = harness.Process(self.command(*words), self.environ, 'bridge')
        self.processes.append(bridge)
        bridge.wait_log('attach the IDE to')
        return bridge

    def bridged(self, *words, **options):
        """Attach an IDE that starts a bridge for each of its sessions."""
        return self.attach_by(
            dap.BridgedClient(self.command(*words), self.environ, **options)
        )

    def vs_code(self, *command, **options):
        """Attach VS Code, to which debugAdapterPath gives a command."""
        path = os.path.join(self.directory, 'bridge.py')
        with open(path, 'w') as file:
            file.write(EXAMPLE.replace(WORDS, repr(list(command))))
        return self.attach_by(dap.VSCodeClient(path, self.environ, **options))

    def attach_by(self, client):
        client.timeout = harness.TIMEOUT
        self.clients.append(client)
        client.break_at(harness.APP, harness.line_of('handler'))
        client.attach()
        return client

    def stop_in_each(self, client, workers):
        client.wait_attached(len(workers))
        for worker in workers:
            self.stop_and_go(client, worker)

    def replace(self, client, worker):
        """Kill a worker; its successor joins the client by itself."""
        known = self.service.workers()
        harness.kill(worker.pid)
        self.stop_and_go(client, self.service.wait_successor(known))

    def connect(self, port):
        """Connect as an IDE does, and say as much."""
        sock = socket.create_connection(('127.0.0.1', port), harness.TIMEOUT)
        self.addCleanup(sock.close)
        return sock

    def refusal(self, *words):
        """Return what an IDE is told whom a bridge keeps out, and its end."""
        client = dap.BridgedClient(self.command(*words), self.environ)
        self.clients.append(client)
        with self.assertRaises(dap.DapError) as caught:
            client.attach()
        ((code, complaint),) = client.ends()
        self.assertEqual(1, code)
        said = complaint.decode()
        self.assertEqual(1, said.count('\n'), said)
        told = str(caught.exception)
        self.assertEqual(
            said.strip().replace('osdbg bridge: ', '', 1),
            told.replace('initialize: osdbg: ', '', 1),
        )
        return said

    def bridge(self, *words):
        """Run a bridge whose input ends only with it; return its end."""
        with subprocess.Popen(
            self.command(*words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ,
            text=True,
        ) as done:
            done.stdin.write('Content-Length: 2\r\n\r\n{}')
            done.stdin.flush()
            done.wait(harness.TIMEOUT)
            return done.returncode, done.stdout.read(), done.stderr.read()

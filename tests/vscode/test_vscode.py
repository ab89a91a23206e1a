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

"""A real VS Code, in a browser that nobody sees.

It attaches once, as ``osdbg ide vscode`` says, and has every worker of a fully
patched service in its call stack view. With OSDBG_PICTURES=1 the pictures of
the documentation are taken on the way.
"""

import json
import os
import pathlib
import subprocess
import sys

from tests.clients import client_case
from tests.clients.client_case import WORKERS
from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import line_of
from tests.functional.harness import Process
from tests.functional.harness import ROOT
from tests.functional.harness import wait_until

HERE = pathlib.Path(__file__).parent
HOME = pathlib.Path(
    os.environ.get('OSDBG_TEST_VSCODE', ROOT / '.venvs' / 'vscode')
)
PICTURES = ROOT / 'doc' / 'source' / 'images'
SECONDS = 60


class Window:
    """What a person does: see ``window.js``."""

    def __init__(self, url, environ):
        self._popen = subprocess.Popen(
            ['node', str(HERE / 'window.js'), str(HOME), url],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._expect('OPEN')

    def _expect(self, wanted=None):
        line = self._popen.stdout.readline().strip()
        if line.startswith('FAILED') or wanted not in (None, line):
            raise AssertionError(f'VS Code in the browser: {line}')
        return line

    def order(self, *words):
        self._popen.stdin.write(' '.join(words) + '\n')
        self._popen.stdin.flush()
        return self._expect()

    def rows(self):
        """Return the rows of the call stack view."""
        return json.loads(self.order('rows'))

    def close(self):
        self._popen.stdin.close()
        self._popen.stdout.read()
        self._popen.wait(SECONDS)


class VSCodeTest(client_case.ClientTestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.directory, 'nova')
        self.folder.mkdir()

    def make_home(self):
        """Return the environment of one who has installed osdbg."""
        home = pathlib.Path(self.directory, 'home')
        home.mkdir()
        # VS Code's terminals ask a login shell for the PATH.
        (home / '.bashrc').write_text(f"PS1='$ '\nPATH={home}:$PATH\n")
        program = home / 'osdbg'
        program.write_text(
            f'#!/bin/sh\n{sys.executable} -m osdbg "$@"\n'
            f'touch {self.folder / "done"}\n'
        )
        program.chmod(0o755)
        return dict(self.environ, HOME=str(home), SHELL='/bin/bash')

    def open(self):
        """Serve VS Code, and open the folder in it."""
        port = free_port()
        entry = HOME / 'node_modules/code-server/out/node/entry.js'
        server = Process(
            ['node', str(entry), '--auth', 'none']
            + ['--bind-addr', f'127.0.0.1:{port}']
            + ['--user-data-dir', str(HOME / 'data')]
            + ['--extensions-dir', str(HOME / 'data/extensions')]
            + ['--disable-workspace-trust', '--disable-telemetry']
            + ['--disable-update-check'],
            self.make_home(),
            'code-server',
        )
        self.processes.append(server)
        server.wait_log('HTTP server listening', timeout=SECONDS)
        url = f'http://127.0.0.1:{port}/?folder={self.folder}'
        window = Window(url, self.environ)
        self.addCleanup(window.close)
        return window

    def said(self, what, count=1):
        """Wait until the extension has told something so often."""
        log = self.folder / 'said.log'

        def look():
            lines = log.read_text().splitlines() if log.exists() else []
            told = [json.loads(line) for line in lines]
            failures = [each for each in told if each['what'] == 'failed']
            self.assertEqual([], failures)
            found = [each for each in told if each['what'] == what]
            return found if len(found) >= count else None

        return wait_until(f'{what} in VS Code', look, SECONDS)

    def picture(self, window, name):
        if os.environ.get('OSDBG_PICTURES'):
            PICTURES.mkdir(exist_ok=True)
            window.order('picture', str(PICTURES / name))

    def test_every_worker_is_a_session(self):
        launch = self.folder / '.vscode' / 'launch.json'
        done = self.osdbg('ide', 'vscode', '--output', str(launch))
        self.assertEqual(0, done.returncode, done.stderr)
        plan = {
            'file': APP,
            'line': line_of('handler'),
            'name': client_case.NAME,
            'expression': 'answer',
        }
        (self.folder / 'plan.json').write_text(json.dumps(plan))
        window = self.open()
        self.said('attached', WORKERS)
        parked = self.park()
        pending = [worker.get_later('/work') for worker in self.workers]
        stops = self.said('stopped', WORKERS)
        self.assertEqual(WORKERS, len({stop['name'] for stop in stops}))
        for stop in stops:
            self.assertEqual(
                (APP, line_of('handler'), "'unchanged'"),
                (stop['path'], stop['line'], stop['value']),
            )
        names = [stop['name'] for stop in stops]
        self.wait_paused(window, names)
        self.picture(window, 'vscode-workers.png')
        self.show_commands(window)
        (self.folder / 'go').touch()
        for worker, answer in zip(self.workers, pending):
            self.assert_answered(answer, pid=worker.pid)
        for answer in parked:
            self.assert_answered(answer, traced=True)
        (self.folder / 'leave').touch()
        self.said('ended', WORKERS)
        self.assert_as_before()

    def park(self):
        """Have requests wait meanwhile, for a picture."""
        return [
            worker.get_later('/thread?seconds=5')
            for worker in self.workers
            for _ in range(3 if os.environ.get('OSDBG_PICTURES') else 0)
        ]

    def wait_paused(self, window, names):
        """Wait until the call stack view shows every session stopped."""

        def paused():
            rows = window.rows()
            stopped = [r for r in rows if 'paused on breakpoint' in r.lower()]
            return all(
                any(name in row for row in stopped)
                for name in (*names, 'MainThread: GET /work')
            )

        try:
            wait_until('every worker in the view', paused, SECONDS)
        except TimeoutError as exc:
            raise AssertionError(f'it shows {window.rows()}') from exc

    def type(self, window, words):
        """Type a command of osdbg into a terminal of VS Code."""
        done = self.folder / 'done'
        done.unlink(missing_ok=True)
        window.order('terminal', f'clear; osdbg {words}')
        wait_until(f'end of osdbg {words}', done.exists, SECONDS)

    def show_commands(self, window):
        """Show what a debugger does not, beside it."""
        if not os.environ.get('OSDBG_PICTURES'):
            return
        self.type(window, 'stacks nova-api/0')
        window.order('up', '15')
        self.picture(window, 'vscode-stacks.png')
        (self.folder / 'api_app.py').symlink_to(APP)
        # Where nothing is.
        place = f'api_app.py:{line_of("handler") - 5}'
        self.type(window, f'doctor {place} nova-api')
        window.order('up', '50')
        self.picture(window, 'vscode-doctor.png')

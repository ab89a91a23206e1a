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

"""What the tests of WSGI servers share: one application, many servers."""

import os
import pathlib
import re
import signal
import sys

from tests.functional.harness import alive
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import http_get
from tests.functional.harness import line_of
from tests.functional.harness import osdbg_run
from tests.functional.harness import Pending
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS
from tests.functional.harness import wait_until

BIN = os.path.dirname(sys.executable)
THREAD_SECONDS = 0.5
REQUESTS = 6
# What stopping may take longer with osdbg than without.
STOP_SECONDS = 1.5


def program(name):
    """Return the path of a command of this environment."""
    return os.path.join(BIN, name)


class ServerTestCase(FunctionalTestCase):
    """A server of some kind that runs ``programs/api_app.py``."""

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.http_port = free_port()
        self.environ['PYTHONPATH'] += os.pathsep + str(PROGRAMS)

    def start(self, words, *options, runner=None, ready=True, environ=None):
        """Start a server under ``osdbg run``, or some other runner."""
        if runner is None:
            runner = osdbg_run(*options, port=self.port)
        self.server = Process(
            [*runner, *words],
            dict(self.environ, **(environ or {})),
            os.path.basename(words[0]),
        )
        self.processes.append(self.server)
        if ready:
            self.wait_ready()
        return self.server

    def wait_ready(self):
        def answers():
            if self.server.returncode is not None:
                raise AssertionError(f'ended: {self.server.returncode}')
            try:
                return self.get('/ping?')[0]
            except OSError:
                return None

        wait_until('answer of the server', answers)

    def get(self, path):
        return http_get(self.http_port, path)

    def get_later(self, path):
        return Pending(lambda: self.get(path))

    def fill(self, threads):
        """Have so many threads serve a request each at the same time.

        :returns: what each says of itself, by process and thread
        """
        pending = [
            self.get_later(f'/thread?seconds={THREAD_SECONDS}')
            for _ in range(threads)
        ]
        answers = [request.result()[1] for request in pending]
        return {(a['pid'], a['ident']): a for a in answers}

    def fill_all(self, threads):
        """Do so until each has one: some may be late to come for another."""

        def filled():
            answers = self.fill(threads)
            return answers if len(answers) == threads else None

        return wait_until('a request in each thread', filled)

    def stop_and_go(self, client, path='/work', mark='handler'):
        """Stop at a breakpoint, look, change something, and go on.

        :returns: the process that stopped
        """
        pending = self.get_later(path)
        stop = client.wait_stopped()
        self.assert_at(stop, mark)
        self.assertEqual("'unchanged'", stop.locals()['answer'])
        stop.set('answer', "'changed'")
        stop.resume()
        answer = self.assert_answered(pending, answer='changed')
        self.assertEqual(answer['pid'], stop.session.pid)
        return answer['pid']

    def log_threads(self, client):
        """Have each thread that serves ``/thread`` print its number."""
        app = str(PROGRAMS / 'api_app.py')
        client.break_at(
            app, line_of('thread'), logMessage='thread {os.getpid()} {ident}'
        )

    def logged_threads(self, client, count):
        """Wait until so many threads have passed the breakpoint."""

        def found():
            text = ''.join(
                body.get('output', '')
                for session in list(client.sessions)
                for name, body in list(session.events)
                if name == 'output'
            )
            pairs = set(re.findall(r'thread (\d+) (\d+)', text))
            return pairs if len(pairs) >= count else None

        found = wait_until(f'{count} threads', found, 10)
        return {(int(pid), int(ident)) for pid, ident in found}

    def check_all(self, processes, threads=1):
        """Attach, stop in each thread of each process, leave no trace."""
        everyone = processes * threads
        client = self.attach(self.port, 'handler', processes=processes)
        pids = set(client.attached())
        self.assertNotIn(None, pids)
        for _ in range(REQUESTS):
            self.assertIn(self.stop_and_go(client), pids)
        self.log_threads(client)
        answers = self.fill_all(everyone)
        self.assertEqual(set(answers), self.logged_threads(client, everyone))
        self.assertEqual(pids, {pid for pid, _ in answers})
        client.detach()
        self.check_untraced(answers)
        return pids

    def check_untraced(self, threads):
        """Wait until no thread is traced any more, busy or idle."""

        def untraced():
            answers = self.fill(len(threads))
            return answers.keys() == threads.keys() and not any(
                answer['traced'] for answer in answers.values()
            )

        wait_until('untraced threads', untraced)

    def check_stop(self, signum=signal.SIGTERM, code=0, limit=10):
        """Stop the server; everything of it ends."""
        self.server.signal(signum)
        self.assertEqual(code, self.server.wait(limit), self.server.log)

    def check_log(self, *expected):
        """Nothing went wrong, and osdbg has said what it had to."""
        self.assertNotIn('Traceback', self.server.log)
        lines = [
            line
            for line in self.server.log.splitlines()
            if 'osdbg' in line and 'osdbg-test' not in line
        ]
        self.assertEqual(len(expected), len(lines), lines)
        for pattern, line in zip(expected, lines):
            self.assertRegex(line, pattern)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        pathlib.Path(path).write_text(text)
        return path

    def wait_dead(self, pid):
        wait_until(f'end of process {pid}', lambda: not alive(pid))

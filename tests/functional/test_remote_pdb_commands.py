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

"""What is typed at a prompt of pdb, and in which program."""

import os
import pathlib
import signal
import unittest

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import over
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.prompt_case import PromptTestCase
from tests.functional.prompt_case import STEPS
from tests.functional import terminal


@harness.spread
class CommandsTest(PromptTestCase):
    """What is typed, and in what."""

    @over(('eventlet', 'none'))
    def test_commands(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask('def f(number):', r'\.\.\.   ')
        client.ask('    return number + 1', r'\.\.\.   ')
        client.ask('')
        self.assertEqual('42', client.ask('f(41)'))
        self.assertIn('cannot be restarted', client.ask('restart'))
        self.assertIn('cannot be restarted', client.ask('run x'))
        self.assertIn('SystemExit', client.ask('!raise SystemExit'))
        self.assertEqual('seen', client.ask("!print('seen')"))
        client.ask('interact', '>>> ')
        self.assertEqual("'unchanged'", client.ask('answer', '>>> '))
        client.ask('exit()')
        client.ask('!breakpoint()')
        self.assertIn('stop_here', client.ask('w'))
        client.type('c')
        client.expect_end()
        self.assert_goes_on(worker, before, pending)
        self.assertNotIn('seen', self.service.log)

    @over(('eventlet', 'none'))
    def test_breakpoints_of_the_client(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        lines = pathlib.Path(harness.APP).read_text().splitlines()
        (line,) = [n for n, t in enumerate(lines, 1) if 'body = json' in t]
        client.ask(f'b {line}')
        self.assertIn(f'({line})', client.ask('c'))
        client.type('q')
        client.expect_end()
        self.assert_goes_on(worker, before, pending)

    def test_clearing_all_breakpoints(self):
        """pdb asks back, and not on the stdin of the service."""
        worker = self.serve()
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask(f'b {harness.line_of("after")}')
        client.ask('cl', r'Clear all breaks\? ')
        self.assertEqual(200, worker.get('/work')[0])
        self.assertIn('Deleted breakpoint', client.ask('y'))
        client.type('c')
        client.expect_end()
        self.assert_goes_on(worker, before, pending)

    def test_all_lines_at_once(self):
        """As ``printf '...' | nc`` sends them, and then ends its input."""
        worker = self.serve()
        before = self.teach(worker, STEPS)
        pending = worker.get_later('/steps')
        client = self.prompt()
        client.type('\n'.join(['n'] * 7 + ["p 'the ' 'end'", 'c']))
        client.end_input()
        self.assertIn('the end', client.expect_end())
        self.assert_goes_on(worker, before, pending, 'stepped')

    def test_attach_to_one_worker(self):
        """Others that share its port, and wait longer, are left alone."""
        workers = self.serve(workers=2) and self.workers
        pending = []
        for worker in workers:
            pending.append(worker.get_later('/breakpoint'))
            self.service.wait_log('waits for a terminal', len(pending))
        client = terminal.attach(workers[1].pid, TIMEOUT, self.environ)
        self.clients.append(client)
        client.expect()
        client.type('!import os; answer = os.getpid()')
        client.expect()
        client.type('c')
        self.assert_answered(pending[1], answer=workers[1].pid)
        client.expect('the service goes on')
        self.prompt().type('q')
        self.assert_answered(pending[0], answer='unchanged')

    def test_a_fork_at_the_prompt(self):
        worker = self.serve()
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask('!import os, subprocess, sys')
        out = client.ask(
            "!subprocess.run([sys.executable, '-c', "
            "'import sys; sys.exit(len(sys.stdin.read()))']).returncode"
        )
        self.assertEqual('0', out)
        client.ask('!pid = os.fork() or os._exit(7)')
        self.assertEqual('1792', client.ask('p os.waitpid(pid, 0)[1]'))
        client.type('c')
        client.expect_end()
        self.assert_goes_on(worker, before, pending)

    def test_typed_before(self):
        worker = self.serve()
        client = self.come()
        client.expect('no breakpoint has been reached yet')
        client.type("!answer = 'changed'")
        client.type('c')
        self.assert_answered(worker.get_later('/breakpoint'), answer='changed')
        client.expect_end()

    def test_the_programs(self):
        worker = self.serve()
        before = self.warm(worker)
        makes = [terminal.netcat] if terminal.installed('nc') else []
        makes += [terminal.socat] if terminal.installed('socat') else []
        if not makes:
            raise unittest.SkipTest('neither nc nor socat is installed')
        for make in makes:
            pending = worker.get_later('/breakpoint')
            client = self.prompt(make)
            client.type("!answer = 'changed'")
            client.expect()
            client.type('c')
            self.assert_answered(pending, answer='changed')
            client.press('\x04')  # nc waits for its user, too
            client.wait()
        self.assert_undisturbed(worker, before)

    def test_attach(self):
        worker = self.serve()
        home = os.path.join(self.directory, 'state')
        environ = dict(self.environ, XDG_STATE_HOME=home)
        pending = worker.get_later('/breakpoint')
        client = self.prompt(terminal.attach, environ)
        client.type('p answer')
        client.expect("'unchanged'")
        client.expect()
        client.press('p forgotten')
        client.expect('p forgotten')
        self.interrupt(client, '--KeyboardInterrupt--')
        client.expect()
        client.type('def f():')
        client.expect(r'\.\.\.   ')
        self.interrupt(client, r'\(Pdb\) ')
        client.press('\x1b[A\x1b[A\n')  # p answer
        client.type("!answer = 'changed'")
        client.expect()
        client.expect()
        client.type('c')
        client.expect('the service goes on and has let this terminal go')
        self.assertEqual(0, client.wait())
        self.assert_answered(pending, answer='changed')
        history = os.path.join(home, 'osdbg', 'attach_history')
        self.assertEqual(0o600, os.stat(history).st_mode & 0o777)
        self.assertIn('p answer', pathlib.Path(history).read_text())

    def interrupt(self, client, pattern):
        """Press Ctrl-C; readline misses it while it is about to wait."""
        for _ in range(5):
            client.press('\x03')
            try:
                return client.expect(pattern, 1)
            except AssertionError as exc:
                if 'time is over' not in str(exc):
                    raise
        return client.expect(pattern, 0)

    def test_attach_and_detach(self):
        worker = self.serve()
        pending = worker.get_later('/breakpoint')
        client = self.prompt(terminal.attach, self.environ)
        client.press('\x04')
        client.expect('detached; the service goes on')
        self.assertEqual(0, client.wait())
        self.assert_answered(pending, answer='unchanged')

    def test_attach_notices_the_end(self):
        worker = self.serve()
        pending = worker.get_later('/breakpoint')
        client = self.prompt(terminal.attach, self.environ)
        os.kill(self.gateway(), signal.SIGKILL)
        client.expect('the connection has ended')
        self.assertEqual(0, client.wait())
        self.assert_answered(pending, answer='unchanged')

    def test_attach_to_a_pipe(self):
        worker = self.serve()
        client = self.come(terminal.attach, self.environ, tty=False)
        client.expect('no breakpoint has been reached yet')
        client.type("!answer = 'changed'\np answer\nc")
        client.end_input()
        self.assert_answered(worker.get_later('/breakpoint'), answer='changed')
        client.expect("'changed'")
        self.assertEqual(0, client.wait())

    def test_attach_to_nobody(self):
        self.port = free_port()
        client = self.come(terminal.attach, self.environ, tty=False)
        client.expect('osdbg attach: nobody listens at')
        self.assertEqual(1, client.wait())


@harness.spread
class UrgentTest(PromptTestCase):
    """A process that hangs opens a prompt when it is told to."""

    def interrupt(self, worker, number):
        """Signal until it is heard: the last prompt may be just ending."""
        for _ in range(5):
            os.kill(worker.pid, signal.SIGURG)
            try:
                self.service.wait_log('waits for a terminal', number, 2)
                return
            except TimeoutError:
                continue
        self.service.wait_log('waits for a terminal', number, 0)

    def serve_on_demand(self, engine):
        self.port = free_port()
        self.service = self.start_service(
            engine=engine,
            backend='remote_pdb',
            port=self.port,
            activate='on_demand',
        )
        return self.service.wait_workers()[0]

    def spin(self, worker):
        """Send a request that keeps the worker busy; return it, begun.

        Until ``end_spin``: on a busy machine a signal may have to be sent
        again more than once.
        """
        before = worker.busy()
        pending = worker.get_later('/spin?seconds=60')
        wait_until('busy worker', lambda: worker.busy() > before + 20)
        return pending

    def end_spin(self, client):
        client.ask('ENOUGH.append(True)')

    @over(('eventlet', 'thread_false'))
    def test_while_a_request_waits(self, engine):
        """It is of the same thread, and cannot answer a terminal."""
        worker = self.serve_on_demand(engine)
        self.order('open')
        waiting = worker.get_later('/breakpoint')
        self.service.wait_log('waits for a terminal')
        pending = self.spin(worker)
        self.interrupt(worker, 2)
        client = self.prompt()
        self.assertIn('spin', client.ask('w'))
        self.end_spin(client)
        client.type('q')
        self.assertIn('turns', self.assert_answered(pending))
        self.assert_answered(waiting, answer='unchanged')
        self.service.wait_log('passed: a signal has asked for a prompt')

    @over(('eventlet', 'thread_false'))
    def test_a_spinning_worker(self, engine):
        worker = self.serve_on_demand(engine)
        before = worker.state()
        pending = self.spin(worker)
        for number in (1, 2):
            self.interrupt(worker, number)
            client = self.prompt()
            self.assertIn('spin', client.ask('w'))
            client.ask('n')
            self.assertRegex(client.ask('p turns'), r'\d+')
            if number == 2:
                self.end_spin(client)
            client.type('c' if number == 1 else 'q')
            client.expect_end()
        self.assertIn('turns', self.assert_answered(pending))
        self.assert_undisturbed(worker, before)

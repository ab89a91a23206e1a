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

"""pdb's prompt in a request, through the whole product."""

import os
import pathlib
import signal
import time
import unittest

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import over
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional import terminal

ENGINES = ('eventlet', 'thread_false', 'none', 'threading')
MARKED = r'stop_here\(\)'
# A request that lets others run at each of its lines.
STEPS = """
def steps(query):
    breakpoint()
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    return {'answer': 'stepped'}
ROUTES['/steps'] = steps
"""


class PromptTestCase(harness.FunctionalTestCase):
    """A service whose breakpoints open prompts, and its terminals."""

    def serve(self, engine='eventlet', workers=1, **options):
        self.port = options.pop('port', None) or free_port()
        self.service = self.start_service(
            engine=engine,
            workers=workers,
            backend='remote_pdb',
            port=self.port,
            **options,
        )
        self.service.wait_log(r'breakpoint\(\) in .* opens a prompt at')
        self.workers = self.service.wait_workers(workers)
        return self.workers[0]

    def come(self, make=terminal.Socket, *args, **options):
        client = make(self.port, TIMEOUT, *args, **options)
        self.clients.append(client)
        return client

    def warm(self, worker):
        """Have one prompt, so that everything is loaded; return the state."""
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        client.type('c')
        client.expect_end()
        self.assert_answered(pending, answer='unchanged')
        return self.quiet(worker)

    def quiet(self, worker):
        """Return the state once the threads of former requests have ended."""
        counts = []

        def settled():
            counts.append(worker.state()['threads'])
            return len(counts) > 50 and len(set(counts[-25:])) == 1

        wait_until('quiet worker', settled)
        return worker.state()

    def call(self, worker):
        """Have a request wait for a terminal; return the request.

        While its agent looks for a new gateway, it goes on instead.
        """
        count = self.service.log.count('waits for a terminal')
        while True:
            pending = worker.get_later('/breakpoint')

            def waits():
                return self.service.log.count('waits for a terminal') > count

            wait_until('call', lambda: waits() or pending.done)
            if waits():
                return pending

    def prompt(self, make=terminal.Socket, *args, **options):
        client = self.come(make, *args, **options)
        client.expect()
        return client

    def assert_goes_on(self, worker, before, pending, answer='unchanged'):
        self.assert_answered(pending, answer=answer)
        self.assert_undisturbed(worker, before)
        self.assert_answered(worker.get_later('/work'), answer='unchanged')


@harness.spread
class EndTest(PromptTestCase):
    """However it ends, the request has its normal answer."""

    @over(ENGINES)
    def test_a_session(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        for path in ('/breakpoint', '/breakpoint?kind=osdbg'):
            pending = worker.get_later(path)
            client = self.come()
            self.assertRegex(client.expect(), MARKED)
            self.assertEqual("'unchanged'", client.ask('p answer'))
            client.ask("!answer = 'changed'")
            self.assertRegex(client.ask('n'), r'stop_here\(\)')
            self.assertEqual("'changed'", client.ask('p answer'))
            self.assertEqual((200, worker.pid), self.pid_of(worker))
            client.type('c')
            self.assertEqual('', client.expect_end())
            self.assert_goes_on(worker, before, pending, 'changed')

    def pid_of(self, worker):
        status, answer = worker.get('/pid')
        return status, answer['pid']

    @over(ENGINES)
    def test_the_ends(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        for end in (self.quit, self.exit, self.eof, self.close, self.reset):
            for steps in (0, 1):
                pending = worker.get_later('/breakpoint')
                client = self.prompt()
                for _ in range(steps):
                    client.ask('n')
                end(client)
                self.assert_goes_on(worker, before, pending)

    def quit(self, client):
        client.type('q')
        client.expect_end()

    def exit(self, client):
        client.type('exit')
        client.expect_end()

    def eof(self, client):
        client.end_input()
        client.expect_end()

    def close(self, client):
        client.hang_up()

    def reset(self, client):
        client.type('p 1')
        client.reset()

    @over(ENGINES)
    def test_a_killed_client(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        client = self.prompt(terminal.attach, self.environ, tty=False)
        client.ask('n')
        client.kill()
        self.assert_goes_on(worker, before, pending)

    @over(ENGINES)
    def test_a_killed_gateway(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        for waits in (False, True):
            pending = self.call(worker)
            if not waits:
                self.prompt()
            gateway = self.gateway()
            os.kill(gateway, signal.SIGKILL)
            self.assert_goes_on(worker, before, pending)
            wait_until(
                'new gateway',
                lambda gateway=gateway: self.gateways() not in ([], [gateway]),
            )
            self.service.wait_log('opens a prompt at', 2 + waits)

    @over(ENGINES)
    def test_the_time_is_over(self, engine):
        worker = self.serve(engine, prompt_timeout=0.5)
        before = self.quiet(worker)
        began = time.monotonic()
        pending = worker.get_later('/breakpoint')
        self.assert_answered(pending, answer='unchanged')
        self.assertGreater(time.monotonic() - began, 0.45)
        self.service.wait_log('passed: nobody came in 0.5 s')
        self.assert_undisturbed(worker, before)

    @over(ENGINES)
    def test_a_stopped_service(self, engine):
        worker = self.serve(engine)
        worker.get_later('/breakpoint')
        client = self.prompt()
        code, seconds = self.service.stop()
        self.assertEqual(0, code)
        self.assertLess(seconds, 10)
        client.expect_end()

    @over(ENGINES)
    def test_thirty_prompts(self, engine):
        worker = self.serve(engine)
        self.warm(worker)
        before = self.quiet(worker)
        for number in range(30):
            pending = worker.get_later('/breakpoint')
            client = self.prompt()
            client.ask('n')
            (self.quit, self.close)[number % 2](client)
            self.assert_answered(pending, answer='unchanged')
        self.assert_undisturbed(worker, before)
        wait_until(
            'as few descriptors',
            lambda: (
                len(worker.state()['descriptors'])
                <= len(before['descriptors']) + 1
            ),
        )


@harness.spread
class ManyTest(PromptTestCase):
    """Several requests, workers and terminals."""

    @over(ENGINES)
    def test_others_are_served(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        self.service.wait_log('waits for a terminal', 2)
        self.assertEqual(200, worker.get('/work')[0])
        client = self.prompt()
        self.assertEqual(200, worker.get('/work')[0])
        client.ask('s')
        self.assertEqual(200, worker.get('/work')[0])
        client.type('c')
        client.expect_end()
        self.assert_goes_on(worker, before, pending)

    @over(ENGINES)
    def test_steps_stay_in_their_request(self, engine):
        worker = self.serve(engine)
        teacher = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask(f'!exec({STEPS!r}, globals())')
        client.type('c')
        self.assert_answered(teacher)
        before = self.quiet(worker)
        pending = worker.get_later('/steps')
        client = self.prompt()
        for step in ('n', 'n', 's', 'n', 'n'):
            others = [worker.get_later('/work') for _ in range(5)]
            where = client.ask(step)
            self.assertNotRegex(where, r'\)(work|respond|application)\(')
            for other in others:
                self.assert_answered(other, answer='unchanged', count=3)
        client.type('c')
        client.expect_end()
        self.assert_goes_on(worker, before, pending, 'stepped')

    @over(ENGINES)
    def test_the_second_waits(self, engine):
        worker = self.serve(engine)
        before = self.warm(worker)
        first = worker.get_later('/breakpoint')
        client = self.prompt()
        second = worker.get_later('/breakpoint')
        other = self.come()
        other.expect('no breakpoint has been reached')
        client.ask("!answer = 'first'")
        client.type('c')
        self.assert_answered(first, answer='first')
        other.expect()
        other.ask("!answer = 'second'")
        other.type('c')
        self.assert_goes_on(worker, before, second, 'second')

    @over(ENGINES)
    def test_the_second_passes(self, engine):
        self.pass_second(engine, 'is at a prompt', second_prompt='pass')

    @over(ENGINES)
    def test_the_second_does_not_wait_for_ever(self, engine):
        self.pass_second(engine, 'was at a prompt for 1 s', prompt_timeout=1)

    def pass_second(self, engine, why, **options):
        worker = self.serve(engine, **options)
        before = self.warm(worker)
        first = worker.get_later('/breakpoint')
        client = self.prompt()
        self.assert_answered(
            worker.get_later('/breakpoint'), answer='unchanged'
        )
        self.service.wait_log(f'passed: another request {why}')
        client.type('q')
        self.assert_goes_on(worker, before, first)

    @over(ENGINES)
    def test_two_workers(self, engine):
        self.serve(engine, workers=2)
        before = [self.warm(worker) for worker in self.workers]
        pending = [w.get_later('/breakpoint') for w in self.workers]
        clients = [self.prompt() for _ in self.workers]
        pids = []
        for client in clients:
            client.ask('!import os')
            pids.append(int(client.ask('p os.getpid()')))
        self.assertEqual({w.pid for w in self.workers}, set(pids))
        for client in clients:
            client.type('c')
            client.expect_end()
        for worker, state, request in zip(self.workers, before, pending):
            self.assert_goes_on(worker, state, request)

    def test_a_taken_port(self):
        port = free_port()
        self.hold_port(port)
        worker = self.serve(port=port)
        found = self.service.wait_log(r'opens a prompt at [\d.]+:(\d+)')
        self.port = int(found[0].group(1))
        self.assertIn(self.port, range(port + 1, port + 17))
        pending = worker.get_later('/breakpoint')
        self.prompt().type('c')
        self.assert_answered(pending, answer='unchanged')

    def test_a_web_page(self):
        worker = self.serve()
        before = self.warm(worker)
        pending = worker.get_later('/breakpoint')
        self.service.wait_log('waits for a terminal', 2)
        browser = self.come()
        browser.type(
            'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n'
            "!answer = 'stolen'\nc\n"
        )
        self.assertEqual('', browser.expect_end())
        self.assertFalse(pending.done)
        self.prompt().type('c')
        self.assert_goes_on(worker, before, pending)

    def test_a_native_thread_of_eventlet(self):
        worker = self.serve()
        teacher = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask(
            "!ROUTES['/pool'] = lambda query: __import__("
            "'eventlet.tpool', fromlist=['execute']).execute(stop_here, query)"
        )
        client.type('c')
        self.assert_answered(teacher)
        pending = worker.get_later('/pool')
        client = self.prompt()
        self.assertEqual(200, worker.get('/work')[0])
        client.ask('n')
        client.type('c')
        client.expect_end()
        self.assert_answered(pending)
        self.assertEqual('None', worker.state()['traced'])

    def test_the_hub_of_eventlet(self):
        worker = self.serve()
        teacher = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask(
            "!ROUTES['/timer'] = lambda query: __import__("
            "'eventlet.hubs', fromlist=['get_hub']).get_hub()"
            '.schedule_call_global(0, stop_here, {}) and {}'
        )
        client.type('c')
        self.assert_answered(teacher)
        before = self.quiet(worker)
        worker.get_later('/timer')
        client = self.prompt()
        self.assertIn('fire_timers', client.ask('w'))
        # All of them stand: the hub can serve nobody else.
        pending = worker.get_later('/work')
        client.ask('n')
        self.assertFalse(pending.done)
        client.type('c')
        client.expect_end()
        self.assert_goes_on(worker, before, pending)


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

    @over(('eventlet', 'thread_false'))
    def test_a_spinning_worker(self, engine):
        self.port = free_port()
        self.service = self.start_service(
            engine=engine,
            backend='remote_pdb',
            port=self.port,
            activate='on_demand',
        )
        (worker,) = self.service.wait_workers()
        before = worker.state()
        pending = worker.get_later('/spin?seconds=3')
        time.sleep(0.5)  # nothing tells that it has begun
        for number in (1, 2):
            self.interrupt(worker, number)
            client = self.prompt()
            self.assertIn('spin', client.ask('w'))
            client.ask('n')
            self.assertRegex(client.ask('p turns'), r'\d+')
            client.type('c' if number == 1 else 'q')
            client.expect_end()
        self.assertIn('turns', self.assert_answered(pending))
        self.assert_undisturbed(worker, before)

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
import signal
import time

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import over
from tests.functional.harness import wait_until
from tests.functional.prompt_case import ENGINES
from tests.functional.prompt_case import PromptTestCase
from tests.functional.prompt_case import STEPS
from tests.functional import terminal

MARKED = r'stop_here\(\)'
# A request that waits, in the middle of a step, for as long as it is asked to.
PARKED = """
def parked(query):
    breakpoint()
    time.sleep(float(query['seconds']))
    return {'answer': 'done'}
ROUTES['/parked'] = parked
"""


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

    @over(('eventlet', 'thread_false'))
    def test_while_the_request_waits(self, engine):
        """All others are traced meanwhile, until somebody notices."""
        worker = self.serve(engine)
        before = self.teach(worker, PARKED)
        for osdbg_closes in (False, True):
            pending = worker.get_later('/parked?seconds=10')
            client = self.prompt()
            while '<string>(4)' not in client.ask('w'):
                client.ask('n')
            client.type('n')
            wait_until('step', lambda: self.traced(worker))
            if osdbg_closes:
                self.order('close')
                self.order('open')
            client.hang_up()
            wait_until('full speed', lambda: not self.traced(worker))
            self.assertFalse(pending.done)
            self.assert_goes_on(worker, before, pending, 'done')

    def traced(self, worker):
        return worker.state()['traced'] != 'None'

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
        before = self.teach(worker, STEPS)
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

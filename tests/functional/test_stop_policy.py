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

"""``stop_policy = one_worker``: a service whose other workers answer."""

import functools
import time

from tests.functional import harness
from tests.functional.harness import over
from tests.functional.harness import Pending
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase
from tests.functional.prompt_case import PromptTestCase
from tests.functional import test_pydevd

SERVERS = harness.available(('eventlet', 'threading', 'none'))
ROUNDS = 5
REQUESTS = 300
AT_ONCE = 6
# Whoever has waited so long is in the worker that is stopped.
STUCK = 1.0
# How long a worker that does not stop again keeps its turn, and some more.
LINGER = 4.0


class Load:
    """Requests, each on a connection of its own and counted.

    Some are always on their way, beside those that have come to the worker
    that is stopped.
    """

    def __init__(self, port):
        self.answers = []
        self.failures = []
        self._port = port
        self._since = {}

    def run(self):
        """Send all, and return how many are left without an answer."""
        for number in range(REQUESTS):
            wait_until('answers', lambda: self._young() < AT_ONCE)
            self._since[number] = time.monotonic()
            Pending(functools.partial(self._get, number))
        wait_until('answers', lambda: not self._young())
        return len(self._since)

    def _get(self, number):
        try:
            self.answers.append(harness.http_get(self._port, '/work', 60))
        except Exception as error:
            self.failures.append(error)
        del self._since[number]

    def _young(self):
        now = time.monotonic()
        return sum(now - then < STUCK for then in list(self._since.values()))

    def wait(self):
        wait_until('the rest', lambda: not self._since)


class PolicyTestCase(OneServiceTestCase):
    def start(self, engine='eventlet', workers=2, **options):
        options.setdefault('stop_policy', 'one_worker')
        found = super().start(engine, workers, **options)
        self.client_ = self.attach(
            self.port, 'handler', processes=workers, justMyCode=True
        )
        return found

    def assert_passes(self, worker, path='/work'):
        self.assert_answered(worker.get_later(path), pid=worker.pid)
        self.assertIsNone(self.client_._take_stop(lambda body: True))


@spread
class LoadTest(PolicyTestCase):
    @over(SERVERS)
    def test_the_service_answers(self, engine):
        workers = self.start(engine, 3)
        pending, stop = self.stop_in(self.client_, workers[0])
        load = Load(self.service.http_port)
        # In a service of threads the stopped one still accepts connections.
        taken = load.run()
        self.assertEqual(REQUESTS - taken, len(load.answers))
        pids = {answer['pid'] for _, answer in load.answers}
        self.assertLessEqual(pids, {w.pid for w in workers[1:]})
        self.assertFalse(pending.done)
        self.client_.clear_breakpoints(harness.APP)
        stop.resume()
        self.assert_answered(pending, pid=workers[0].pid)
        load.wait()
        self.assertEqual([], load.failures)
        self.assertEqual({200}, {status for status, _ in load.answers})
        late = [
            answer['pid'] for _, answer in load.answers[-taken or REQUESTS :]
        ]
        self.assertEqual([workers[0].pid] * taken, late)
        print(f'{engine}: {REQUESTS} requests, {taken} in the stopped worker')

    @over(SERVERS)
    def test_one_line_for_many_that_pass(self, engine):
        first, second = self.start(engine)
        pending, stop = self.stop_in(self.client_, first)
        for _ in range(20):
            self.assert_passes(second)
        (line,) = self.service.wait_log(r'breakpoint at .* passed: .*')
        self.assertIn(f'api_app.py:{harness.line_of("handler")}', line[0])
        self.assertIn(f'[{first.pid}] is stopped', line[0])
        session = self.client_.wait_pid(second.pid)
        body = session.wait_event('output', lambda b: 'passed' in b['output'])
        self.assertEqual('console', body['category'])
        stop.resume()
        self.assert_answered(pending)
        self.stop_and_go(self.client_, second)


@spread
class TurnTest(PolicyTestCase):
    @over(SERVERS)
    def test_one_of_those_that_come_at_once(self, engine):
        workers = self.start(engine, 3)
        for _ in range(ROUNDS):
            requests = {w.pid: w.get_later('/work') for w in workers}
            stop = self.client_.wait_stopped()
            held = requests.pop(stop.session.pid)
            for pid, pending in requests.items():
                self.assert_answered(pending, pid=pid)
            self.assertIsNone(self.client_._take_stop(lambda body: True))
            self.assertFalse(held.done)
            stop.resume()
            self.assert_answered(held, pid=stop.session.pid)

    @over(SERVERS)
    def test_who_is_stepped_keeps_its_turn(self, engine):
        first, second = self.start(engine)
        pending, stop = self.stop_in(self.client_, first)
        over_ = []

        def hit():
            while not over_:
                self.assert_answered(second.get_later('/work'))

        hitting = Pending(hit)
        for mark in ('sleep', 'after'):
            stop = stop.step()
            self.assertEqual(first.pid, stop.session.pid)
            self.assert_at(stop, mark)
        over_.append(True)
        hitting.result()
        self.assertIsNone(self.client_._take_stop(lambda body: True))
        stop.resume()
        self.assert_answered(pending)
        self.stop_and_go(self.client_, second)

    def test_a_step_that_does_not_stop_again(self):
        first, second = self.start()
        pending, stop = self.stop_in(self.client_, first)
        stop.session.request('stepOut', threadId=stop.thread)
        stop = self.client_.wait_stopped()
        self.client_.clear_breakpoints(harness.APP)
        stop.session.request('continue', threadId=stop.thread)
        self.assert_answered(pending)
        self.client_.break_at(harness.APP, harness.line_of('handler'))
        self.stop_and_go(self.client_, second)

    @over(SERVERS)
    def test_who_is_gone_has_no_turn(self, engine):
        first, second = self.start(engine)
        self.stop_in(self.client_, first)
        harness.kill(first.pid)
        wait_until(
            'end', lambda: first.pid not in self.processes_told(), LINGER
        )
        self.stop_and_go(self.client_, second)

    @over(SERVERS)
    def test_a_pause_is_no_breakpoint(self, engine):
        first, second = self.start(engine)
        pending, stop = self.stop_in(self.client_, first)
        session = self.client_.wait_pid(second.pid)
        running = second.get_later('/rounds?seconds=60')
        self.service.wait_log('ROUNDS')
        session.request('pause', threadId=1)
        paused = session.wait_stopped()
        self.assertEqual('pause', paused.reason)
        paused.evaluate(harness.ENOUGH)
        paused.resume()
        stop.resume()
        self.assert_answered(pending)
        self.assertEqual(200, running.result()[0])

    @over(SERVERS)
    def test_breakpoint_and_exception(self, engine):
        first, second = self.start(engine)
        self.client_.exception_filters = ['raised']
        session = self.client_.wait_pid(second.pid)
        session.request(
            'setExceptionBreakpoints', filters=['raised'], filterOptions=[]
        )
        pending, stop = self.stop_in(self.client_, first)
        for path in ('/breakpoint', '/raise_caught', '/work'):
            self.assert_passes(second, path)
        stop.resume()
        self.assert_answered(pending)
        pending = second.get_later('/raise_caught')
        stop = self.client_.wait_stopped('exception')
        session.request(
            'setExceptionBreakpoints', filters=[], filterOptions=[]
        )
        stop.resume()
        self.assert_answered(pending)
        pending = second.get_later('/breakpoint')
        stop = self.client_.wait_stopped()
        self.assert_at(stop, 'breakpoint')
        stop.resume()
        self.assert_answered(pending)


@test_pydevd.spread
class PydevdPolicyTest(test_pydevd.PydevdTestCase):
    @test_pydevd.over(SERVERS)
    def test_one_of_two(self, backend, engine):
        first, second = self.start(
            backend, engine, 2, stop_policy='one_worker'
        )
        ide = self.debug([first, second], 'handler')
        pending, stop = self.stop_in(ide, first)
        for _ in range(3):
            self.assert_answered(second.get_later('/work'), pid=second.pid)
        link = self.link_of(ide, second)
        link.wait_for('line', lambda: 'passed' in link.said(2))
        stop = self.step_to_the_end(stop)
        self.assert_answered(second.get_later('/work'), pid=second.pid)
        self.assertIsNone(link.take_stop())
        stop.resume()
        self.assert_answered(pending)
        self.stop_and_go(ide, second)


@spread
class PromptPolicyTest(PromptTestCase):
    @over(SERVERS)
    def test_one_of_two(self, engine):
        first = self.serve(engine, 2, stop_policy='one_worker')
        second = self.workers[1]
        pending = first.get_later('/breakpoint')
        self.service.wait_log('waits for a terminal')
        for _ in range(3):
            self.assert_answered(second.get_later('/breakpoint'))
        client = self.prompt()
        for _ in range(3):
            self.assert_answered(second.get_later('/breakpoint'))
        # Once before it was known where the first stops, once afterwards.
        found = self.service.wait_log(r'passed: .* is stopped', 2)
        self.assertEqual(2, len(found))
        client.type('c')
        client.expect_end()
        self.assert_answered(pending)
        pending = second.get_later('/breakpoint')
        client = self.prompt()
        client.type('c')
        self.assert_answered(pending)

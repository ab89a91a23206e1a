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

"""How long a worker may be stopped, and that it goes on by itself."""

import os
import signal
import time

from tests.functional import dap
from tests.functional import harness
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase
from tests.functional.prompt_case import PromptTestCase
from tests.functional import pydev_ide
from tests.functional import test_pydevd

LIMIT = 3.0
# A gateway that is slow, on a machine that is busy.
SLACK = 5.0
# How long an evaluation may go on: osdbg.gateway.stops.PATIENCE.
PATIENCE = 5.0
FOREVER = 'while True: pass'
SERVERS = harness.available(('eventlet', 'threading', 'none'))


class LimitTestCase(OneServiceTestCase):
    def start(self, engine='eventlet', workers=1, **options):
        options.setdefault('max_stop_seconds', LIMIT)
        return super().start(engine, workers, **options)

    def stopped(self, worker):
        return self.processes_told()[worker.pid]['stopped']

    def console(self, session):
        """Wait for the line that says why it goes on."""
        body = session.wait_event(
            'output', lambda b: 'goes on by itself' in b['output']
        )
        self.assertEqual('console', body['category'])
        return body['output']

    def assert_goes_on(self, session, pending, since, limit=LIMIT, **expected):
        """See one go on in time.

        :param since: when it had not been stopped yet
        """
        session.wait_event('continued', lambda b: b['allThreadsContinued'])
        taken = time.monotonic() - since
        self.assertGreater(taken, limit - 0.1)
        self.assertLess(taken, limit + SLACK)
        self.assertIn('max_stop_seconds', self.console(session))
        self.assert_answered(pending, **expected)


@spread
class LimitTest(LimitTestCase):
    """debugpy."""

    @over(SERVERS)
    def test_a_worker_goes_on(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler')
        for count in (1, 2):
            since = time.monotonic()
            pending, stop = self.stop_in(client, worker)
            found = self.processes_told()[worker.pid]
            self.assertEqual('stopped', found['state'])
            line = harness.line_of('handler')
            where = f'{harness.APP}:{line}'
            self.assertEqual(where, found['stopped']['where'])
            self.assertLess(found['stopped']['seconds'], LIMIT)
            self.assert_goes_on(
                stop.session, pending, since, answer='unchanged'
            )
            self.service.wait_log(
                rf'audit: event=stopped .*where={where} seconds=', count
            )
            self.assertEqual([], stop.session.events_of('continued'))
        wait_until('no stop', lambda: self.stopped(worker) is None)

    @over(SERVERS)
    def test_each_of_three(self, engine):
        workers = self.start(engine, 3)
        client = self.attach(self.port, 'handler', processes=3)
        waiting = []
        for worker in workers:
            since = time.monotonic()
            pending, stop = self.stop_in(client, worker)
            waiting.append((worker, pending, stop, since))
        for worker, pending, stop, since in waiting:
            self.assert_goes_on(stop.session, pending, since, pid=worker.pid)

    @over(SERVERS)
    def test_a_step_begins_anew(self, engine):
        limit = 2 * LIMIT
        (worker,) = self.start(engine, max_stop_seconds=limit)
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        time.sleep(limit / 2 + 0.2)  # the time is what is tested
        stop = stop.step()
        time.sleep(limit / 2 + 0.2)
        since = time.monotonic()
        stop = stop.step()
        while stop.session.take_event('continued'):
            pass  # of the steps
        self.assert_goes_on(stop.session, pending, since, limit)

    def test_paused_threads_are_counted_once(self):
        (worker,) = self.start('threading')
        client = self.attach(self.port, 'handler')
        running = worker.get_later('/rounds?seconds=60')
        self.service.wait_log('ROUNDS')
        since = time.monotonic()
        pending, stop = self.stop_in(client, worker)
        self.assert_goes_on(stop.session, pending, since)
        worker.get('/enough')
        self.assertEqual(200, running.result()[0])
        self.assertEqual(1, self.service.log.count('audit: event=stopped'))
        client.root.request('pause', threadId=stop.thread)
        client.root.send('continue', threadId=stop.thread)
        wait_until('no stop', lambda: self.stopped(worker) is None)

    def test_who_detaches_or_dies_is_stopped_no_more(self):
        (worker,) = self.start('eventlet', max_stop_seconds=60)
        for leave in ('detach', 'hang_up'):
            client = self.attach(self.port, 'handler')
            pending, _stop = self.stop_in(client, worker)
            self.assertIsNotNone(self.stopped(worker))
            getattr(client, leave)()
            self.assert_answered(pending)
            wait_until('no stop', lambda: self.stopped(worker) is None)

    def test_the_gateway_dies(self):
        (worker,) = self.start('eventlet')
        client = self.attach(self.port, 'handler')
        pending, _stop = self.stop_in(client, worker)
        harness.kill(self.gateway())
        self.assert_answered(pending)
        client.hang_up()
        self.gateway()
        client = self.attach(self.port, 'handler')
        since = time.monotonic()
        pending, stop = self.stop_in(client, worker)
        self.assert_goes_on(stop.session, pending, since)


@spread
class EvaluationTest(LimitTestCase):
    """Something is evaluated while the time runs out."""

    def evaluate(self, stop, expression):
        return stop.session.send(
            'evaluate',
            expression=expression,
            frameId=stop.frame['id'],
            context='repl',
        )

    @over(SERVERS)
    def test_it_finishes(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        number = self.evaluate(
            stop, f'[sleep_blocking({LIMIT + 1}), "slept"][1]'
        )
        body = stop.session.answer(number)
        self.assertEqual("'slept'", body['result'])
        self.assert_answered(pending)

    @over(SERVERS)
    def test_it_never_ends(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler')
        for _ in range(2):
            pending, stop = self.stop_in(client, worker)
            number = self.evaluate(stop, FOREVER)
            with self.assertRaisesRegex(dap.DapError, 'abandoned'):
                stop.session.answer(number, LIMIT + PATIENCE + SLACK)
            self.assert_answered(pending)

    @over(SERVERS)
    def test_its_client_leaves(self, engine):
        (worker,) = self.start(engine, max_stop_seconds=0)
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        self.evaluate(stop, FOREVER)
        client.hang_up()
        self.assert_answered(pending)

    @over(SERVERS)
    def test_its_gateway_is_killed(self, engine):
        (worker,) = self.start(engine, max_stop_seconds=0)
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        self.evaluate(stop, FOREVER)
        os.kill(self.gateway(), signal.SIGKILL)
        self.assert_answered(pending)
        self.service.wait_log('event=detach')

    def test_other_green_threads_are_left_alone(self):
        (worker,) = self.start('eventlet')
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        number = self.evaluate(stop, 'while True: time.sleep(0.001)')
        # The hub runs meanwhile, and with it other requests.
        others = 0
        while not pending.done:
            self.assertEqual(200, worker.get('/pid')[0])
            others += 1
        self.assertGreater(others, 10)
        with self.assertRaisesRegex(dap.DapError, 'abandoned'):
            stop.session.answer(number)
        self.assert_answered(pending)


@test_pydevd.spread
class PydevdLimitTest(test_pydevd.PydevdTestCase):
    """PyCharm and PyDev."""

    @test_pydevd.over(SERVERS)
    def test_a_worker_goes_on(self, backend, engine):
        (worker,) = self.start(backend, engine, max_stop_seconds=LIMIT)
        ide = self.debug([worker], 'handler')
        for _ in range(2):
            since = time.monotonic()
            pending, stop = self.stop_in(ide, worker)
            self.assert_answered(pending)
            self.assertGreater(time.monotonic() - since, LIMIT - 0.1)
            link = stop.link
            link.wait_for('run', lambda: stop.thread in link.resumed)
            link.wait_for('line', lambda: 'goes on by itself' in link.said(2))
            link.console.clear()
            link.resumed.clear()

    @test_pydevd.over(SERVERS)
    def test_it_never_ends(self, backend, engine):
        (worker,) = self.start(backend, engine, max_stop_seconds=LIMIT)
        ide = self.debug([worker], 'handler')
        pending, stop = self.stop_in(ide, worker)
        number = stop.link.send(
            pydev_ide.EVALUATE_EXPRESSION,
            *stop._place(),
            'LOCAL',
            'any(iter(lambda: 0, 1))',
            1,
        )
        try:
            said = stop.link.answer(number, LIMIT + PATIENCE + SLACK)
        except pydev_ide.IdeError as exc:
            said = str(exc)
        self.assertIn('abandoned', said)
        self.assert_answered(pending)


@spread
class PromptLimitTest(PromptTestCase):
    """A terminal."""

    def stop_at_prompt(self, worker):
        pending = worker.get_later('/breakpoint')
        return pending, self.prompt()

    @over(SERVERS)
    def test_a_prompt_ends(self, engine):
        worker = self.serve(engine, max_stop_seconds=LIMIT)
        for _ in range(2):
            since = time.monotonic()
            pending, client = self.stop_at_prompt(worker)
            said = client.expect_end()
            self.assertGreater(time.monotonic() - since, LIMIT - 0.1)
            self.assertIn('max_stop_seconds', said)
            self.assert_answered(pending, answer='unchanged')

    @over(SERVERS)
    def test_it_never_ends(self, engine):
        worker = self.serve(engine, max_stop_seconds=LIMIT)
        pending, client = self.stop_at_prompt(worker)
        client.type(FOREVER)
        client.type('')
        self.assertIn('max_stop_seconds', client.expect_end())
        self.assert_answered(pending, answer='unchanged')
        self.assert_answered(worker.get_later('/work'), answer='unchanged')

    def test_who_runs_to_a_breakpoint_is_not_stopped(self):
        worker = self.serve('eventlet', max_stop_seconds=LIMIT)
        pending, client = self.stop_at_prompt(worker)
        client.ask(f'b {harness.APP}:{harness.line_of("handler")}')
        client.type('c')
        self.assert_answered(pending, answer='unchanged')

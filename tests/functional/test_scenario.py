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

"""The one scenario, over engines, numbers of workers and moments of init."""

import time

from tests.functional.harness import available
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import GRACE
from tests.functional.harness import wait_until

GREEN_ENGINES = ('eventlet', 'thread_false', 'os_thread_false')
NATIVE_ENGINES = ('none', 'threading')
TABLE = [
    (engine, workers, init)
    for engine in GREEN_ENGINES
    for workers in (1, 3)
    for init in ('before_patch', 'after_patch', 'in_worker')
]
TABLE += [
    (engine, workers, init)
    for engine in available(NATIVE_ENGINES)
    for workers in (1, 3)
    for init in ('after_patch', 'in_worker')
]


class ScenarioTestCase(FunctionalTestCase):
    """Attach; stop, look, change, step, go on; detach; and once more."""

    def play(self, engine, workers, init):
        port = free_port()
        service = self.start_service(
            engine=engine, workers=workers, init=init, port=port
        )
        armed = service.wait_workers(workers)
        before = [worker.state() for worker in armed]
        self.assert_nothing_loaded(before)
        for _ in range(2):
            client = self.attach(port, 'handler', processes=workers)
            for worker in armed:
                self.debug_request(client, worker)
            client.detach()
            for worker, state in zip(armed, before):
                self.assert_undisturbed(worker, state)
                self.assert_answered(
                    worker.get_later('/work'), answer='unchanged'
                )
        # Else oslo.service (4.3) may not notice: without osdbg, 2 of 4000
        # signals sent at the end of a request waited for the next event.
        time.sleep(0.1)
        self.assertEqual(0, service.stop()[0])
        wait_until(
            'end of the gateway', lambda: not self.gateways(), GRACE + 10
        )

    def assert_nothing_loaded(self, states):
        for state in states:
            self.assertFalse(state['debugger_loaded'])
            self.assertEqual([], state['monitoring'])
            self.assertEqual('None', state['traced'])

    def debug_request(self, client, worker):
        """Stop in a request of ``worker``, change it, and let it go."""
        session = client.wait_pid(worker.pid)
        pending = worker.get_later('/work?answer=original&count=5')
        stop = client.wait_stopped()
        self.assertIs(session, stop.session)
        self.assertEqual('breakpoint', stop.reason)
        self.assert_at(stop, 'handler')
        self.assertEqual("'original'", stop.locals()['answer'])
        self.assertEqual('5', stop.evaluate('count'))
        stop.set('answer', "'changed'")
        stop = self.step_to_the_end(stop)
        self.assertEqual('6', stop.locals()['count'])
        stop.resume()
        self.assert_answered(
            pending, pid=worker.pid, answer='changed', count=7
        )


class ScenarioTest(ScenarioTestCase):
    """Whatever the service is made of, and wherever it calls init()."""


def _scenario(row):
    def test(self):
        self.play(*row)

    return test


for _row in TABLE:
    setattr(
        ScenarioTest, 'test_{}_{}_workers_{}'.format(*_row), _scenario(_row)
    )

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

"""A door that closes by itself, and one that is welded shut."""

import time

from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.test_on_demand import DoorTestCase
from tests.functional.test_on_demand import SERVERS


@spread
class ExpiryTest(DoorTestCase):
    @over(SERVERS)
    def test_open_for_a_while(self, engine):
        workers = self.start(engine)
        before = [worker.state() for worker in workers]
        self.wait_numbers(2)
        start = time.monotonic()
        self.order('open', '--for', '10s')
        wait_until('open door', self.listens)
        client = self.attach(self.port, 'handler', processes=2)
        self.stop_and_go(client, workers[0])
        self.service.wait_log(r'audit: event=opened .* seconds=10\n', 2)
        self.service.wait_log('audit: event=expired', 2)
        self.assertGreater(time.monotonic() - start, 9.5)
        wait_until('closed door', lambda: not self.listens())
        wait_until('end of the session', lambda: client.root.ended)
        for worker, state in zip(workers, before):
            self.assert_undisturbed(worker, state)
        self.assertNotIn('event=closed', self.service.log)
        self.order('open', '--for', '0')
        wait_until('open door', self.listens)

    def test_a_worker_that_is_stopped(self):
        (worker,) = self.start(workers=1)
        self.wait_numbers(1)
        self.order('open', '--for', '8')
        wait_until('open door', self.listens)
        client = self.attach(self.port, 'handler')
        pending = worker.get_later('/work')
        client.wait_stopped()
        self.service.wait_log('audit: event=expired')
        self.assert_answered(pending, pid=worker.pid)

    def test_the_options_say_how_long(self):
        self.start(activate='on_attach', open_seconds=8, workers=1)
        wait_until('open door', self.listens)
        self.service.wait_log('audit: event=expired')
        wait_until('closed door', lambda: not self.listens())

    def test_a_new_gateway_knows_how_long(self):
        seconds = 12
        self.start(open_seconds=seconds, workers=1)
        self.wait_numbers(1)
        start = time.monotonic()
        self.order('open')
        wait_until('open door', self.listens)
        time.sleep(2)  # the time that has passed already
        changed = time.monotonic()
        self.change_gateway()
        wait_until('open door', self.listens)
        self.service.wait_log('audit: event=expired')
        expired = time.monotonic()
        self.assertGreater(expired - start, seconds - 0.5)
        self.assertLess(expired - changed, seconds - 0.5)
        wait_until('closed door', lambda: not self.listens())

    def test_closed_before(self):
        self.start(workers=1)
        self.wait_numbers(1)
        self.order('open', '--for', '8')
        given = time.monotonic() + 8
        self.order('close')
        self.service.wait_log('audit: event=closed .*user=')
        self.order('open')
        self.let_pass(given)
        self.assertTrue(self.listens())
        self.assertNotIn('event=expired', self.service.log)

    def test_opened_again_as_the_options_say(self):
        self.start(workers=1)
        self.wait_numbers(1)
        self.order('open', '--for', '8')
        given = time.monotonic() + 8
        wait_until('open door', self.listens)
        self.order('open')
        self.service.wait_log('audit: event=opened .*user=', 2)
        self.let_pass(given)
        self.assertTrue(self.listens())
        self.assertNotIn('event=expired', self.service.log)

    def test_the_service_makes_it_no_longer(self):
        (worker,) = self.start(workers=1)
        self.wait_numbers(1)
        self.order('open', '--for', '8')
        wait_until('open door', self.listens)
        worker.get('/door?open=1')
        self.service.wait_log('audit: event=expired')
        wait_until('closed door', lambda: not self.listens())
        opened = self.service.log.count('event=opened worker=api/0')
        self.assertEqual(1, opened)

    def let_pass(self, moment):
        """Wait until the time that was given at first has passed."""
        time.sleep(max(0, moment - time.monotonic()) + 0.5)

    def test_no_time(self):
        told = self.osdbg('open', '--for', 'a while')
        self.assertEqual(2, told.returncode)
        self.assertIn("such as 90s, 30m or 2h, found 'a while'", told.stderr)


class DisableTest(DoorTestCase):
    def start_disabled(self, **options):
        self.port = 0
        self.service = self.start_service(
            workers=1, environ={'OSDBG_DISABLE': '1'}, **options
        )
        return self.service.wait_workers(1)[0]

    def test_whatever_the_options_say(self):
        worker = self.start_disabled(
            port=5678, required='true', wait_for_client='true'
        )
        self.service.wait_log('OSDBG_DISABLE=1 is set in the environment')
        self.assertEqual([], self.gateways())
        self.assertEqual(200, worker.get('/breakpoint')[0])
        told = self.osdbg('open')
        self.assertIn('no process of yours is armed', told.stderr)
        said = self.service.log.count('whatever the options say')
        self.assertEqual(1, said)

    def test_nobody_has_asked_for_a_debugger(self):
        self.start_disabled()
        self.assertNotIn('OSDBG_DISABLE', self.service.log)

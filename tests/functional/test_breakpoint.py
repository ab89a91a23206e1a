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

"""``breakpoint()`` in a service, with and without anybody there."""

from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import over
from tests.functional.harness import spread

KINDS = ('builtin', 'osdbg')
PATHS = {kind: f'/breakpoint?kind={kind}' for kind in KINDS}


@spread
class BreakpointTest(FunctionalTestCase):
    """No service may stop at its stdin, which is nobody's."""

    def start(self, engine='none', **options):
        self.port = free_port()
        options = {'port': self.port, **options}
        self.service = self.start_service(engine=engine, **options)
        (worker,) = self.service.wait_workers()
        return worker

    def pass_by(self, worker, why, kinds=KINDS):
        for kind in kinds:
            self.assert_answered(
                worker.get_later(PATHS[kind]), answer='unchanged'
            )
        lines = self.service.wait_log(
            rf'DEBUG osdbg breakpoint at .*api_app.py:\d+ passed: {why}',
            len(kinds),
        )
        self.assertEqual(len(kinds), len(lines))

    @over(('eventlet', 'none', 'threading'))
    def test_nobody_is_attached(self, engine):
        worker = self.start(engine)
        self.pass_by(worker, 'no client is attached')
        self.assertFalse(worker.state()['debugger_loaded'])

    def test_before_and_after_a_client(self):
        worker = self.start()
        before = worker.state()
        client = self.attach(self.port)
        for kind in KINDS:
            pending = worker.get_later(PATHS[kind])
            stop = client.wait_stopped()
            self.assert_at(stop, 'breakpoint')
            stop.resume()
            self.assert_answered(pending, answer='unchanged')
        client.detach()
        self.assert_undisturbed(worker, before)
        self.pass_by(worker, 'no client is attached')

    def test_an_ide_that_does_not_listen(self):
        worker = self.start(direction='connect')
        self.pass_by(worker, 'no client is attached')

    def test_on_demand(self):
        worker = self.start(activate='on_demand')
        self.pass_by(worker, 'no client is attached')

    def test_off(self):
        worker = self.start(init='never')
        self.pass_by(worker, 'osdbg is off', ['osdbg'])

    def test_somebody_elses_hook_is_left_alone(self):
        worker = self.start(environ={'PYTHONBREAKPOINT': 'os.getpid'})
        self.assert_answered(
            worker.get_later(PATHS['builtin']), answer='unchanged'
        )
        self.assertNotIn('passed', self.service.log)

    def test_named_in_the_environment_of_a_service_without_init(self):
        port = free_port()
        service = self.start_service(
            init='never',
            environ={
                'PYTHONBREAKPOINT': 'osdbg.breakpoint',
                'OS_REMOTE_DEBUG__PORT': str(port),
            },
        )
        (worker,) = service.wait_workers()
        path = PATHS['builtin']
        self.assert_answered(worker.get_later(path), answer='unchanged')
        service.wait_log(f'attach an IDE to 127.0.0.1:{port}')
        client = self.attach(port)
        pending = worker.get_later(path)
        stop = client.wait_stopped()
        self.assert_at(stop, 'breakpoint')
        stop.set('answer', "'changed'")
        stop.resume()
        self.assert_answered(pending, answer='changed')

    def test_named_there_and_nothing_else_said(self):
        self.service = self.start_service(
            init='never', environ={'PYTHONBREAKPOINT': 'osdbg.breakpoint'}
        )
        (worker,) = self.service.wait_workers()
        self.pass_by(worker, 'osdbg is off', ['builtin'])

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

"""Doors into services of oslo.service and cotyledon, none of them ``init``."""

import signal
import sys

from tests.functional.harness import AnyService
from tests.functional.harness import APP
from tests.functional.harness import available
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import kill
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import PROGRAMS
from tests.functional.harness import spread
from tests.functional.harness import wait_until

ENGINES = ('eventlet', 'threading')
DOORS = ('enable', 'enable_late', 'mixin_first', 'mixin_last')
PROMPT = 15
LAUNCHED = str(PROGRAMS / 'launched.py')


@spread
class DoorsTest(FunctionalTestCase):
    """Options in the configuration file, two workers, one IDE."""

    def play(self, door, engine):
        port = free_port()
        service = self.start_service(
            engine=engine, workers=2, init=door, port=port
        )
        workers = service.workers()
        before = [worker.state() for worker in workers]
        for _ in range(2):
            client = self.attach(port, 'handler', processes=2)
            for worker in workers:
                self.stop_and_go(client, worker)
            self.assertEqual(
                {worker.pid for worker in workers}, set(client.attached())
            )
            client.detach()
            for worker, state in zip(workers, before):
                self.assert_undisturbed(worker, state)
        self.assertEqual(0, service.stop()[0])
        self.assert_no_complaint(service)
        self.assertNotIn('Traceback', service.log)

    @over(ENGINES)
    def test_off(self, engine):
        for door in ('enable', 'mixin_first'):
            service = self.start_service(engine=engine, init=door)
            (worker,) = service.workers()
            self.assertNotIn('osdbg.agent', worker.state()['osdbg'])
            self.assertEqual([], self.gateways())
            self.assertEqual(0, service.stop()[0])

    @over(ENGINES)
    def test_successor_joins(self, engine):
        port = free_port()
        service = self.start_service(
            engine=engine, workers=2, init='enable', port=port
        )
        workers = service.workers()
        client = self.attach(port, 'handler', processes=2)
        kill(workers[0].pid)
        self.stop_and_go(client, service.wait_successor(workers))
        self.stop_and_go(client, workers[1])

    @over(ENGINES)
    def test_waits_in_each_worker(self, engine):
        port = free_port()
        service = self.start_service(
            engine=engine,
            workers=2,
            init='mixin_first',
            wait=False,
            port=port,
            wait_for_client='true',
        )
        service.wait_log('waiting for an IDE', 2)
        self.assertEqual([], service.workers())
        client = self.attach(port, 'handler', processes=2)
        for worker in service.wait_workers(2):
            self.stop_and_go(client, worker)

    @over(ENGINES)
    def test_can_be_stopped_while_workers_wait(self, engine):
        for door in ('mixin_first', 'enable'):
            service = self.start_service(
                engine=engine,
                workers=2,
                init=door,
                wait=False,
                port=free_port(),
                wait_for_client='true',
            )
            service.wait_log('waiting for an IDE', 2)
            service.stop(PROMPT)
            self.assertNotIn('Traceback', service.log)

    @over(ENGINES)
    def test_required_ends_the_launcher(self, engine):
        port = free_port()
        self.hold_port(port)
        service = self.start_service(
            engine=engine,
            workers=2,
            init='enable',
            wait=False,
            port=port,
            required='true',
        )
        self.assertEqual(1, service.wait(PROMPT))
        self.assertNotIn('READY', service.log)

    @over(ENGINES)
    def test_suspends_in_start(self, engine):
        port = free_port()
        service = self.start_service(
            engine=engine,
            init='enable',
            wait=False,
            port=port,
            suspend='true',
        )
        client = self.attach(port)
        stop = client.wait_stopped()
        self.assertNotIn('/osdbg/', stop.path)
        self.assertEqual([], service.workers())
        stop.resume()
        self.stop_and_go(
            self.client_with_mark(client), *service.wait_workers()
        )

    def client_with_mark(self, client):
        client.break_at(APP, line_of('handler'))
        return client


def _door(door, engine):
    def test(self):
        self.play(door, engine)

    return test


for _door_name in DOORS:
    for _engine in available(ENGINES):
        setattr(
            DoorsTest,
            f'test_{_door_name}_{_engine}',
            _door(_door_name, _engine),
        )


@spread
class LaunchedTest(FunctionalTestCase):
    """Each launcher there is, and what is done to launchers."""

    def start(self, launcher, *options, workers=1, wait=True):
        self.port = free_port()
        path = self.write_config(port=self.port)
        service = AnyService(
            [sys.executable, LAUNCHED, launcher, path, *options], self.environ
        )
        self.processes.append(service)
        return service.wait_workers(workers), service

    def play(self, launcher, *options, workers=1, status=0):
        found, service = self.start(launcher, *options, workers=workers)
        client = self.attach(self.port, 'handler', processes=workers)
        for worker in found:
            self.stop_and_go(client, worker)
        self.assertEqual(
            {worker.pid for worker in found}, set(client.attached())
        )
        client.detach()
        for worker in found:
            self.assert_answered(worker.get_later('/work'))
        # Before 4.6 there was no handler for SIGTERM in no_fork.
        self.assertIn(status, (service.stop()[0], None))
        self.assertNotIn('Traceback', service.log)

    @over(ENGINES)
    def test_launch_one(self, engine):
        self.play('launch', engine)

    @over(ENGINES)
    def test_launch_two(self, engine):
        self.play('launch', engine, '--workers=2', workers=2)

    @over(ENGINES)
    def test_service_launcher(self, engine):
        self.play('ServiceLauncher', engine)

    @over(ENGINES)
    def test_process_launcher(self, engine):
        self.play('ProcessLauncher', engine, '--workers=2', workers=2)

    @over(('threading',))
    def test_no_fork(self, engine):
        self.play('no_fork', engine, status=None)

    @over(('threading',))
    def test_spawned_workers(self, engine):
        self.play('spawn', engine, '--workers=2', workers=2)

    @over(('threading',))
    def test_spawned_workers_with_the_mixin(self, engine):
        self.play('spawn', engine, '--workers=2', '--mixin', workers=2)

    @over(('threading',))
    def test_cotyledon(self, engine):
        self.play('cotyledon', engine, '--workers=2', workers=2)

    @over(ENGINES)
    def test_undone(self, engine):
        (worker,), service = self.start('launch', engine, '--undo')
        self.assertNotIn('osdbg.agent', worker.state()['osdbg'])
        self.assertEqual([], self.gateways())

    @over(ENGINES)
    def test_reload(self, engine):
        workers, service = self.start(
            'launch', engine, '--workers=2', workers=2
        )
        self.play_hup(workers, service, lambda: service.successors(workers))

    @over(('eventlet',))
    def test_mutate(self, engine):
        workers, service = self.start(
            'launch', engine, '--workers=2', '--mutate', workers=2
        )
        self.play_hup(
            workers,
            service,
            lambda: service.log.count('RESET') >= 2 and workers,
        )

    @over(('eventlet',))
    def test_reload_of_the_only_process(self, engine):
        workers, service = self.start('launch', engine)
        self.play_hup(workers, service, lambda: service.workers()[1:])

    def play_hup(self, workers, service, after):
        """The same IDE before and after SIGHUP."""
        client = self.attach(self.port, 'handler', processes=len(workers))
        for worker in workers:
            self.stop_and_go(client, worker)
        service.signal(signal.SIGHUP)
        for worker in wait_until('workers after SIGHUP', after):
            self.stop_and_go(client, worker)
        client.detach()
        self.assertEqual(0, service.stop()[0])

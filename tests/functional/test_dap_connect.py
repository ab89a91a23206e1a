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

"""The IDE listens, and osdbg connects every worker to its debug adapter."""

import socket
import threading
import time

from tests.functional import dap
from tests.functional.harness import alive
from tests.functional.harness import APP
from tests.functional.harness import available
from tests.functional.harness import free_port
from tests.functional.harness import kill
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import SERVICE
from tests.functional.harness import spread
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase
from tests.functional.test_scenario import ScenarioTestCase

ENGINES = ('eventlet', 'none', 'threading')
RECONNECTS = 20
LATE_SECONDS = 3
# One that calls in vain does so several times meanwhile.
VAIN_SECONDS = 1
# From the moment the IDE listens; it is a second on a machine at rest.
READY_SECONDS = 3


class Stranger:
    """Accepts connections, says one thing or nothing, and reads nothing."""

    def __init__(self, port, words):
        self.accepted = []
        self._words = words
        self._listener = socket.create_server(('127.0.0.1', port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            connection.sendall(self._words)
            self.accepted.append(connection)

    def close(self):
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.accepted:
            connection.close()


class ConnectTestCase(OneServiceTestCase):
    """What other tests do at a port of ours, at one of the IDE's."""

    def client(self, port, **options):
        client = dap.ListeningClient(port, timeout=TIMEOUT, **options)
        self.clients.append(client)
        return client

    def start_service(self, **options):
        return super().start_service(direction='connect', **options)

    def attach(self, port, *marks, processes=1, **options):
        client = super().attach(port, *marks, processes=processes, **options)
        self.assertEqual(processes - 1, len(client.announced))
        self.assertEqual([], client.errors)
        return client


class ConnectScenarioTest(ConnectTestCase, ScenarioTestCase):
    """Attach; stop, look, change, step, go on; detach; and once more."""


def _scenario(engine, workers):
    def test(self):
        self.play(engine, workers, 'after_patch')

    return test


for _engine in available(ENGINES):
    for _workers in (1, 3):
        setattr(
            ConnectScenarioTest,
            f'test_{_engine}_{_workers}_workers',
            _scenario(_engine, _workers),
        )


@spread
class ComingTest(ConnectTestCase):
    @over(ENGINES)
    def test_ide_comes_late(self, engine):
        workers = self.start(engine, 2)
        before = [worker.state() for worker in workers]
        time.sleep(LATE_SECONDS)
        for worker, state in zip(workers, before):
            self.assertFalse(worker.state()['debugger_loaded'])
            self.assert_undisturbed(worker, state)
        client = self.attach(self.port, 'handler', processes=2)
        self.assertLess(client.ready - client.listening, READY_SECONDS)
        for worker in workers:
            self.stop_and_go(client, worker)

    def test_ide_is_there_before_the_service(self):
        port = free_port()
        client = self.client(port)
        client.break_at(APP, line_of('handler'))
        client.listen()
        service = self.start_service(engine='eventlet', workers=2, port=port)
        client.join()
        for worker in service.wait_workers(2):
            self.stop_and_go(client, worker)

    def test_breakpoint_works_at_once(self):
        (worker,) = self.start()
        client = self.attach(self.port)
        pending = worker.get_later('/breakpoint')
        stop = client.wait_stopped()
        self.assert_at(stop, 'breakpoint')
        stop.resume()
        self.assert_answered(pending, answer='unchanged')

    def test_announced_by_event_to_ides_without_start_debugging(self):
        workers = self.start(workers=3)
        client = self.attach(
            self.port, 'handler', processes=3, start_debugging=False
        )
        self.assertEqual([], client.root.requests)
        for worker in workers:
            self.stop_and_go(client, worker)

    @over(ENGINES)
    def test_wait_for_client(self, engine):
        port = free_port()
        service = self.start_service(
            engine=engine, port=port, wait_for_client='true', wait=False
        )
        self.gateway()
        client = self.client(port)
        client.break_at(SERVICE, line_of('initialised', SERVICE))
        client.attach()
        stop = client.wait_stopped()
        self.assert_at(stop, 'initialised', SERVICE)
        self.assertNotIn('READY', service.log)
        stop.resume()
        service.wait_workers()
        client.detach()
        self.assertEqual(0, service.stop()[0])

    def listen_in_vain(self, words):
        (worker,) = self.start()
        before = worker.state()
        stranger = Stranger(self.port, words)
        wait_until('call', lambda: stranger.accepted)
        time.sleep(VAIN_SECONDS)
        self.assertFalse(worker.state()['debugger_loaded'])
        self.assert_undisturbed(worker, before)
        stranger.close()
        self.attach_again(worker)

    def test_somebody_accepts_and_says_nothing(self):
        self.listen_in_vain(b'')

    def test_somebody_speaks_something_else(self):
        self.listen_in_vain(b'220 mail.example.org ESMTP\r\n\r\n')

    def test_adapter_that_waits_for_an_ide(self):
        event = {'type': 'event', 'event': 'output', 'seq': 1, 'body': {}}
        self.listen_in_vain(dap.encode(event))

    def test_adapter_without_an_ide(self):
        question = {'type': 'request', 'command': 'pydevdSystemInfo', 'seq': 1}
        self.listen_in_vain(dap.encode(question))


@spread
class GoingTest(ConnectTestCase):
    def go(self, engine, leave):
        workers = self.start(engine, 2)
        before = [worker.state() for worker in workers]
        client = self.attach(self.port, 'handler', processes=2)
        stopped = [self.stop_in(client, worker)[0] for worker in workers]
        leave(client)
        for pending, worker, state in zip(stopped, workers, before):
            self.assert_answered(pending, pid=worker.pid)
            self.assert_undisturbed(worker, state)
        self.attach_again(workers[0], processes=2)

    @over(ENGINES)
    def test_ide_and_adapter_killed_while_stopped(self, engine):
        self.go(engine, dap.ListeningClient.kill)

    @over(ENGINES)
    def test_ide_killed_while_stopped(self, engine):
        self.go(engine, dap.ListeningClient.hang_up)

    @over(ENGINES)
    def test_ide_detaches_while_stopped(self, engine):
        self.go(engine, dap.ListeningClient.detach)

    @over(ENGINES)
    def test_ide_leaves_one_worker(self, engine):
        workers = self.start(engine, 3)
        before = {worker.pid: worker.state() for worker in workers}
        client = self.attach(self.port, 'handler', processes=3)
        left = next(w for w in workers if w.pid != client.root.pid)
        client.wait_pid(left.pid).disconnect()
        self.assert_undisturbed(left, before[left.pid])
        self.assert_answered(left.get_later('/work'), answer='unchanged')
        for worker in workers:
            if worker is not left:
                self.stop_and_go(client, worker)
        self.assertEqual(2, len(client.announced), client.announced)
        client.detach()
        self.attach_again(left, processes=3)

    def test_ide_asks_to_end_the_process(self):
        (worker,) = self.start()
        client = self.attach(self.port, 'handler')
        client.root.disconnect(terminateDebuggee=True)
        client.hang_up()
        self.service.wait_log('asked to end')
        self.assertTrue(alive(worker.pid))
        self.attach_again(worker)

    @over(ENGINES)
    def test_reconnects(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        leave = (
            dap.ListeningClient.detach,
            dap.ListeningClient.hang_up,
            dap.ListeningClient.kill,
        )
        for cycle in range(RECONNECTS):
            client = self.attach(self.port, 'handler')
            self.stop_and_go(client, worker)
            leave[cycle % len(leave)](client)
            self.clients.remove(client)
        self.assert_undisturbed(worker, before)


@spread
class DeathTest(ConnectTestCase):
    def kill_worker(self, engine, root):
        workers = self.start(engine, 3)
        client = self.attach(self.port, 'handler', processes=3)
        victim = next(w for w in workers if (w.pid == client.root.pid) is root)
        self.stop_in(client, victim)
        kill(victim.pid)
        successor = self.service.wait_successor(workers)
        for worker in [w for w in workers if w is not victim] + [successor]:
            self.stop_and_go(client, worker)
        client.detach()
        self.assertEqual(0, self.service.stop()[0])

    @over(ENGINES)
    def test_first_worker_killed_while_stopped(self, engine):
        self.kill_worker(engine, root=True)

    @over(ENGINES)
    def test_other_worker_killed_while_stopped(self, engine):
        self.kill_worker(engine, root=False)

    def test_only_worker_killed_while_attached(self):
        workers = self.start()
        client = self.attach(self.port, 'handler')
        kill(workers[0].pid)
        self.stop_and_go(client, self.service.wait_successor(workers))

    def test_service_stopped_while_attached(self):
        self.start(workers=2)
        client = self.attach(self.port, 'handler', processes=2)
        self.assertEqual(0, self.service.stop()[0])
        client.root.wait_closed()

    @over(ENGINES)
    def test_gateway_killed_while_stopped(self, engine):
        workers = self.start(engine, 3)
        before = workers[0].state()
        client = self.attach(self.port, 'handler', processes=3)
        pending, _ = self.stop_in(client, workers[0])
        gateway = self.gateway()
        kill(gateway)
        self.assert_answered(pending, pid=workers[0].pid)
        for session in list(client.sessions):
            session.wait_closed()
        client.hang_up()
        self.assert_undisturbed(workers[0], before)
        client = self.attach(self.port, 'handler', processes=3)
        for worker in workers:
            self.stop_and_go(client, worker)

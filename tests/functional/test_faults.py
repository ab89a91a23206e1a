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

"""What goes wrong in real life never harms the service."""

import signal
import time

from osdbg import journal
from tests.functional.harness import alive
from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import http_get
from tests.functional.harness import kill
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase

PROMPT = 10
NO_LOGGING = """
import logging
def refuse(record):
    raise RuntimeError('no')
logging.getLogger('osdbg').addFilter(refuse)
"""
SERVERS = ('eventlet', 'threading', 'none')
OSLO = ('eventlet', 'threading')


@spread
class WorkerDeathTest(OneServiceTestCase):
    def kill_worker(self, workers, victim, stopped):
        client = self.attach(self.port, 'handler', processes=len(workers))
        session = client.wait_pid(victim.pid)
        if stopped:
            self.stop_in(client, victim)
        kill(victim.pid)
        if session is not client.root:
            session.wait_closed()
        successor = self.service.wait_successor(workers)
        for worker in [w for w in workers if w is not victim] + [successor]:
            self.stop_and_go(client, worker)
        client.detach()
        self.assertEqual(0, self.service.stop()[0])

    @over(SERVERS)
    def test_first_worker_killed_while_stopped(self, engine):
        workers = self.start(engine, 3)
        client = self.attach(self.port, 'handler', processes=3)
        first = next(
            (w for w in workers if w.pid == client.root.pid), workers[0]
        )
        client.detach()
        self.kill_worker(workers, first, stopped=True)

    @over(SERVERS)
    def test_last_worker_killed_while_stopped(self, engine):
        workers = self.start(engine, 3)
        client = self.attach(self.port, 'handler', processes=3)
        last = next(w for w in workers if w.pid != client.root.pid)
        client.detach()
        self.kill_worker(workers, last, stopped=True)

    @over(OSLO)
    def test_only_worker_killed_while_attached(self, engine):
        (worker,) = workers = self.start(engine)
        self.kill_worker(workers, worker, stopped=False)

    @over(SERVERS)
    def test_launcher_killed_while_attached(self, engine):
        workers = self.start(engine, 3)
        self.attach(self.port, 'handler', processes=3)
        self.service.signal(signal.SIGKILL)
        wait_until(
            'end of the workers',
            lambda: not any(alive(worker.pid) for worker in workers),
            PROMPT,
        )
        wait_until('end of the gateway', lambda: not self.gateways(), PROMPT)

    @over(SERVERS)
    def test_launcher_killed_while_stopped(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler')
        self.stop_in(client, worker)
        self.service.signal(signal.SIGKILL)
        client.hang_up()
        wait_until('end of the worker', lambda: not alive(worker.pid), PROMPT)


@spread
class GatewayDeathTest(OneServiceTestCase):
    def kill_gateway(self, signum=signal.SIGKILL):
        gateway = self.gateway()
        kill(gateway, signum)
        wait_until('end of the gateway', lambda: not alive(gateway))
        return gateway

    @over(SERVERS)
    def test_gateway_killed_while_stopped(self, engine):
        workers = self.start(engine, 3)
        before = workers[0].state()
        client = self.attach(self.port, 'handler', processes=3)
        pending, _ = self.stop_in(client, workers[0])
        old = self.kill_gateway()
        self.assert_answered(pending, pid=workers[0].pid)
        for session in list(client.sessions):
            session.wait_closed()
        self.assert_undisturbed(workers[0], before)
        wait_until('new gateway', lambda: set(self.gateways()) - {old})
        again = self.attach(self.port, 'handler', processes=3)
        for worker in workers:
            self.stop_and_go(again, worker)

    @over(OSLO)
    def test_gateway_killed_while_idle(self, engine):
        (worker,) = self.start(engine)
        self.attach_again(worker)
        self.kill_gateway()
        start = time.monotonic()
        self.attach_again(worker)
        self.assertLess(time.monotonic() - start, PROMPT)

    def test_gateway_terminated(self):
        (worker,) = self.start('eventlet')
        self.attach_again(worker)
        self.kill_gateway(signal.SIGTERM)
        self.attach_again(worker)

    def test_gateway_killed_again_and_again(self):
        (worker,) = self.start('eventlet')
        for _ in range(5):
            self.kill_gateway()
            self.attach_again(worker)


@spread
class ClientDeathTest(OneServiceTestCase):
    def cut(self, engine, reset):
        workers = self.start(engine, 2)
        before = [worker.state() for worker in workers]
        client = self.attach(self.port, 'handler', processes=2)
        stopped = [self.stop_in(client, worker)[0] for worker in workers]
        client.hang_up(reset)
        for pending, worker, state in zip(stopped, workers, before):
            self.assert_answered(pending, pid=worker.pid)
            self.assert_undisturbed(worker, state)
        self.attach_again(workers[0], processes=2)

    @over(SERVERS)
    def test_connection_closed_while_stopped(self, engine):
        self.cut(engine, reset=False)

    @over(SERVERS)
    def test_connection_reset_while_stopped(self, engine):
        self.cut(engine, reset=True)

    @over(OSLO)
    def test_connection_reset_while_attaching(self, engine):
        (worker,) = self.start(engine)
        for _ in range(3):
            client = self.client(self.port)
            session = client._connect(client.host, self.port, 'hasty')
            session.initialize()
            session.send('attach', **client.attach_arguments)
            session.close(reset=True)
        self.attach_again(worker)

    @over(OSLO)
    def test_root_session_cut_while_children_stopped(self, engine):
        workers = self.start(engine, 2)
        client = self.attach(self.port, 'handler', processes=2)
        child = next(w for w in workers if w.pid != client.root.pid)
        pending, stop = self.stop_in(client, child)
        client.root.close(reset=True)
        stop.resume()
        self.assert_answered(pending, pid=child.pid)
        client.hang_up()
        self.attach_again(child, processes=2)


@spread
class ForkTest(OneServiceTestCase):
    def reaped(self, worker, child):
        answer = wait_until(
            'end of the child',
            lambda: (lambda found: found if found['exited'] else None)(
                worker.get(f'/reap?pid={child}')[1]
            ),
        )
        return answer['status']

    @over(SERVERS)
    def test_child_stops_in_its_own_session(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler', 'child')
        child = worker.get('/fork')[1]['child']
        session = client.wait_pid(child)
        stop = client.wait_stopped()
        self.assertIs(session, stop.session)
        self.assert_at(stop, 'child')
        self.stop_and_go(client, worker)
        stop.set('running', 'False')
        stop.resume()
        self.assertEqual(0, self.reaped(worker, child))
        self.stop_and_go(client, worker)

    @over(SERVERS)
    def test_child_of_a_detached_parent_runs_freely(self, engine):
        (worker,) = self.start(engine)
        self.attach(self.port, 'child').detach()
        child = worker.get('/fork?seconds=0.2')[1]['child']
        self.assertEqual(3 << 8, self.reaped(worker, child))

    @over(SERVERS)
    def test_child_never_hangs_when_the_client_leaves(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'child')
        child = worker.get('/fork?seconds=5')[1]['child']
        client.wait_stopped()
        client.hang_up(reset=True)
        self.assertEqual(3 << 8, self.reaped(worker, child))
        self.attach_again(worker)

    @over(SERVERS)
    def test_forks_in_a_row(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler')
        children = [
            worker.get('/fork?seconds=0.1')[1]['child'] for _ in range(10)
        ]
        for child in children:
            self.assertEqual(3 << 8, self.reaped(worker, child))
        self.stop_and_go(client, worker)

    @over(SERVERS)
    def test_program_run_while_attached(self, engine):
        (worker,) = self.start(engine)
        client = self.attach(self.port, 'handler')
        self.assertEqual(
            (200, {'output': '42', 'pid': worker.pid}), worker.get('/spawn')
        )
        self.stop_and_go(client, worker)

    @over(SERVERS)
    def test_fork_while_the_parent_attaches(self, engine):
        (worker,) = self.start(engine)
        client = self.client(self.port)
        client.break_at(APP, line_of('handler'))
        forked = worker.get_later('/fork?seconds=3')
        client.attach()
        child = self.assert_answered(forked)['child']
        self.assertEqual(3 << 8, self.reaped(worker, child))
        self.stop_and_go(client, worker)


@spread
class SignalTest(OneServiceTestCase):
    def end_promptly(self, signum):
        workers = self.service.workers()
        start = time.monotonic()
        self.service.signal(signum)
        code = self.service.wait(PROMPT)
        wait_until(
            'end of the workers',
            lambda: not any(alive(worker.pid) for worker in workers),
            PROMPT,
        )
        self.assertLess(time.monotonic() - start, PROMPT)
        return code

    @over(SERVERS)
    def test_stop_while_armed(self, engine):
        self.start(engine, 3)
        self.assertEqual(0, self.end_promptly(signal.SIGTERM))

    @over(SERVERS)
    def test_stop_while_attached(self, engine):
        self.start(engine, 3)
        client = self.attach(self.port, 'handler', processes=3)
        self.assertEqual(0, self.end_promptly(signal.SIGTERM))
        for session in list(client.sessions):
            session.wait_closed()

    @over(SERVERS)
    def test_stop_while_stopped(self, engine):
        workers = self.start(engine, 3)
        client = self.attach(self.port, 'handler', processes=3)
        self.stop_in(client, workers[0])
        self.assertEqual(0, self.end_promptly(signal.SIGTERM))

    @over(SERVERS)
    def test_interrupt_while_attached(self, engine):
        self.start(engine)
        without = self.start_service(engine=engine, init='never')
        without.signal(signal.SIGINT)
        self.attach(self.port, 'handler')
        self.assertEqual(without.wait(), self.end_promptly(signal.SIGINT))

    def reload(self, engine, stopped, **options):
        workers = self.start(engine, 2, **options)
        client = self.attach(self.port, 'handler', processes=2)
        if stopped:
            self.stop_in(client, workers[0])
        self.service.signal(signal.SIGHUP)
        old = {worker.pid for worker in workers}
        renewed = wait_until(
            'renewed workers',
            lambda: (lambda new: new if len(new) == 2 else None)(
                [
                    worker
                    for worker in self.service.workers()
                    if worker.pid not in old
                ]
            ),
            PROMPT,
        )
        for worker in renewed:
            self.stop_and_go(client, worker)
        client.detach()
        self.assertEqual(0, self.service.stop()[0])

    @over(OSLO)
    def test_reload_while_attached(self, engine):
        self.reload(engine, stopped=False)

    @over(OSLO)
    def test_reload_while_stopped(self, engine):
        self.reload(engine, stopped=True)

    def test_mutate_while_attached(self):
        workers = self.start(
            'eventlet', 2, arguments=('--restart-method', 'mutate')
        )
        client = self.attach(self.port, 'handler', processes=2)
        self.service.signal(signal.SIGHUP)
        self.service.wait_log('Child caught SIG', count=2)
        for worker in workers:
            self.stop_and_go(client, worker)

    @over(SERVERS)
    def test_exit_takes_no_longer(self, engine):
        spent = {}
        for init in ('never', 'after_patch'):
            port = free_port()
            service = self.start_service(engine=engine, init=init, port=port)
            if init == 'after_patch':
                self.attach(port, 'handler').detach()
            code, spent[init] = service.stop()
            self.assertEqual(0, code)
        self.assertLess(spent['after_patch'], spent['never'] + 1)


class HeldPortTest(OneServiceTestCase):
    def test_port_opens_when_it_is_freed(self):
        port = free_port()
        holder = self.hold_port(port)
        service = self.start_service(engine='eventlet', workers=3, port=port)
        line = service.wait_log(rf'.*:{port} .*process {holder.pid}\b.*')
        self.assertEqual(1, len(line))
        workers = service.wait_workers(3)
        for worker in workers:
            self.assert_answered(worker.get_later('/work'), pid=worker.pid)
        holder.kill()
        client = self.attach(port, 'handler', processes=3)
        for worker in workers:
            self.stop_and_go(client, worker)
        logged = service.log.count(f'process {holder.pid}')
        self.assertEqual(1, logged, 'one line about the holder')

    def test_other_service_is_not_disturbed_by_a_held_port(self):
        held = free_port()
        self.hold_port(held)
        self.start_service(port=held)
        (worker,) = self.start('eventlet')
        self.attach_again(worker)


class SharedPortTest(OneServiceTestCase):
    def test_service_serves_on_shared_port_while_attached(self):
        self.start('eventlet', 3)
        self.attach(self.port, 'handler', processes=3)
        pids = {
            http_get(self.service.http_port, '/pid', TIMEOUT)[1]['pid']
            for _ in range(20)
        }
        self.assertLessEqual(pids, {w.pid for w in self.service.workers()})


@spread
class LoggingTest(OneServiceTestCase):
    logging_raises = True

    @over(('thread_false', 'threading'))
    def test_logging_of_the_service_raises(self, engine):
        self.run_first(NO_LOGGING)
        (worker,) = self.start(engine)
        for _ in range(2):
            self.attach_again(worker)
        self.assertEqual(0, self.service.stop()[0])
        said = self.service.log
        for event in ('attach', 'detach'):
            self.assertEqual(2, said.count(f'osdbg audit: event={event} '))
        self.assertIn(f"({journal.NOT_LOGGED} RuntimeError('no')", said)

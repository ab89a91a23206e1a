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

"""``activate = on_demand``: nothing listens until somebody opens the door."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys

from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until

SERVERS = ('eventlet', 'none', 'threading')


class DoorTestCase(FunctionalTestCase):
    def start(self, engine='none', workers=2, **options):
        self.port = free_port()
        self.service = self.start_service(
            engine=engine,
            workers=workers,
            port=self.port,
            **{'activate': 'on_demand', 'name': 'api', **options},
        )
        self.gateway()
        return self.service.wait_workers(workers)

    def order(self, *words):
        done = self.osdbg(*words)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def assert_closed(self):
        with socket.socket() as probe:
            self.assertEqual(
                errno.ECONNREFUSED,
                probe.connect_ex(('127.0.0.1', self.port)),
            )

    def wait_numbers(self, count):
        """Wait until the gateway knows who works, and who launches."""
        return wait_until(
            'workers that are known',
            lambda: (
                len(re.findall(r'api/\d', self.osdbg('close').stdout)) == count
            ),
        )


@spread
class CommandsTest(DoorTestCase):
    @over(SERVERS)
    def test_open_and_close(self, engine):
        workers = self.start(engine)
        before = [worker.state() for worker in workers]
        self.wait_numbers(2)
        self.assert_closed()
        for _ in range(2):
            said = self.order('open')
            self.assertEqual(2, said.count('may come at 127.0.0.1'), said)
            wait_until('open door', self.listens)
            client = self.attach(self.port, 'handler', processes=2)
            for worker in workers:
                self.stop_and_go(client, worker)
            self.order('close')
            wait_until('closed door', lambda: not self.listens())
            wait_until('end of the session', lambda: client.root.ended)
            for worker, state in zip(workers, before):
                self.assert_undisturbed(worker, state)

    def test_one_worker_by_its_process_id(self):
        workers = self.start()
        self.wait_numbers(2)
        said = self.order('open', str(workers[1].pid))
        self.assertEqual(1, len(said.splitlines()))
        wait_until('open door', self.listens)
        client = self.attach(self.port, 'handler')
        self.stop_and_go(client, workers[1])
        self.assertEqual([workers[1].pid], list(client.attached()))

    def test_a_worker_that_replaces_another_is_open_as_well(self):
        workers = self.start()
        self.wait_numbers(2)
        self.order('open', 'api')
        wait_until('open door', self.listens)
        os.kill(workers[0].pid, signal.SIGKILL)
        successor = self.service.wait_successor(workers)
        client = self.attach(self.port, 'handler', processes=2)
        self.stop_and_go(client, successor)

    def test_who_is_stopped(self):
        workers = self.start()
        self.wait_numbers(2)
        os.kill(workers[1].pid, signal.SIGSTOP)
        self.addCleanup(os.kill, workers[1].pid, signal.SIGCONT)
        done = self.osdbg('open')
        self.assertEqual(1, done.returncode)
        self.assertEqual(1, done.stdout.count('may come at'), done.stdout)
        self.assertRegex(
            done.stderr, rf'api/\d \[{workers[1].pid}\] does not answer: '
        )
        os.kill(workers[1].pid, signal.SIGCONT)
        client = self.attach(self.port, 'handler', processes=2)
        self.stop_and_go(client, workers[1])

    def test_attach_before_it_is_open(self):
        for backend in ('debugpy', 'remote_pdb'):
            with self.subTest(backend):
                self.start(workers=1, backend=backend, name=backend)
                wait_until(
                    'worker that is known',
                    lambda backend=backend: (
                        f'{backend}/' in self.osdbg('close', backend).stdout
                    ),
                )
                done = self.osdbg('attach', backend)
                self.assertEqual((1, ''), (done.returncode, done.stdout))
                self.assertIn(f'type osdbg open {backend} first', done.stderr)

    def test_a_port_that_another_has(self):
        self.start(workers=1)
        self.wait_numbers(1)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(('127.0.0.1', self.port))
            other.listen()
            done = self.osdbg('open')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn(f'{self.port} cannot be opened', done.stderr)

    @over(SERVERS)
    def test_another_port(self, engine):
        workers = self.start(engine)
        before = [worker.state() for worker in workers]
        self.wait_numbers(2)
        another = free_port()
        for _ in range(2):
            said = self.order('open', '--port', str(another))
            self.assertEqual(2, said.count(f'at 127.0.0.1:{another}'), said)
            self.assert_closed()
            client = self.attach(another, 'handler', processes=2)
            for worker in workers:
                self.stop_and_go(client, worker)
            client.detach()
            # It stays there, also for one that only asks for more time.
            said = self.order('open', '--for', '1h')
            self.assertEqual(2, said.count(f'at 127.0.0.1:{another}'), said)
            self.order('close')
            self.assertEqual({self.port}, {p['port'] for p in self.shown()})
        self.order('open')
        wait_until('open door', self.listens)
        self.order('close')
        for worker, state in zip(workers, before):
            self.assert_undisturbed(worker, state)
        said = re.findall('event=opened .*', self.service.log)
        self.assertEqual(set(), {line for line in said if 'uid=' not in line})
        self.assertGreaterEqual(len(said), 2 * 5)

    def shown(self):
        return json.loads(self.order('ps', '--json'))

    def test_another_port_for_who_has_a_client(self):
        (worker,) = self.start(workers=1)
        self.wait_numbers(1)
        self.order('open')
        client = self.attach(self.port, 'handler')
        another = free_port()
        done = self.osdbg('open', '--port', str(another))
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn(f'it moves to {another} when that', done.stderr)
        self.stop_and_go(client, worker)
        client.detach()
        wait_until('closed door', lambda: not self.listens())
        client = self.attach(another, 'handler')
        self.stop_and_go(client, worker)

    def test_a_port_of_a_socket(self):
        path = os.path.join(self.directory, 'debug')
        self.start(workers=1, host=f'unix:{path}')
        self.wait_numbers(1)
        done = self.osdbg('open', '--port', str(self.port))
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('has no port: leave out --port', done.stderr)

    def test_a_port_that_is_none(self):
        for port in ('0', '80', '65536', 'x', '-1'):
            done = self.osdbg('open', f'--port={port}')
            self.assertEqual((2, ''), (done.returncode, done.stdout))
            self.assertIn(
                f"expected a port from 1024 to 65535, found '{port}'",
                done.stderr,
            )

    def test_whom_nobody_knows(self):
        self.start()
        self.wait_numbers(2)
        done = self.osdbg('open', 'nova')
        self.assertEqual(1, done.returncode)
        self.assertIn('nova is not armed: write one of api', done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()))

    def test_nobody_is_armed(self):
        for command in ('open', 'close'):
            done = self.osdbg(command)
            self.assertEqual(1, done.returncode)
            self.assertIn('no process of yours is armed', done.stderr)
            self.assertEqual(1, len(done.stderr.splitlines()))


@spread
class ServiceTest(DoorTestCase):
    """``osdbg.attach()`` and ``osdbg.detach()``."""

    @over(SERVERS)
    def test_attach_and_detach(self, engine):
        first, second = self.start(engine)
        before = first.state()
        self.assert_closed()
        for _ in range(2):
            status = first.get('/door?open=1')[1]['status']
            self.assertIn(f'api at 127.0.0.1:{self.port}', status)
            wait_until('open door', self.listens)
            client = self.attach(self.port, 'handler')
            self.stop_and_go(client, first)
            self.assertEqual([first.pid], list(client.attached()))
            self.assert_answered(second.get_later('/work'), pid=second.pid)
            first.get('/door')
            wait_until('closed door', lambda: not self.listens())
            wait_until('end of the session', lambda: client.root.ended)
            self.assert_undisturbed(first, before)

    def test_detach_where_clients_may_always_come(self):
        first, second = self.start(activate='on_attach')
        client = self.attach(self.port, 'handler', processes=2)
        first.get('/door')
        wait_until(
            'end of the debugger',
            lambda: not first.state()['debugger_threads'],
        )
        self.stop_and_go(client, second)
        self.assert_answered(first.get_later('/work'), pid=first.pid)
        first.get('/door?open=1')
        wait_until('stop', lambda: self.stops(client, first))

    def stops(self, client, worker):
        """Tell whether a request stops; the worker has just been opened."""
        pending = worker.get_later('/work')
        try:
            stop = client.wait_stopped(timeout=0.5)
        except TimeoutError:
            self.assert_answered(pending, pid=worker.pid)
            return False
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)
        return True

    def test_stopped_when_it_is_detached(self):
        first, second = self.start(activate='on_attach')
        client = self.attach(self.port, 'handler', processes=2)
        pending = first.get_later('/work')
        client.wait_stopped()
        self.order('close', str(first.pid))
        self.assert_answered(pending, pid=first.pid)

    def test_default_port(self):
        config = self.write_config(activate='on_demand')
        program = (
            'import sys, osdbg; from oslo_config import cfg; '
            'cfg.CONF(sys.argv[1:]); print(osdbg.attach(cfg.CONF))'
        )
        done = subprocess.run(
            [sys.executable, '-c', program, '--config-file', config],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        self.assertIn('at 127.0.0.1:5678>', done.stdout, done.stderr)

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

"""What every backend does, and what it declares that it can do."""

import errno
import linecache
import os
import pathlib
import re
import shutil
import signal
import socket

from osdbg import backends
from osdbg.backends import Ability
from tests.functional.contract import over
from tests.functional.contract import spread
from tests.functional.harness import APP
from tests.functional.harness import ENOUGH
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional import test_paste

ALL = ('eventlet', 'thread_false', 'none', 'threading')
SERVERS = ('eventlet', 'none', 'threading')
TWO = ('eventlet', 'none')
# As long as an IDE that is not to be called waits to see that.
WHILE_SECONDS = 1
IN_WORKER = {'init': 'in_worker', 'wait': False}
GOES_ON = 3 << 8  # how a child ends that nobody has told to
# What an option may ask for, and what a backend must have for it.
WISHES = (
    ('direction', 'listen', Ability.LISTEN),
    ('direction', 'connect', Ability.CONNECT),
    ('activate', 'on_init', Ability.EAGER),
    ('wait_for_client', 'True', Ability.WAIT),
    ('redirect_output', 'True', Ability.REDIRECT_OUTPUT),
    ('path_mappings', '/here=/there', Ability.PATH_MAPPINGS),
    ('log_dir', '/tmp', Ability.LOG),
)


class ContractTestCase(FunctionalTestCase):
    """A service with the backend of a row, and its clients."""

    def start(self, engine, workers=1, **options):
        """Start the service; return its workers, ``wait=False`` none."""
        self.service = self.start_service(
            engine=engine, workers=workers, **self.options(**options)
        )
        if options.get('wait') is False:
            return []
        return self.service.wait_workers(workers)

    def options(self, **options):
        self.port = free_port()
        return {
            'backend': self.row.backend,
            'port': self.port,
            **self.row.options,
            **options,
        }

    def has(self, ability):
        return ability in self.row.kind.abilities

    def client_of(self, *marks):
        client = self.row.client(self.port)
        self.clients.append(client)
        for mark in marks:
            client.break_at(APP, line_of(mark))
        return client

    def debug(self, workers, *marks):
        """Have a client come, and be attached to all workers."""
        client = self.client_of(*marks)
        client.come()
        self.join(client, workers)
        return client

    def join(self, client, workers):
        client.join(len(workers))
        if not self.has(Ability.PROMPT):
            for worker in workers:
                self.wait_attached(worker)

    def wait_attached(self, worker):
        """Wait until the worker says so; not every client is told."""
        wait_until(
            f'client of {worker}',
            lambda: worker.get('/status')[1]['state'] == 'attached',
        )

    def stop_in(self, client, worker, path='/breakpoint'):
        """Have a request stop at its ``breakpoint()``."""
        pending = worker.get_later(path)
        stop = client.wait_stopped()
        self.assertEqual(worker.pid, stop.pid)
        self.assert_after_call(stop, 'breakpoint')
        return pending, stop

    def assert_after_call(self, stop, mark):
        """See a stop after ``breakpoint()``, or still at it (pdb of 3.13)."""
        self.assertEqual(APP, stop.path)
        text = linecache.getline(stop.path, stop.line)
        self.assertRegex(text, rf'breakpoint\(\)$|# BREAK {mark}$')

    def change(self, client, worker, path='/breakpoint'):
        """Stop, look, change what is answered, and let it go."""
        pending, stop = self.stop_in(client, worker, path)
        self.assertEqual('unchanged', stop.look('answer'))
        stop.set('answer', "'changed'")
        self.assertEqual('changed', stop.look('answer'))
        stop.resume()
        self.assert_answered(pending, answer='changed', pid=worker.pid)

    def assert_alone(self, worker, before):
        """Wait until a worker that nobody debugs is at full speed."""
        self.assertEqual('None', before['traced'])
        self.assertEqual([], before['debugger_threads'])
        self.assert_undisturbed(worker, before)
        self.assert_answered(worker.get_later('/work'), answer='unchanged')


@spread
class EveryTest(ContractTestCase):
    """What there is no ability for, since every backend has to do it."""

    @over(*ALL)
    def test_breakpoint(self, engine):
        (worker,) = self.start(engine)
        client = self.debug([worker])
        for kind in ('builtin', 'osdbg'):
            self.change(client, worker, f'/breakpoint?kind={kind}')

    @over(*SERVERS)
    def test_client_leaves_while_stopped(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        for end in (self.leave, self.cut_off):
            client = self.debug([worker])
            pending, _ = self.stop_in(client, worker)
            end(client)
            self.assert_answered(pending, answer='unchanged', pid=worker.pid)
            self.assert_alone(worker, before)
        client = self.debug([worker])
        self.change(client, worker)
        client.leave()
        self.assert_alone(worker, before)
        self.assertEqual(0, self.service.stop()[0])

    def leave(self, client):
        client.leave()

    def cut_off(self, client):
        client.hang_up(reset=True)

    @over(*TWO)
    def test_two_workers(self, engine):
        workers = self.start(engine, workers=2)
        client = self.debug(workers)
        for worker in workers * 2:
            self.change(client, worker)

    @over(*TWO)
    def test_fork_while_stopped(self, engine):
        """Its client has a stopped thread fork; the child never hangs."""
        (worker,) = self.start(engine)
        client = self.debug([worker])
        pending, stop = self.stop_in(client, worker)
        child = stop.look("fork({'seconds': '1'})['child']")
        stop.resume()
        self.assert_answered(pending)
        self.assertEqual(GOES_ON, self.reaped(worker, child))
        self.change(client, worker)

    @over(*TWO)
    def test_fork_while_attached(self, engine):
        """The child is debugged by itself, and never hangs."""
        options = {}
        if self.has(Ability.PROMPT):
            if engine == 'eventlet':
                self.skipTest('a child that waits serves, as any green one')
            # Or it would wait for a terminal that does not come.
            options['prompt_timeout'] = 5
        (worker,) = self.start(engine, **options)
        client = self.debug([worker])
        self.change(client, worker)
        child, stop = self.fork(client, worker, 20)
        stop.set('running', 'False')
        stop.resume()
        self.assertEqual(0, self.reaped(worker, child))
        self.change(client, worker)
        child, stop = self.fork(client, worker, 2)
        client.leave()
        self.assertEqual(GOES_ON, self.reaped(worker, child))
        self.assert_answered(worker.get_later('/work'))

    def fork(self, client, worker, seconds):
        """Have a child, and have it stop."""
        path = f'/fork?breaks=1&seconds={seconds}'
        child = worker.get(path)[1]['child']
        stop = client.wait_stopped()
        self.assertEqual(child, stop.pid)
        self.assert_after_call(stop, 'child')
        return child, stop

    def reaped(self, worker, child):
        """Return how a child has ended."""

        def ended():
            answer = worker.get(f'/reap?pid={child}')[1]
            return answer if answer['exited'] else None

        return wait_until('end of the child', ended)['status']


@spread
class DoorTest(ContractTestCase):
    """``activate = on_demand``."""

    @over(*TWO)
    def test_open_and_close(self, engine):
        (worker,) = self.start(engine, activate='on_demand', name='api')
        before = worker.state()
        self.wait_known()
        self.assert_passed(worker)
        client = self.client_of()
        if self.row.listens:
            self.assert_closed()
        else:
            client.come()
            with self.assertRaises(TimeoutError):
                client.join(1, WHILE_SECONDS)
        self.assertFalse(worker.state()['debugger_loaded'])
        self.osdbg('open')
        self.service.wait_log(f'127.0.0.1:{self.port}')
        if self.row.listens:
            client.come()
        self.join(client, [worker])
        self.change(client, worker)
        pending, _ = self.stop_in(client, worker)
        self.osdbg('close')
        self.assert_answered(pending, answer='unchanged')
        self.assert_alone(worker, before)
        if self.row.listens:
            wait_until('closed door', lambda: not self.listens())
        self.assert_passed(worker)

    @over('eventlet')
    def test_open_at_another_port(self, engine):
        (worker,) = self.start(engine, activate='on_demand', name='api')
        self.wait_known()
        self.port = free_port()
        client = self.client_of()
        self.osdbg('open', '--port', str(self.port))
        self.service.wait_log(f'127.0.0.1:{self.port}')
        client.come()
        self.join(client, [worker])
        self.change(client, worker)

    def closed(self):
        done = self.osdbg('close')
        return done.stdout + done.stderr

    def wait_known(self):
        """Wait until the gateway knows who works, and who launches."""
        wait_until(
            'worker that is known',
            lambda: len(re.findall(r'api/\d', self.closed())) == 1,
        )

    def assert_passed(self, worker):
        self.assert_answered(
            worker.get_later('/breakpoint'), answer='unchanged'
        )

    def assert_closed(self):
        with socket.socket() as probe:
            self.assertEqual(
                errno.ECONNREFUSED,
                probe.connect_ex(('127.0.0.1', self.port)),
            )

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0


@spread
class StoppingTest(ContractTestCase):
    """What a client stops a worker by."""

    @over(*SERVERS, needs=Ability.BREAKPOINTS)
    def test_breakpoints(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        client = self.debug([worker], 'handler')
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        self.assertEqual(worker.pid, stop.pid)
        self.assert_at(stop, 'handler')
        self.assertEqual('42', stop.look('count + 41'))
        for mark in ('sleep', 'after'):
            stop = stop.step()
            self.assert_at(stop, mark)
        self.assertEqual('2', stop.look('count'))
        stop.set('count', '10')
        stop.resume()
        self.assert_answered(pending, count=11)
        client.leave()
        self.assert_alone(worker, before)

    @over(*TWO, needs=Ability.BREAKPOINTS)
    def test_breakpoints_of_earlier_sessions(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        for mark in ('handler', 'after', 'sleep'):
            client = self.debug([worker], mark)
            pending = worker.get_later('/work')
            stop = client.wait_stopped()
            self.assert_at(stop, mark)
            stop.resume()
            self.assert_answered(pending)
            client.leave()
            self.assert_alone(worker, before)

    @over('none', 'threading', needs=Ability.RUNNING_THREADS)
    def test_running_threads(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        pending = self.keep_busy(worker)
        client = self.client_of('turn')
        client.come()
        client.join(1)
        stop = client.wait_stopped()
        self.assert_at(stop, 'turn')
        self.assertFalse(pending.done)
        self.end(client, stop)
        self.assert_answered(pending, enough=True)
        self.assert_alone(worker, before)

    @over('none', 'threading', needs=Ability.RUNNING_THREADS)
    def test_raw_threads(self, engine):
        """What ``_thread`` has started, in one session and the next."""
        (worker,) = self.start(engine)
        worker.get('/raw_rounds')
        self.service.wait_log('ROUNDS')
        before = worker.state()
        for _ in range(2):
            client = self.client_of('turn')
            client.come()
            client.join(1)
            numbers = []
            for _ in range(2):
                stop = client.wait_stopped()
                self.assert_at(stop, 'turn')
                numbers.append(int(stop.look('number')))
                stop.resume()
            self.assertEqual(numbers[0] + 1, numbers[1])
            client.leave()
            self.assert_alone(worker, before)

    @over(*TWO, needs=Ability.PAUSE)
    def test_pause(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        client = self.debug([worker])
        pending = self.keep_busy(worker)
        client.pause(worker.pid)
        stop = client.wait_stopped()
        self.assertEqual(worker.pid, stop.pid)
        if engine == 'eventlet':  # where it has no other thread
            self.assertEqual(APP, stop.path)
        self.end(client, stop)
        self.assert_answered(pending, enough=True)
        self.assert_alone(worker, before)

    @over(*ALL, needs=Ability.PROMPT)
    def test_prompt(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        pending = worker.get_later('/breakpoint')
        self.service.wait_log(rf'api_app.py:\d+ waits.* .*:{self.port}')
        self.assert_answered(worker.get_later('/work'))
        self.assertFalse(pending.done)
        stop = self.client_of().wait_stopped()
        stop.set('answer', "'changed'")
        stop.resume()
        self.assert_answered(pending, answer='changed')
        self.assert_alone(worker, before)

    @over(*TWO, needs=Ability.INTERRUPT)
    def test_interrupt(self, engine):
        (worker,) = self.start(engine, activate='on_demand')
        before = worker.state()
        pending = self.keep_busy(worker)
        os.kill(worker.pid, signal.SIGURG)
        client = self.client_of()
        self.service.wait_log(f':{self.port}')
        stop = client.wait_stopped()
        self.assertEqual(worker.pid, stop.pid)
        if engine == 'eventlet':  # where the main thread serves
            self.assertEqual(APP, stop.path)
        self.assertEqual('42', stop.look('6 * 7'))
        self.end(client, stop)
        self.assert_answered(pending, enough=True)
        self.assert_alone(worker, before)

    def keep_busy(self, worker):
        """Have a request that runs until ``end``."""
        pending = worker.get_later('/rounds')
        self.service.wait_log('ROUNDS')
        return pending

    def end(self, client, stop):
        stop.look(ENOUGH)
        client.leave()

    @over('eventlet', 'threads', needs=Ability.EXCEPTIONS)
    def test_exceptions(self, server):
        path = pathlib.Path(self.directory, 'api-paste.ini')
        path.write_text(f'{test_paste.PASTE_FILE}break_on_exception = true\n')
        config = self.write_config(**self.options())
        self.service = test_paste.Service(
            self.environ, config, str(path), server
        )
        self.processes.append(self.service)
        workers = self.service.wait_workers(test_paste.SERVERS[server])
        client = self.debug(workers)
        for worker in workers:
            pending = test_paste.fetch_later(worker, '/escape')
            stop = client.wait_stopped()
            self.assertEqual(worker.pid, stop.pid)
            self.assert_at(stop, 'escape', test_paste.PASTE_APP)
            self.assertEqual('ASKED TO', stop.look('witness'))
            stop.resume()
            self.assertEqual(500, pending.result()[0])


@spread
class OptionsTest(ContractTestCase):
    """What the options do where they are not refused."""

    def meet(self, worker):
        """Debug a request from beginning to end."""
        client = self.debug([worker])
        self.change(client, worker)
        return client

    @over(*TWO, needs=Ability.EAGER)
    def test_on_init(self, engine):
        (worker,) = self.start(engine, activate='on_init', init='in_worker')
        if self.row.listens:
            wait_until('debugger', lambda: worker.state()['debugger_loaded'])
        else:
            absent = f'no IDE listens at 127.0.0.1:{self.port}'
            self.service.wait_log(absent)
            self.assert_answered(worker.get_later('/work'))
        self.meet(worker)
        if not self.row.listens:
            self.assertEqual(1, self.service.log.count(absent))

    @over(*TWO, needs=Ability.WAIT)
    def test_wait_for_client(self, engine):
        self.start(engine, wait_for_client='true', **IN_WORKER)
        self.service.wait_log('waiting for an IDE')
        self.assertNotIn('INIT', self.service.log)
        client = self.client_of()
        client.come()
        client.join(1)
        (worker,) = self.service.wait_workers()
        self.wait_attached(worker)
        self.change(client, worker)

    @over('none', needs=Ability.WAIT)
    def test_wait_timeout(self, engine):
        self.start(engine, wait_for_client='true', wait_timeout=1, **IN_WORKER)
        (worker,) = self.service.wait_workers()
        self.service.wait_log('no IDE has attached in 1 s')
        self.meet(worker)

    @over(*TWO, needs=Ability.REDIRECT_OUTPUT)
    def test_redirect_output(self, engine):
        (worker,) = self.start(engine, redirect_output='true')
        before = worker.state()
        client = self.debug([worker])
        worker.get('/features')
        client.wait_output('total -1')
        self.service.wait_log('total -1')
        client.leave()
        self.assert_alone(worker, before)
        worker.get('/features')
        self.service.wait_log('total -1', 2)

    @over(*TWO, needs=Ability.PATH_MAPPINGS)
    def test_path_mappings(self, engine):
        here = pathlib.Path(self.directory, 'sources')
        here.mkdir()
        copy = str(shutil.copy(APP, here))
        mapping = f'{here}={os.path.dirname(APP)}'
        (worker,) = self.start(engine, path_mappings=mapping)
        client = self.client_of()
        client.break_at(copy, line_of('handler'))
        client.come()
        self.join(client, [worker])
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        self.assertEqual((copy, line_of('handler')), (stop.path, stop.line))
        stop.resume()
        self.assert_answered(pending)

    @over('none', needs=Ability.LOG)
    def test_log_dir(self, engine):
        directory = pathlib.Path(self.directory, 'logs')
        directory.mkdir()
        (worker,) = self.start(engine, log_dir=str(directory))
        self.meet(worker).leave()
        sizes = [path.stat().st_size for path in directory.iterdir()]
        self.assertGreater(sum(sizes), 0)


@spread
class RefusedTest(ContractTestCase):
    """What a backend lacks, it says so: once, and what to write instead."""

    @over('none')
    def test_passed_over(self, engine):
        for option, value, ability in self.wishes():
            with self.subTest(option):
                (worker,) = self.start(engine, **{option: value})
                self.service.wait_log('INIT')
                self.assert_refused(option, value, ability)
                self.assert_answered(worker.get_later('/work'))
                self.assertEqual([], self.gateways())
                self.assertEqual(0, self.service.stop()[0])

    @over('none')
    def test_required(self, engine):
        for option, value, ability in self.wishes():
            with self.subTest(option):
                self.start(
                    engine, wait=False, required='true', **{option: value}
                )
                self.assertNotIn(self.service.wait(), (0, None))
                self.service._reader.join(TIMEOUT)
                self.assert_refused(option, value, ability)
                self.assertNotIn('LISTENING', self.service.log)

    def wishes(self):
        found = [wish for wish in WISHES if not self.has(wish[-1])]
        if not found:
            self.skipTest(f'{self.row.backend} lacks nothing')
        return found

    def assert_refused(self, option, value, ability):
        line = self.one_line_about(option)
        self.assertIn(f'[remote_debug] {option} = {value}', line)
        self.assertIn(f'beyond backend = {self.row.backend}: ', line)
        kinds = {backends.find(name) for name in backends.OWN}
        able = [kind.name for kind in kinds if ability in kind.abilities]
        for name in able:
            self.assertIn(name, line.partition('write backend = ')[2])
        self.assertIn(self.row.kind.instead.get(ability, 'remove '), line)

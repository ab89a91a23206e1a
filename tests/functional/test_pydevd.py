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

"""PyCharm's and PyDev's debug servers, through the whole product."""

import os
import pathlib
import shutil
import signal
import time

from tests.functional import debuggers
from tests.functional.harness import alive
from tests.functional.harness import APP
from tests.functional.harness import available
from tests.functional.harness import ENOUGH
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import GRACE
from tests.functional.harness import line_of
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional import pydev_ide

DIALECTS = {'pydevd': 'pydev', 'pydevd_pycharm': 'pycharm'}
ENGINES = available(('eventlet', 'thread_false', 'none', 'threading'))
SERVERS = available(('eventlet', 'threading', 'none'))
NATIVE = available(('threading', 'none'))
SOON = 3.0  # from the moment the IDE listens
RECONNECTS = 50
# An IDE that never says that the program may run.
PATIENCE = 10.0


def over(engines):
    """Make a test per backend and engine out of a method that takes both."""

    def decorate(method):
        method.rows = [
            (backend, engine) for backend in DIALECTS for engine in engines
        ]
        return method

    return decorate


def spread(cls):
    """Replace the methods marked by :func:`over`."""
    for name, method in list(vars(cls).items()):
        rows = getattr(method, 'rows', None)
        for row in rows or ():
            setattr(cls, '_'.join((name, *row)), _bind(method, row))
        if rows is not None:
            delattr(cls, name)
    return cls


def _bind(method, row):
    def test(self):
        method(self, *row)

    return test


class PydevdTestCase(FunctionalTestCase):
    """A service whose debugger is one of the two, and its IDE."""

    def start(self, backend, engine, workers=1, **options):
        self.backend = backend
        self.environ['PYTHONPATH'] = os.pathsep.join(
            (self.environ['PYTHONPATH'], debuggers.require(backend))
        )
        self.port = free_port()
        self.service = self.start_service(
            engine=engine,
            workers=workers,
            backend=backend,
            port=self.port,
            **options,
        )
        if options.get('wait') is False:
            return []
        return self.service.wait_workers(workers)

    def ide(self, *marks, **options):
        """Make the IDE; ``listen()`` opens its debug server."""
        dialect = DIALECTS[self.backend]
        ide = pydev_ide.Ide(self.port, dialect, timeout=TIMEOUT, **options)
        self.clients.append(ide)
        for mark in marks:
            ide.break_at(APP, line_of(mark))
        return ide

    def debug(self, workers, *marks, **options):
        """Let the IDE listen, and wait until breakpoints stop."""
        ide = self.ide(*marks, **options).listen()
        ide.wait_attached(len(workers))
        for worker in workers:
            self.wait_traced(worker)
        return ide

    def wait_traced(self, worker):
        """Wait until a breakpoint would stop; the IDE is not told."""

        def traced():
            asked = worker.get('/thread')[1]['traced']
            return asked or worker.state()['monitoring']

        wait_until(f'tracing in {worker}', traced)

    def link_of(self, ide, worker):
        def link():
            for found in ide.open_links():
                if found.pid == worker.pid:
                    return found
            return None

        return ide.wait_for(f'link of {worker}', link)

    def stop_in(self, ide, worker, path='/work'):
        pending = worker.get_later(path)
        stop = ide.wait_stopped()
        self.assertEqual(worker.pid, stop.link.pid)
        self.assert_at(stop, 'handler')
        return pending, stop

    def stop_and_go(self, ide, worker):
        pending, stop = self.stop_in(ide, worker)
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)

    def debug_request(self, ide, worker):
        """Stop in a request of ``worker``, change it, and let it go."""
        pending, stop = self.stop_in(
            ide, worker, '/work?answer=original&count=5'
        )
        self.assertEqual('breakpoint', stop.reason)
        self.assertEqual('original', stop.locals()['answer'])
        self.assertEqual('5', stop.evaluate('count'))
        stop.set('answer', "'changed'")
        stop = self.step_to_the_end(stop)
        self.assertEqual('6', stop.locals()['count'])
        stop.resume()
        self.assert_answered(
            pending, pid=worker.pid, answer='changed', count=7
        )

    def assert_left_alone(self, workers, before):
        """Wait until all look as they did, at full speed."""
        for worker, state in zip(workers, before):
            self.assert_undisturbed(worker, state)
            self.assert_answered(worker.get_later('/work'), answer='unchanged')

    def assert_no_noise(self):
        """See that pydevd has printed nothing into the service's log."""
        for line in self.service.log.splitlines():
            for noise in ('Traceback', 'pydev', 'Can not', 'Could not'):
                if 'osdbg' not in line:
                    self.assertNotIn(noise, line)


class ScenarioTest(PydevdTestCase):
    """Attach; stop, look, change, step, go on; leave; and once more."""

    def play(self, backend, engine, workers):
        armed = self.start(backend, engine, workers)
        before = [worker.state() for worker in armed]
        for state in before:
            self.assertFalse(state['debugger_loaded'])
        for _ in range(2):
            ide = self.debug(armed, 'handler')
            for worker in armed:
                self.debug_request(ide, worker)
            ide.close()
            self.assert_left_alone(armed, before)
        self.assertEqual(0, self.service.stop()[0])
        self.assert_no_noise()
        wait_until(
            'end of the gateway', lambda: not self.gateways(), GRACE + 10
        )


def _scenario(*row):
    def test(self):
        self.play(*row)

    return test


for _backend in DIALECTS:
    for _engine in ENGINES:
        for _workers in (1, 3):
            setattr(
                ScenarioTest,
                f'test_{_backend}_{_engine}_{_workers}_workers',
                _scenario(_backend, _engine, _workers),
            )


@spread
class ThreadsTest(PydevdTestCase):
    @over(SERVERS)
    def test_native_thread(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'native')
        path = '/pooled' if engine == 'eventlet' else '/native'
        pending = worker.get_later(path)
        stop = ide.wait_stopped()
        self.assert_at(stop, 'native')
        stop.set('answer', "'changed'")
        stop.resume()
        self.assert_answered(pending, answer='changed')

    @over(NATIVE)
    def test_running_thread(self, backend, engine):
        """One that was at work before the IDE came."""
        (worker,) = self.start(backend, engine)
        before = worker.state()
        pending = worker.get_later('/spin?seconds=60')
        time.sleep(0.5)  # until it spins
        ide = self.ide('spin').listen()
        stop = ide.wait_stopped()
        self.assert_at(stop, 'spin')
        stop.evaluate(ENOUGH)
        ide.close()
        self.assert_answered(pending)
        self.assert_undisturbed(worker, before)

    @over(SERVERS)
    def test_pause(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker])
        link = self.link_of(ide, worker)
        pending = worker.get_later('/spin?seconds=60')
        time.sleep(0.5)  # until it spins: nobody else is asked meanwhile
        link.pause()
        deadline = time.monotonic() + TIMEOUT
        while (stop := ide.wait_stopped()).path != APP:
            self.assertLess(time.monotonic(), deadline)
        stop.evaluate(ENOUGH)
        ide.close()
        self.assert_answered(pending)


@spread
class AbsentIdeTest(PydevdTestCase):
    @over(SERVERS)
    def test_nobody_listens(self, backend, engine):
        (worker,) = self.start(backend, engine)
        before = worker.state()
        time.sleep(1)
        self.assert_left_alone([worker], [before])
        self.assertFalse(worker.state()['debugger_loaded'])
        self.assert_no_noise()
        began = time.monotonic()
        ide = self.ide('handler').listen()
        ide.wait_attached()
        # Not how long the first look at all threads takes, which nobody waits
        # for and which is done by a busy machine when it can.
        self.assertLess(time.monotonic() - began, SOON)
        self.wait_traced(worker)
        self.debug_request(ide, worker)

    @over(SERVERS)
    def test_mute(self, backend, engine):
        (worker,) = self.start(backend, engine)
        before = worker.state()
        ide = self.ide(mute=True).listen()
        ide.wait_for('call', lambda: ide.links)
        self.assert_left_alone([worker], [before])
        self.assertFalse(worker.state()['debugger_loaded'])
        ide.close()
        self.debug_request(self.debug([worker], 'handler'), worker)

    @over(SERVERS)
    def test_half_mute(self, backend, engine):
        """It says who it is, and never lets the program run."""
        (worker,) = self.start(backend, engine)
        before = worker.state()
        ide = self.ide(half=True).listen()
        ide.wait_for('call', lambda: ide.links)
        self.assert_answered(worker.get_later('/work'))
        line = self.service.wait_log(
            'osdbg.*no CMD_RUN.*', timeout=PATIENCE + TIMEOUT
        )[0].group()
        self.assertIn(str(self.port), line)
        ide.close()
        self.assert_left_alone([worker], [before])
        self.debug_request(self.debug([worker], 'handler'), worker)
        self.assert_no_noise()

    @over(SERVERS)
    def test_half_mute_and_gone(self, backend, engine):
        (worker,) = self.start(backend, engine)
        before = worker.state()
        for reset in (False, True):
            ide = self.ide(half=True).listen()
            link = ide.wait_for('call', lambda: ide.links)[0]
            link.wait_greeted()
            ide.hang_up(reset)
            self.assert_left_alone([worker], [before])
        self.debug_request(self.debug([worker], 'handler'), worker)
        self.assert_no_noise()


@spread
class FaultTest(PydevdTestCase):
    def die(self, backend, engine, reset):
        workers = self.start(backend, engine, 2)
        before = [worker.state() for worker in workers]
        ide = self.debug(workers, 'handler')
        stopped = [self.stop_in(ide, worker)[0] for worker in workers]
        ide.hang_up(reset)
        for pending, worker in zip(stopped, workers):
            self.assert_answered(pending, pid=worker.pid)
        self.assert_left_alone(workers, before)
        ide = self.debug(workers, 'handler')
        self.stop_and_go(ide, workers[0])
        self.assert_no_noise()

    @over(SERVERS)
    def test_ide_dies_while_stopped(self, backend, engine):
        self.die(backend, engine, reset=False)

    @over(SERVERS)
    def test_connection_reset_while_stopped(self, backend, engine):
        self.die(backend, engine, reset=True)

    @over(('eventlet', 'none'))
    def test_worker_killed(self, backend, engine):
        workers = self.start(backend, engine, 2)
        ide = self.debug(workers, 'handler')
        self.stop_in(ide, workers[0])
        os.kill(workers[0].pid, signal.SIGKILL)
        successor = self.service.wait_successor(workers)
        wait_until('end', lambda: not alive(workers[0].pid))
        self.wait_traced(successor)
        for worker in (workers[1], successor):
            self.stop_and_go(ide, worker)

    @over(SERVERS)
    def test_service_stops_while_stopped(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'handler')
        self.stop_in(ide, worker)
        code, seconds = self.service.stop()
        self.assertEqual(0, code)
        self.assertLess(seconds, 8)

    @over(SERVERS)
    def test_fork_while_attached(self, backend, engine):
        """The child never hangs, and is debugged by itself."""
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'handler', 'child')
        child = worker.get('/fork')[1]['child']
        stop = ide.wait_stopped()
        self.assertEqual(child, stop.link.pid)
        self.assert_at(stop, 'child')
        self.stop_and_go(ide, worker)
        stop.set('running', 'False')
        stop.resume()
        self.assertEqual(0, self.reaped(worker, child))
        self.stop_and_go(ide, worker)
        self.assert_no_noise()

    @over(SERVERS)
    def test_child_goes_on_when_the_ide_leaves(self, backend, engine):
        (worker,) = self.start(backend, engine)
        before = worker.state()
        ide = self.debug([worker], 'child')
        child = worker.get('/fork?seconds=6')[1]['child']
        ide.wait_stopped()
        ide.close()
        self.assertEqual(3 << 8, self.reaped(worker, child))
        self.assert_left_alone([worker], [before])

    def reaped(self, worker, child):
        def ended():
            answer = worker.get(f'/reap?pid={child}')[1]
            return answer if answer['exited'] else None

        return wait_until('end of the child', ended)['status']

    @over(('eventlet', 'none'))
    def test_reconnects(self, backend, engine):
        (worker,) = self.start(backend, engine)
        before = worker.state()
        for number in range(RECONNECTS):
            ide = self.debug([worker], 'handler')
            if number % 10 == 0:
                self.stop_and_go(ide, worker)
            ide.hang_up(reset=number % 2)
        self.assert_left_alone([worker], [before])
        # The gateway's links, and what eventlet keeps.
        self.assertLess(
            len(worker.state()['descriptors']), len(before['descriptors']) + 5
        )
        self.assert_no_noise()


@spread
class OptionsTest(PydevdTestCase):
    @over(SERVERS)
    def test_redirect_output(self, backend, engine):
        (worker,) = self.start(backend, engine, redirect_output='true')
        before = worker.state()
        ide = self.debug([worker])
        worker.get('/features')
        link = ide.links[0]
        ide.wait_for('output', lambda: 'total -1' in link.said(1))
        self.service.wait_log('total -1')
        ide.close()
        self.assert_left_alone([worker], [before])
        worker.get('/features')
        self.service.wait_log('total -1', 2)

    @over(SERVERS)
    def test_output_is_the_services_own(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'after')
        worker.get('/features')
        self.service.wait_log('total -1')
        pending = worker.get_later('/work')
        ide.wait_stopped().resume()
        self.assert_answered(pending)
        self.assertEqual('', ide.links[0].said(1))

    @over(SERVERS)
    def test_path_mappings(self, backend, engine):
        """The IDE has the sources somewhere else."""
        here = pathlib.Path(self.directory, 'sources')
        here.mkdir()
        copy = str(shutil.copy(APP, here))
        mapping = f'{here}={os.path.dirname(APP)}'
        (worker,) = self.start(backend, engine, path_mappings=mapping)
        before = worker.state()
        for _ in range(2):
            ide = self.ide()
            ide.break_at(copy, line_of('handler'))
            ide.listen()
            ide.wait_attached()
            self.wait_traced(worker)
            pending = worker.get_later('/work')
            stop = ide.wait_stopped()
            self.assertEqual(
                (copy, line_of('handler')), (stop.path, stop.line)
            )
            stop.resume()
            self.assert_answered(pending)
            ide.close()
            self.assert_left_alone([worker], [before])

    @over(SERVERS)
    def test_breakpoint(self, backend, engine):
        (worker,) = self.start(backend, engine)
        for kind in ('builtin', 'osdbg'):
            with self.subTest(kind):
                path = f'/breakpoint?kind={kind}'
                self.assert_answered(worker.get_later(path))
                ide = self.debug([worker])
                pending, stop = self.call_until_stopped(ide, worker, path)
                self.assert_at(stop, 'breakpoint')
                stop.set('answer', "'changed'")
                stop.resume()
                self.assert_answered(pending, answer='changed')
                ide.close()
        self.assert_answered(worker.get_later('/breakpoint'))

    def call_until_stopped(self, ide, worker, path):
        """Call as often as it takes until the worker knows of the IDE."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            pending = worker.get_later(path)
            while not pending.done:
                try:
                    return pending, ide.wait_stopped(0.1)
                except TimeoutError:
                    pass
        raise TimeoutError(f'no stop in {path}')

    @over(('eventlet', 'none'))
    def test_wait_for_client(self, backend, engine):
        self.start(
            backend, engine, wait=False, wait_for_client='true', launcher=1
        )
        self.service.wait_log('osdbg')
        self.assertNotIn('INIT', self.service.log)
        ide = self.ide('handler').listen()
        (worker,) = self.service.wait_workers()
        ide.wait_attached(2)
        self.wait_traced(worker)
        self.stop_and_go(ide, worker)

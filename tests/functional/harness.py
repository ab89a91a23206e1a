#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""Services as real processes, and the test case that minds them."""

import contextlib
import functools
import http.client
import importlib.util
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest
import uuid

from osdbg import journal
from tests.functional import dap

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = HERE / 'programs'
APP = str(PROGRAMS / 'api_app.py')
SERVICE = str(PROGRAMS / 'api_service.py')
TIMEOUT = float(os.environ.get('OSDBG_TEST_TIMEOUT', 30))
# What has a request for /spin or /rounds come to its end, at a stop.
ENOUGH = '__import__("api_app").ENOUGH.append(True)'
# After how many objects services collect garbage, and let others run there.
GARBAGE = os.environ.get('OSDBG_TEST_GARBAGE')
COLLECT = """
import gc, time
sleep = time.sleep
gc.callbacks.append(lambda phase, info: sleep(0.00005))
gc.set_threshold(%s)
"""
GRACE = 1
HOLDER = '''
import signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("HOLDING", flush=True)
signal.pause()
'''
POLL = 0.02


def line_of(mark, path=APP):
    """Return the number of the line that ends in ``# BREAK <mark>``."""
    lines = pathlib.Path(path).read_text().splitlines()
    return next(
        number
        for number, line in enumerate(lines, 1)
        if line.endswith(f'# BREAK {mark}')
    )


_reserved: list[socket.socket] = []


def free_port():
    """Return a port nobody listens on, outside the ephemeral range.

    No other test is given it as long as this process lives. Without that,
    two of those that run at a time took the same one, seen under load.
    """
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f'\0osdbg-test-port-{port}')
                probe.bind(('127.0.0.1', port))
            except OSError:
                claim.close()
                continue
        _reserved.append(claim)
        return port


def wait_until(what, probe, timeout=TIMEOUT):
    """Wait until ``probe()`` returns something true, and return it."""
    deadline = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f'no {what} within {timeout} s')
        time.sleep(POLL)


def alive(pid):
    """Tell whether process ``pid`` runs; a zombie does not.

    Unless it has threads that have not ended: they have its sockets.
    """
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
        threads = os.listdir(f'/proc/{pid}/task')
    except OSError:
        return False
    return len(threads) > 1 or stat.rpartition(')')[2].split()[0] not in 'ZX'


def kill(pid, signum=signal.SIGKILL):
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def command_line(pid):
    try:
        raw = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
    except OSError:
        return ''
    return raw.replace(b'\0', b' ').decode(errors='replace').strip()


def children(pid):
    """Return the children of a process, also those that have ended."""
    with open(f'/proc/{pid}/task/{pid}/children') as file:
        return [int(child) for child in file.read().split()]


def processes_with(name, value):
    """Return the living processes that inherited ``name=value``."""
    wanted = f'{name}={value}'.encode()
    found = []
    for entry in os.listdir('/proc'):
        try:
            environ = pathlib.Path(f'/proc/{entry}/environ').read_bytes()
        except OSError:
            continue
        if entry.isdigit() and wanted in environ.split(b'\0') and alive(entry):
            found.append(int(entry))
    return found


def osdbg_run(*options, **settings):
    """Return the words that run a command under osdbg."""
    words = [sys.executable, '-m', 'osdbg', 'run', *options]
    for name, value in settings.items():
        words += [f'--{name.replace("_", "-")}', str(value)]
    return [*words, '--']


def available(engines):
    """Leave out what the installed oslo.service does not have.

    Its threading backend came with 4.2, and moved with 4.3.
    """
    (package,) = importlib.util.find_spec(
        'oslo_service'
    ).submodule_search_locations
    places = ('backend/_threading', 'backend/threading')
    found = any(os.path.exists(f'{package}/{place}') for place in places)
    return [name for name in engines if name != 'threading' or found]


def over(engines):
    """Make one test method per engine out of a method that takes one."""

    def decorate(method):
        method.engines = available(engines)
        return method

    return decorate


def spread(cls):
    """Replace the methods marked by :func:`over`."""
    for name, method in list(vars(cls).items()):
        for engine in getattr(method, 'engines', ()):
            setattr(cls, f'{name}_{engine}', _bind(method, engine))
        if hasattr(method, 'engines'):
            delattr(cls, name)
    return cls


def _bind(method, engine):
    def test(self):
        method(self, engine)

    return test


class Pending:
    """A request on its way."""

    def __init__(self, call):
        self._call = call
        self._outcome = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._outcome = (self._call(), None)
        except Exception as error:
            self._outcome = (None, error)

    @property
    def done(self):
        return self._outcome is not None

    def result(self, timeout=TIMEOUT):
        self._thread.join(timeout)
        if self._outcome is None:
            raise TimeoutError(f'request not answered within {timeout} s')
        value, error = self._outcome
        if error is not None:
            raise error
        return value


class Worker:
    """One worker process and the port only it serves."""

    def __init__(self, pid, port):
        self.pid = pid
        self.port = port

    def __repr__(self):
        return f'<worker {self.pid}>'

    def get(self, path, timeout=TIMEOUT):
        """Return the status and the decoded answer."""
        return http_get(self.port, path, timeout)

    def get_later(self, path, timeout=2 * TIMEOUT):
        return Pending(lambda: self.get(path, timeout))

    def busy(self):
        """Return how long it has worked, in hundredths of a second."""
        stat = pathlib.Path(f'/proc/{self.pid}/stat').read_text()
        return int(stat.rpartition(')')[2].split()[11])

    def state(self):
        status, found = self.get('/state')
        if status != 200:
            raise AssertionError(f'{self}: {found}')
        return found


def http_get(port, path, timeout=TIMEOUT):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    try:
        connection.request('GET', path, headers={'Connection': 'close'})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class Process:
    """A real process in its own group, with its output kept."""

    def __init__(self, argv, environ, name):
        self.name = name
        self._lines = []
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(
            argv,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def returncode(self):
        return self._popen.poll()

    @property
    def log(self):
        return ''.join(self._lines)

    def _read(self):
        with self._popen.stdout as stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode(errors='replace'))
                    self._changed.notify_all()

    def wait_log(self, pattern, count=1, timeout=TIMEOUT):
        """Wait until ``pattern`` was logged ``count`` times."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                # Before the log is searched: it may say it last.
                ended = not self._reader.is_alive()
                found = list(re.finditer(pattern, self.log))
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f'{self.name} logged {pattern!r} {len(found)} times, '
                        f'not {count}, within {timeout} s'
                    )
                self._changed.wait(min(left, 0.2))
                if ended and self.returncode is not None:
                    raise TimeoutError(
                        f'{self.name} ended with '
                        f'{self.returncode} before logging '
                        f'{pattern!r} {count} times'
                    )

    def signal(self, signum):
        os.kill(self.pid, signum)

    def wait(self, timeout=TIMEOUT):
        """Wait for the end and return the exit code."""
        return self._popen.wait(timeout)

    def stop(self, timeout=TIMEOUT):
        """Stop as an operator would; return exit code and seconds."""
        start = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.wait(timeout), time.monotonic() - start

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait(TIMEOUT)
        self._reader.join(1)


class Service(Process):
    """The API service of ``programs/api_service.py``."""

    def __init__(
        self,
        environ,
        *,
        engine='none',
        workers=1,
        init='after_patch',
        config=None,
        arguments=(),
        runner=(),
    ):
        argv = [
            *runner,
            sys.executable,
            SERVICE,
            '--engine',
            engine,
            '--workers',
            str(workers),
            '--init',
            init,
            *arguments,
        ]
        if config:
            argv += ['--config-file', config]
        super().__init__(argv, environ, f'{engine} service')
        self.engine = engine

    @property
    def http_port(self):
        return int(self.wait_log(r'LISTENING port=(\d+)')[0].group(1))

    def workers(self):
        """Return the living workers that are ready, oldest first."""
        found = re.findall(r'READY pid=(\d+) port=(\d+)', self.log)
        return [
            Worker(int(pid), int(port)) for pid, port in found if alive(pid)
        ]

    def wait_workers(self, count=1, timeout=TIMEOUT):
        def ready():
            if self.returncode is not None:
                raise AssertionError(f'{self.name} ended: {self.returncode}')
            workers = self.workers()
            return workers if len(workers) >= count else None

        return wait_until(f'{count} workers', ready, timeout)

    def wait_successor(self, known, timeout=TIMEOUT):
        """Wait for a worker that is not among ``known``."""
        pids = {worker.pid for worker in known}
        return wait_until(
            'successor',
            lambda: next(
                (
                    worker
                    for worker in self.workers()
                    if worker.pid not in pids
                ),
                None,
            ),
            timeout,
        )


class AnyService(Service):
    """Another program that says of its workers what the API service says."""

    def __init__(self, argv, environ):
        Process.__init__(self, argv, environ, os.path.basename(argv[1]))

    def successors(self, known):
        """Return the workers that have replaced all of ``known``."""
        pids = {worker.pid for worker in known}
        found = [w for w in self.workers() if w.pid not in pids]
        return found if len(found) == len(known) else None


class FunctionalTestCase(unittest.TestCase):
    """A test with its own gateway, its own ports and no leftovers."""

    maxDiff = None
    # Whether a service's own does, as the test has it.
    logging_raises = False

    def __init__(self, methodName='runTest'):
        super().__init__(methodName)
        if methodName != 'runTest' or hasattr(self, methodName):
            setattr(
                self,
                methodName,
                self._with_transcripts(getattr(self, methodName)),
            )

    def _with_transcripts(self, method):
        @functools.wraps(method)
        def run(*args, **kwargs):
            try:
                return method(*args, **kwargs)
            except unittest.SkipTest:
                raise
            except Exception as error:
                raise self.failureException(
                    f'{error!r}\n{traceback.format_exc()}\n'
                    f'{self.transcripts()}'
                ) from None

        return run

    def setUp(self):
        super().setUp()
        self.socket_name = f'osdbg-test-{uuid.uuid4().hex}'
        self.processes = []
        self.clients = []
        self.environ = self._environ()
        directory = tempfile.TemporaryDirectory(prefix='osdbg-test-')
        self.directory = directory.name
        self.addCleanup(directory.cleanup)
        self.addCleanup(self._clean_up)
        if GARBAGE:
            self.run_first(COLLECT % GARBAGE)

    def run_first(self, program):
        """Have every process of this test run a program before its own."""
        path = os.path.join(self.directory, 'sitecustomize.py')
        with open(path, 'w') as file:
            file.write(program)
        folders = [self.directory, self.environ['PYTHONPATH']]
        self.environ['PYTHONPATH'] = os.pathsep.join(folders)

    def _environ(self):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('OS_REMOTE_DEBUG', 'OSDBG'))
        }
        path = [str(ROOT)] + [
            entry
            for entry in kept.get('PYTHONPATH', '').split(os.pathsep)
            if entry
        ]
        return dict(
            kept,
            PYTHONPATH=os.pathsep.join(path),
            OSDBG_SOCKET=self.socket_name,
            OSDBG_GATEWAY_GRACE=str(GRACE),
            PYTHONDONTWRITEBYTECODE='1',
        )

    def transcripts(self):
        parts = [
            f'==== {process.name} {process.pid} '
            f'(returncode {process.returncode}) ====\n'
            + '\n'.join(process.log.splitlines()[-500:])
            for process in self.processes
        ]
        parts += [
            f'==== DAP ====\n{client.transcript}' for client in self.clients
        ]
        return '\n'.join(parts)

    def _clean_up(self):
        with contextlib.ExitStack() as stack:
            for process in self.processes:
                stack.callback(process.kill)
            for client in self.clients:
                stack.callback(client.hang_up)
        left = self._wait_nothing_left()
        for pid in left:
            kill(pid)
        if left:
            self.fail(f'left over: {left}\n{self.transcripts()}')
        # It was not in the log of a worker that never stayed attached.
        lost = any(journal.NOT_LOGGED in each.log for each in self.processes)
        self.assertEqual(self.logging_raises, lost, self.transcripts())

    def _wait_nothing_left(self):
        """Return what still runs after the grace period, described."""
        try:
            wait_until(
                'clean end', lambda: not self.own_processes(), GRACE + 10
            )
            return {}
        except TimeoutError:
            return {pid: command_line(pid) for pid in self.own_processes()}

    def own_processes(self):
        return processes_with('OSDBG_SOCKET', self.socket_name)

    def change_gateway(self):
        """Kill the gateway, and wait until there is another."""
        before = self.gateway()
        os.kill(before, signal.SIGKILL)
        wait_until(
            'new gateway', lambda: self.gateways() not in ([before], [])
        )

    def gateways(self):
        return [
            pid
            for pid in self.own_processes()
            if 'osdbg.gateway' in command_line(pid)
        ]

    def gateway(self):
        """Wait for this test's one gateway and return its pid."""
        return wait_until('gateway', self.gateways)[0]

    def write_config(self, **options):
        path = os.path.join(self.directory, f'{uuid.uuid4().hex}.conf')
        lines = [f'{name} = {value}' for name, value in options.items()]
        pathlib.Path(path).write_text(
            '\n'.join(
                [
                    '[DEFAULT]',
                    'graceful_shutdown_timeout = 5',
                    'log_options = false',
                    '[remote_debug]',
                    *lines,
                    '',
                ]
            )
        )
        return path

    def start_service(
        self,
        *,
        engine='none',
        workers=1,
        init='after_patch',
        arguments=(),
        runner=(),
        wait=True,
        environ=None,
        **options,
    ):
        """Start the API service; ``options`` go into [remote_debug].

        :param runner: the words that run it, such as :func:`osdbg_run`
        """
        service = Service(
            dict(self.environ, **(environ or {})),
            engine=engine,
            workers=workers,
            init=init,
            config=self.write_config(**options),
            arguments=arguments,
            runner=runner,
        )
        self.processes.append(service)
        if wait:
            service.wait_workers(workers)
        return service

    def osdbg(self, *words, typed=None, stdin=None):
        """Run a command of ours to its end."""
        return subprocess.run(
            [sys.executable, '-m', 'osdbg', *words],
            env=self.environ,
            input=typed,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )

    def processes_told(self):
        """Return what the gateway tells of each process, by its pid."""
        code = (
            'import json; from osdbg.cli import processes; '
            'print(json.dumps(processes.ask()))'
        )
        done = subprocess.run(
            [sys.executable, '-c', code],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        return {told['pid']: told for told in json.loads(done.stdout)}

    def start_listening(self, **options):
        """Start the service on plain ``debugpy.listen()``."""
        port = free_port()
        service = self.start_service(
            init='listen',
            arguments=('--debug-port', str(port)),
            environ={'PYDEVD_DISABLE_FILE_VALIDATION': '1'},
            **options,
        )
        return service, port

    def hold_port(self, port):
        """Let a foreign program listen on ``port``."""
        holder = Process(
            [sys.executable, '-c', HOLDER, str(port)], self.environ, 'holder'
        )
        self.processes.append(holder)
        holder.wait_log('HOLDING')
        return holder

    def client(self, port, **options):
        client = dap.Client(port, timeout=TIMEOUT, **options)
        self.clients.append(client)
        return client

    def attach(self, port, *marks, processes=1, **options):
        """Attach with breakpoints at ``marks`` of the application."""
        client = self.client(port, **options)
        for mark in marks:
            client.break_at(APP, line_of(mark))
        client.attach()
        client.wait_attached(processes)
        return client

    def assert_at(self, stop, mark, path=APP):
        self.assertEqual((path, line_of(mark, path)), (stop.path, stop.line))

    def step_to_the_end(self, stop):
        """Step from ``handler`` over the line that yields."""
        for mark in ('sleep', 'after'):
            stop = stop.step()
            self.assert_at(stop, mark)
        return stop

    def assert_no_complaint(self, service):
        """See that osdbg warns of nothing, but of strangers in other tests.

        ``test_stranger`` tries every socket of the host.
        """
        self.assertNotRegex(
            service.log, r'WARNING osdbg (?!osdbg audit: event=refused)'
        )

    def one_line_about(self, option):
        """Return the one line that names ``option``; no traceback."""
        lines = [
            line
            for line in self.service.log.splitlines()
            if f'[remote_debug] {option}' in line
        ]
        self.assertEqual(1, len(lines), lines)
        self.assertNotIn('Traceback', self.service.log)
        return lines[0]

    def stop_and_go(self, client, worker):
        """Stop in a request of one worker, and let it go."""
        session = client.wait_pid(worker.pid)
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        self.assertIs(session, stop.session)
        self.assert_at(stop, 'handler')
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)

    def assert_answered(self, pending, **expected):
        status, answer = pending.result()
        self.assertEqual(200, status, answer)
        self.assertLessEqual(expected.items(), answer.items())
        return answer

    def assert_undisturbed(self, worker, before):
        """Wait until ``worker`` looks as it did in ``before``."""
        volatile = ('descriptors', 'debugger_loaded', 'modules', 'osdbg')

        def difference():
            now = worker.state()
            # One that was serving a request may have ended since.
            now['threads'] = max(now['threads'], before['threads'])
            return {
                key: (before[key], now[key])
                for key in before
                if key not in volatile and now[key] != before[key]
            }

        try:
            wait_until('quiet worker', lambda: not difference(), 10)
        except TimeoutError:
            self.assertEqual({}, difference())
        self.assert_same_modules(before, worker.state())

    def assert_same_modules(self, before, after):
        shared = before['modules'].keys() & after['modules'].keys()
        self.assertEqual(
            {name: before['modules'][name] for name in shared},
            {name: after['modules'][name] for name in shared},
        )

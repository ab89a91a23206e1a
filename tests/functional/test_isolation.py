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

"""The debugger and green threads get along, whoever comes first."""

import re
import sys

from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS
from tests.functional.harness import wait_until
from tests.functional.harness import Worker

PROGRAM = str(PROGRAMS / 'isolation_service.py')
PATCHES = ('full', 'thread_false', 'os_thread_false')
STARTS = ('main', 'green', 'native')
HUBS = ('poll', 'selects', 'asyncio')


class IsolationTestCase(FunctionalTestCase):
    def start(self, *arguments, **options):
        """Start the program; ``options`` are those of [remote_debug]."""
        self.port = free_port()
        more = {
            f'OS_REMOTE_DEBUG__{name.upper()}': str(value)
            for name, value in {'port': self.port, **options}.items()
        }
        process = Process(
            [sys.executable, PROGRAM, *arguments],
            {**self.environ, **more, 'PYTHONWARNINGS': 'ignore'},
            ' '.join(arguments),
        )
        self.processes.append(process)
        return process

    def ready(self, process):
        (found,) = process.wait_log(r'READY pid=(\d+) port=(\d+)')
        return Worker(*map(int, found.groups()))

    def play(self, client, worker):
        """Stop in a request and in a new thread."""
        pending = worker.get_later('/work?answer=original&count=5')
        stop = client.wait_stopped()
        self.assert_at(stop, 'handler')
        self.assertEqual('5', stop.evaluate('count'))
        stop.set('answer', "'changed'")
        stop = self.step_to_the_end(stop)
        stop.resume()
        self.assert_answered(pending, answer='changed', count=7)
        self.stop_native(client, worker, '/native')
        self.stop_native(client, worker, '/pooled')
        self.assert_answered(worker.get_later('/spawn'), output='42')

    def stop_native(self, client, worker, path):
        pending = worker.get_later(path)
        stop = client.wait_stopped()
        self.assert_at(stop, 'native')
        stop.set('answer', repr(path))
        stop.resume()
        self.assert_answered(pending, answer=path)

    def assert_unchanged(self, worker):
        def found():
            return {
                name: value
                for name, value in worker.get('/changes')[1].items()
                if name != 'pid'
            }

        try:
            wait_until('unchanged process', lambda: not found(), 5)
        except TimeoutError:
            self.assertEqual({}, found())

    def attach_here(self):
        return self.attach(self.port, 'handler', 'native')

    def leave_and_return(self, client, worker):
        self.play(client, worker)
        client.detach()
        self.assert_unchanged(worker)
        self.assert_answered(worker.get_later('/work'), answer='unchanged')
        client = self.attach_here()
        self.play(client, worker)
        client.detach()
        self.assert_unchanged(worker)


class PoolTest(IsolationTestCase):
    """A breakpoint in one of the native threads of eventlet's tpool."""

    def pooled(self, patch, when):
        more = {} if when == 'after' else {'wait_for_client': 'true'}
        process = self.start('--patch', patch, '--when', when, **more)
        client = self.attach_here()
        worker = self.ready(process)
        for _ in range(2):
            self.stop_native(client, worker, '/pooled')

    def test_started_before_the_client_came(self):
        worker = self.ready(self.start())
        self.assert_answered(worker.get_later('/pooled'))
        self.stop_native(self.attach_here(), worker, '/pooled')


class AfterTest(IsolationTestCase):
    """The service is patched, then a client attaches."""

    def after(self, patch, start):
        process = self.start('--patch', patch, '--start', start)
        worker = self.ready(process)
        self.leave_and_return(self.attach_here(), worker)

    def suspended(self, start):
        process = self.start('--start', start, suspend='true')
        client = self.attach_here()
        stop = client.wait_stopped()
        self.assert_at(stop, 'armed', PROGRAM)
        stop.resume()
        self.play(client, self.ready(process))


class BeforeTest(IsolationTestCase):
    """A client is attached when the service is patched."""

    def before(self, patch, start, when='before'):
        process = self.start(
            '--patch',
            patch,
            '--start',
            start,
            '--when',
            when,
            wait_for_client='true',
        )
        client = self.attach_here()
        self.leave_and_return(client, self.ready(process))


class OthersTest(IsolationTestCase):
    def test_eventlet_there_but_nothing_patched(self):
        process = self.start('--patch', 'nothing')
        self.leave_and_return(self.attach_here(), self.ready(process))

    def test_new_modules_are_the_services_own(self):
        process = self.start(activate='on_init')
        worker = self.ready(process)
        client = self.attach_here()
        status, found = worker.get('/fresh')
        self.assertEqual(200, status)
        found.pop('pid')
        self.assertEqual({True}, set(found.values()), found)
        self.play(client, worker)

    def test_new_modules_while_the_debugger_loads(self):
        worker = self.ready(self.start())
        client = self.client(self.port)
        client.break_at(APP, line_of('handler'))
        client.attach()
        _, found = worker.get('/fresh')
        found.pop('pid')
        self.assertEqual({True}, set(found.values()), found)

    def test_idle_during_the_session(self):
        """Nothing runs while a client is attached, nor is traced after."""
        worker = self.ready(self.start())
        for _ in range(3):
            client = self.attach_here()
            client.detach()
            self.assert_unchanged(worker)

    def test_eventlet_is_not_imported(self):
        service = self.start_service(engine='none', port=free_port())
        port = re.search(r':(\d+)', service.log)
        self.assertIsNotNone(port)
        (worker,) = service.workers()
        before = worker.state()
        self.assertNotIn('eventlet', before['modules'])
        with open(f'/proc/{worker.pid}/maps') as maps:
            self.assertNotIn('greenlet', maps.read())


def _add(cls, name, method, *arguments, **environ):
    def test(self):
        self.environ.update(environ)
        getattr(self, method)(*arguments)

    setattr(cls, f'test_{name}', test)


for _patch in PATCHES:
    for _start in STARTS:
        _add(AfterTest, f'{_patch}_{_start}', 'after', _patch, _start)
        _add(BeforeTest, f'{_patch}_{_start}', 'before', _patch, _start)
    _add(BeforeTest, f'{_patch}_import', 'before', _patch, 'main', 'import')
    for _when in ('import', 'before', 'after'):
        _add(PoolTest, f'{_patch}_{_when}', 'pooled', _patch, _when)
for _start in STARTS:
    _add(AfterTest, f'suspend_{_start}', 'suspended', _start)
for _hub in HUBS:
    _add(
        AfterTest,
        f'hub_{_hub}',
        'after',
        'full',
        'main',
        EVENTLET_HUB=_hub,
    )

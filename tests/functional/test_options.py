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

"""Every option of ``[remote_debug]`` does what it says."""

import os
import time

from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import SERVICE
from tests.functional.harness import spread
from tests.functional.harness import wait_until

PROMPT = 10
SERVERS = ('eventlet', 'threading', 'none')
INITS = ('after_patch', 'in_worker')
BAD_VALUES = {
    'port': '99999',
    'backend': 'turbogdb',
    'activate': 'yesterday',
    'workers': 'some',
    'wait_timeout': 'long',
    'eventlet': 'perhaps',
    'path_mappings': 'only-one-side',
    'suspend': 'maybe',
}
BEYOND = {
    'redirect_output': 'True',
}


class OptionsTestCase(FunctionalTestCase):
    def start(self, workers=1, **options):
        self.port = free_port()
        options.setdefault('engine', 'eventlet')
        options.setdefault('port', self.port)
        self.service = self.start_service(workers=workers, **options)
        return self.service.workers()


class OffTest(OptionsTestCase):
    def assert_off(self):
        (worker,) = self.service.workers()
        self.service.wait_log(r'INIT None threads 1\b')
        self.assertEqual([], self.gateways())
        self.assertNotIn('osdbg.agent', worker.state()['osdbg'])

    def test_nothing_configured(self):
        self.service = self.start_service(engine='none')
        self.assert_off()

    def test_host_alone_does_not_turn_it_on(self):
        self.service = self.start_service(engine='none', host='127.0.0.1')
        self.assert_off()

    def test_empty_environment_variable(self):
        self.service = self.start_service(
            engine='none', environ={'OS_REMOTE_DEBUG__PORT': ''}
        )
        self.assert_off()


class SourcesTest(OptionsTestCase):
    def test_port_from_the_environment(self):
        port = free_port()
        service = self.start_service(
            environ={'OS_REMOTE_DEBUG__PORT': str(port)}
        )
        (worker,) = service.workers()
        self.stop_and_go(self.attach(port, 'handler'), worker)

    def test_environment_over_file(self):
        port = free_port()
        service = self.start_service(
            port=free_port(), environ={'OS_REMOTE_DEBUG__PORT': str(port)}
        )
        (worker,) = service.workers()
        self.stop_and_go(self.attach(port, 'handler'), worker)

    def test_other_loopback_address(self):
        port = free_port()
        service = self.start_service(port=port, host='127.0.0.2')
        (worker,) = service.workers()
        client = self.attach(port, 'handler', host='127.0.0.2')
        self.stop_and_go(client, worker)

    def test_localhost(self):
        (worker,) = self.start(host='localhost')
        self.stop_and_go(self.attach(self.port, 'handler'), worker)


@spread
class ActivateTest(OptionsTestCase):
    def test_on_attach_loads_late(self):
        (worker,) = self.start(activate='on_attach')
        self.assertFalse(worker.state()['debugger_loaded'])
        self.stop_and_go(self.attach(self.port, 'handler'), worker)

    @over(INITS)
    def test_on_init_loads_at_once(self, init):
        (worker,) = self.start(activate='on_init', init=init)
        wait_until('debugger', lambda: worker.state()['debugger_loaded'])
        for _ in range(2):
            client = self.attach(self.port, 'handler')
            self.stop_and_go(client, worker)
            client.detach()
        self.assertEqual(0, self.service.stop()[0])

    def test_ptvsd_is_debugpy(self):
        (worker,) = self.start(backend='ptvsd')
        self.stop_and_go(self.attach(self.port, 'handler'), worker)


@spread
class WaitTest(OptionsTestCase):
    def start_waiting(self, **options):
        self.port = free_port()
        options.setdefault('engine', 'eventlet')
        self.service = self.start_service(
            port=self.port, wait_for_client='true', wait=False, **options
        )
        return self.service

    @over(SERVERS)
    def test_waits_in_the_launcher(self, engine):
        self.wait_and_go(engine, 'after_patch')

    @over(SERVERS)
    def test_waits_in_the_worker(self, engine):
        self.wait_and_go(engine, 'in_worker')

    def wait_and_go(self, engine, init):
        service = self.start_waiting(engine=engine, init=init)
        self.gateway()
        self.assertNotIn('READY', service.log)
        client = self.client(self.port)
        client.break_at(SERVICE, line_of('initialised', SERVICE))
        client.attach()
        stop = client.wait_stopped()
        self.assert_at(stop, 'initialised', SERVICE)
        stop.resume()
        service.wait_workers()
        client.detach()
        self.assertEqual(0, service.stop()[0])

    def test_gives_up_after_the_timeout(self):
        start = time.monotonic()
        service = self.start_waiting(wait_timeout=1.5)
        (worker,) = service.wait_workers()
        self.assertGreater(time.monotonic() - start, 1.5)
        self.assert_answered(worker.get_later('/work'))
        self.stop_and_go(self.attach(self.port, 'handler'), worker)

    def test_can_be_stopped_while_waiting(self):
        service = self.start_waiting()
        self.gateway()
        service.stop(PROMPT)

    @over(SERVERS)
    def test_suspend_stops_after_init(self, engine):
        service = self.start_waiting(engine=engine, suspend='true')
        client = self.attach(self.port)
        stop = client.wait_stopped()
        self.assert_at(stop, 'initialised', SERVICE)
        stop.resume()
        (worker,) = service.wait_workers()
        self.assert_answered(worker.get_later('/work'))
        client.detach()
        self.assertEqual(0, service.stop()[0])


@spread
class WorkersTest(OptionsTestCase):
    def choose(self, choice, init, expected):
        """Start four workers; ``expected`` of them join, the others run."""
        self.environ['OS_REMOTE_DEBUG__WORKERS'] = choice
        workers = self.start(4, init=init)
        client = self.attach(self.port, 'handler')
        joined = wait_until(
            'workers in the session',
            lambda: self.joined(client, workers, expected),
        )
        for worker in workers:
            if worker in joined:
                self.stop_and_go(client, worker)
            else:
                self.assert_answered(worker.get_later('/work'))
        self.assertEqual(joined, self.joined(client, workers, expected))

    def joined(self, client, workers, expected):
        found = [w for w in workers if w.pid in client.attached()]
        return found if len(found) >= expected else []

    @over(INITS)
    def test_first(self, init):
        self.choose('first', init, 1)

    @over(INITS)
    def test_numbers(self, init):
        self.choose('1,3', init, 2)

    @over(INITS)
    def test_all(self, init):
        self.choose('all', init, 4)


class NameTest(OptionsTestCase):
    def names(self, **options):
        workers = self.start(3, init='in_worker', **options)
        client = self.attach(self.port, 'handler', processes=3)
        pids = {worker.pid for worker in workers} - {client.root.pid}
        names = {
            found['subProcessId']: found['name'] for found in client.announced
        }
        self.assertEqual(pids, set(names))
        return names

    def test_given(self):
        for pid, name in self.names(name='my-api').items():
            self.assertRegex(name, rf'^my-api worker [0-2] \[{pid}\]$')

    def test_program(self):
        for pid, name in self.names().items():
            self.assertRegex(name, rf'^api_service worker [0-2] \[{pid}\]$')


class LogDirTest(OptionsTestCase):
    def test_debugger_logs_there(self):
        directory = os.path.join(self.directory, 'logs')
        os.mkdir(directory)
        (worker,) = self.start(log_dir=directory)
        self.stop_and_go(self.attach(self.port, 'handler'), worker)
        self.assertTrue(os.listdir(directory))

    def test_nowhere_by_default(self):
        (worker,) = self.start(environ={'TMPDIR': self.directory})
        before = set(os.listdir(self.directory))
        self.stop_and_go(self.attach(self.port, 'handler'), worker)
        self.assertEqual(before, set(os.listdir(self.directory)))


class BadValuesTest(OptionsTestCase):
    def play(self, option, value):
        (worker,) = self.start(**self.spelled(option, value))
        line = self.one_line_about(option)
        self.assertIn(value, line)
        self.assert_answered(worker.get_later('/work'), pid=worker.pid)
        self.assertEqual(0, self.service.stop()[0])

    def spelled(self, option, value):
        if option == 'workers':
            self.environ['OS_REMOTE_DEBUG__WORKERS'] = value
            return {}
        return {option: value}


class RequiredTest(OptionsTestCase):
    def refuse(self, option, **options):
        self.service = self.start_service(
            engine='eventlet',
            required='true',
            wait=False,
            **{'port': free_port(), **options},
        )
        code = self.service.wait(PROMPT)
        self.assertNotIn(code, (0, None))
        self.service._reader.join(PROMPT)
        self.one_line_about(option)
        self.assertNotIn('READY', self.service.log)

    def test_bad_port(self):
        self.refuse('port', port=99999)

    def test_unknown_backend(self):
        self.refuse('backend', backend='turbogdb')

    def test_port_held_by_another(self):
        port = free_port()
        self.hold_port(port)
        self.refuse('port', port=port)

    def test_good_values_start(self):
        (worker,) = self.start(required='true')
        self.stop_and_go(self.attach(self.port, 'handler'), worker)


def _bad(option, value):
    def test(self):
        self.play(option, value)

    return test


for _option, _value in BAD_VALUES.items():
    setattr(BadValuesTest, f'test_{_option}', _bad(_option, _value))
for _option, _value in BEYOND.items():
    setattr(
        BadValuesTest,
        f'test_{_option}_{_value.strip("/")[:4]}_beyond',
        _bad(_option, _value),
    )

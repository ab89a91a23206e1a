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

"""``break_on_exception``: green threads that die, and who does not stop."""

import os
import pathlib

from tests.functional import harness
from tests.functional.harness import line_of
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase

WAYS = ('spawn', 'linked', 'spawn_n', 'pool', 'pool_n')
LATE = '''
import osdbg
osdbg.init()
import eventlet

def perish(reason):
    raise LookupError(reason)  # BREAK perish

print(eventlet.spawn(perish, 'late'), flush=True)
eventlet.sleep(0)
eventlet.spawn_n(perish, 'late, too')
eventlet.sleep(0)
print('DONE', flush=True)
'''


@harness.spread
class GreenThreadTest(OneServiceTestCase):
    def setUp(self):
        super().setUp()
        (self.worker,) = self.start(break_on_exception='true')

    def assert_seen(self, client, how):
        """Look into a green thread that dies, and let it."""
        stop = client.wait_stopped()
        self.assertEqual('exception', stop.reason)
        self.assert_at(stop, 'perish')
        witness = f'DIED IN {how.upper()}'
        self.assertEqual(repr(witness), stop.locals()['witness'])
        self.assertEqual(repr(witness), stop.evaluate('reason.upper()'))
        told = stop.session.request('exceptionInfo', threadId=stop.thread)
        self.assertIn(witness, str(told))
        stop.resume()

    def assert_dead(self, how, count):
        """See eventlet say what it says without us."""
        self.service.wait_log(f"LookupError: '?DIED IN {how.upper()}", count)
        if how == 'linked':
            self.service.wait_log('LINKED', count)

    def assert_runs_on(self, client, before):
        client.detach()
        self.assert_undisturbed(self.worker, before)

    @harness.over(WAYS)
    def test_is_seen_dying(self, how):
        before = self.worker.state()
        client = self.attach(self.port, 'handler')
        for count in (1, 2):
            pending = self.worker.get_later(f'/die?how={how}')
            self.assert_seen(client, how)
            self.assert_answered(pending)
            self.assert_dead(how, count)
        self.stop_and_go(client, self.worker)
        self.assert_runs_on(client, before)
        self.assert_answered(self.worker.get_later(f'/die?how={how}'))
        self.assert_dead(how, 3)

    @harness.over(('spawn', 'spawn_n'))
    def test_wakes_to_die(self, how):
        """It is not a timer then that the exception comes through."""
        before = self.worker.state()
        client = self.attach(self.port)
        pending = self.worker.get_later(f'/die?how={how}&when=waiting')
        self.assert_seen(client, how)
        self.assert_answered(pending)
        self.assert_dead(how, 1)
        self.assert_runs_on(client, before)

    # What ends a thread of GreenPool.spawn_n() is caught by that thread.
    @harness.over(('spawn', 'linked', 'spawn_n', 'pool'))
    def test_was_there_before_the_client(self, how):
        self.worker.get(f'/die?how={how}&when=parked')
        before = self.worker.state()
        client = self.attach(self.port)
        pending = self.worker.get_later(f'/gate?name={how}')
        self.assert_seen(client, how)
        self.assert_answered(pending)
        self.assert_dead(how, 1)
        self.assert_runs_on(client, before)

    def test_is_seen_once(self):
        client = self.attach(self.port, 'handler')
        pending = self.worker.get_later('/die_in_turn')
        self.assert_seen(client, 'spawn')
        self.assert_answered(pending, caught='DIED IN SPAWN')
        self.stop_and_go(client, self.worker)
        client.detach()

    def test_what_ends_on_purpose_does_not_stop(self):
        client = self.attach(self.port, 'handler')
        self.assertTrue(self.worker.get('/killed')[1]['dead'])
        self.stop_and_go(client, self.worker)
        client.detach()

    def test_client_dies_there(self):
        before = self.worker.state()
        client = self.attach(self.port)
        pending = self.worker.get_later('/die?how=spawn_n')
        client.wait_stopped('exception')
        client.hang_up(reset=True)
        self.assert_answered(pending)
        self.assert_dead('spawn_n', 1)
        self.assert_undisturbed(self.worker, before)


@harness.spread
class NobodyTest(OneServiceTestCase):
    """What does not stop."""

    def die(self, how):
        client = self.attach(self.port, 'handler')
        self.assert_answered(self.worker.get_later(f'/die?how={how}'))
        self.service.wait_log(f"LookupError: '?DIED IN {how.upper()}")
        self.stop_and_go(client, self.worker)
        client.detach()

    @harness.over(('spawn', 'spawn_n'))
    def test_without_the_option(self, how):
        (self.worker,) = self.start()
        self.die(how)

    @harness.over(('none', 'threading', 'eventlet'))
    def test_threads(self, engine):
        (self.worker,) = self.start(engine, break_on_exception='true')
        self.die('thread')


class LateTest(harness.FunctionalTestCase):
    """A program that loads eventlet when its client has come."""

    def test_eventlet_comes_after_the_client(self):
        port = harness.free_port()
        path = os.path.join(self.directory, 'late.py')
        pathlib.Path(path).write_text(LATE)
        environ = dict(
            self.environ,
            OS_REMOTE_DEBUG__PORT=str(port),
            OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true',
            OS_REMOTE_DEBUG__BREAK_ON_EXCEPTION='true',
        )
        program = harness.Process(
            [harness.sys.executable, path], environ, 'late'
        )
        self.processes.append(program)
        client = wait_until('port', lambda: self.try_to_attach(port))
        for reason in ('late', 'late, too'):
            stop = client.wait_stopped('exception')
            self.assertEqual(line_of('perish', path), stop.line)
            self.assertEqual(repr(reason), stop.evaluate('reason'))
            stop.resume()
        self.assertEqual(0, program.wait())
        self.assertIn('DONE', program.log)
        client.root.leave()

    def try_to_attach(self, port):
        try:
            return self.attach(port)
        except ConnectionRefusedError:
            return None

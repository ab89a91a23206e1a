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

"""gunicorn, with each of its workers, under ``osdbg run``."""

import signal
import sys
import time

from tests.functional.harness import kill
from tests.functional.harness import osdbg_run
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.servers import program
from tests.functional.servers import ServerTestCase
from tests.functional.servers import STOP_SECONDS

# The worker's class and its threads.
KINDS = {
    'sync': ('sync', 1),
    'gthread': ('gthread', 4),
    'sync_preload': ('sync', 1),
    'gthread_preload': ('gthread', 4),
}
# gunicorn 26 has no worker for eventlet any more; which one is installed is
# said in test-requirements.txt.
HAS_EVENTLET = sys.version_info < (3, 13)
GREEN = ('eventlet', 'eventlet_preload') if HAS_EVENTLET else ()
LIFE = ('sync', 'gthread', *GREEN[:1])
CONFIG = '''
def post_worker_init(worker):
    worker.log.info("WORKER READY")
'''


class GunicornTestCase(ServerTestCase):
    def gunicorn(self, kind, workers=2):
        name, threads = KINDS.get(kind, (kind.partition('_')[0], 1))
        words = [program('gunicorn'), '--workers', str(workers)]
        words += ['--bind', f'127.0.0.1:{self.http_port}', '-k', name]
        if threads > 1:
            words += ['--threads', str(threads)]
        if kind.endswith('preload'):
            words.append('--preload')
        words += ['--config', self.write('gunicorn.conf.py', CONFIG)]
        return [*words, 'api_app:application']

    def run_gunicorn(self, kind, workers=2, **options):
        self.start(self.gunicorn(kind, workers), **options)
        # One that is just starting misses gunicorn's signals.
        self.server.wait_log('WORKER READY', workers)

    def attach_to(self, kind, workers=2):
        self.run_gunicorn(kind, workers)
        client = self.attach(self.port, 'handler', processes=workers)
        pids = set(client.attached())
        self.assertNotIn(self.server.pid, pids)
        return client, pids

    def successors(self, client, before, gone):
        # The first connection keeps the number of the worker it has lost.
        wait_until(
            'successors in the session',
            lambda: len(set(client.attached()) - before) == len(gone),
        )
        self.assertNotIn(self.stop_and_go(client), gone)


@spread
class KindsTest(GunicornTestCase):
    @over(KINDS)
    def test_every_worker_and_thread(self, kind):
        _client, pids = self.attach_to(kind)
        self.clients[0].detach()
        # Which worker takes a request is the kernel's choice: one is enough
        # for the threads.
        for _ in range(2):
            client = self.attach(self.port, 'handler', processes=2)
            self.assertEqual(pids, set(client.attached()))
            for _ in range(6):
                self.assertIn(self.stop_and_go(client), pids)
            self.log_threads(client)
            answers = self.fill(2 * KINDS[kind][1])
            self.assertEqual(
                set(answers), self.logged_threads(client, len(answers))
            )
            client.detach()
        self.check_untraced_again()
        self.check_stop()
        self.check_log()

    @over(GREEN)
    def test_green_workers(self, kind):
        client, pids = self.attach_to(kind)
        for _ in range(4):
            self.assertIn(self.stop_and_go(client), pids)
        client.detach()
        self.check_untraced_again()
        self.check_stop()

    def check_untraced_again(self):
        def untraced():
            answers = self.fill(8).values()
            return not any(answer['traced'] for answer in answers)

        wait_until('untraced threads', untraced)

    def test_gevent_is_refused(self):
        self.run_gunicorn('gevent', 1)
        self.assertEqual(200, self.get('/work')[0])
        client = self.client(self.port)
        with self.assertRaisesRegex(Exception, 'gevent'):
            client.attach()
        self.server.wait_log('gevent has patched')
        self.assertEqual(200, self.get('/work')[0])
        self.check_stop()


@spread
class LifeTest(GunicornTestCase):
    @over((*LIFE, 'sync_preload'))
    def test_reload(self, kind):
        client, before = self.attach_to(kind)
        self.server.signal(signal.SIGHUP)
        for pid in before:
            self.wait_dead(pid)
        self.successors(client, before, before)

    @over((*LIFE, 'gthread_preload'))
    def test_successor_of_a_killed_worker_joins(self, kind):
        client, before = self.attach_to(kind)
        victim = min(before)
        kill(victim)
        self.successors(client, before, {victim})

    @over(LIFE)
    def test_stops_as_quickly_as_without(self, kind):
        seconds = {}
        for runner in ((), osdbg_run(port=self.port)):
            self.run_gunicorn(kind, runner=runner)
            if runner:
                client = self.attach(self.port, 'handler', processes=2)
                self.stop_and_go(client)
            start = time.monotonic()
            self.check_stop()
            seconds[bool(runner)] = time.monotonic() - start
        self.assertLess(seconds[True], seconds[False] + STOP_SECONDS, seconds)

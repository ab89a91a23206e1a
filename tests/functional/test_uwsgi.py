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

"""uWSGI: forked in C, threads in C, and nothing in its files edited."""

import importlib.metadata
import os
import signal
import subprocess
import sys
import time

from tests.functional.harness import APP
from tests.functional.harness import kill
from tests.functional.harness import osdbg_run
from tests.functional.harness import over
from tests.functional.harness import PROGRAMS
from tests.functional.harness import ROOT
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.servers import program
from tests.functional.servers import ServerTestCase
from tests.functional.servers import STOP_SECONDS

MASTER = ('--master', '--enable-threads')
FILE = ('--wsgi-file', APP)
MODULE = ('--pythonpath', str(PROGRAMS), '--module', 'api_app:application')
# Options, processes, threads, and what clients call it.
WAYS = {
    'preforked': (
        (*MASTER, '--processes', '4', '--threads', '4', *FILE),
        *(4, 4, 'api_app'),
    ),
    'lazy': (
        (*MASTER, '--lazy-apps', '--processes', '3', *MODULE, '--need-app'),
        *(3, 1, 'api_app'),
    ),
    'one_process': ((*MASTER, *FILE), 1, 1, 'api_app'),
    'no_master': (('--threads', '2', *FILE), 1, 2, 'api_app'),
    'mount': (
        (*MASTER, '--threads', '2', '--manage-script-name', '--mount')
        + (f'/={APP}',),
        *(1, 2, 'api_app'),
    ),
    'virtualenv': (
        (*MASTER, '--home', sys.prefix, '--processes', '2', *MODULE),
        *(2, 1, 'api_app'),
    ),
    'fork_hooks': (
        (*MASTER, '--py-call-uwsgi-fork-hooks', '--processes', '2', *FILE),
        *(2, 1, 'api_app'),
    ),
    'after_fork': (
        (*MASTER, '--py-call-osafterfork', '--processes', '2', *FILE),
        *(2, 1, 'api_app'),
    ),
}
if sys.version_info >= (3, 13):
    # Python dies of it in every worker, with osdbg and without.
    del WAYS['after_fork']
HOOKS = '''
import uwsgi
import uwsgidecorators
from api_app import application

print("CLASS", type(uwsgi), flush=True)

@uwsgidecorators.postfork
def decorated():
    print("DECORATED", flush=True)

theirs = uwsgi.post_fork_hook

def hook():
    print("CHAINED", uwsgi.post_fork_hook is hook, type(uwsgi), flush=True)
    return theirs()

uwsgi.post_fork_hook = hook
'''
LEAKS = '''
import os, signal, sys
names = [n for n in os.environ if n.startswith(("OS_REMOTE", "OSDBG_"))]
names = [n for n in names if n not in ("OSDBG_SOCKET", "OSDBG_GATEWAY_GRACE")]
site = "_site" in os.environ["PYTHONPATH"]
print("LEFT", names, site, "osdbg" in sys.modules)
sys.stdout.flush()
signal.pause()
'''


def runs_threads():
    """Tell whether this uWSGI runs threads without being told to."""
    version = importlib.metadata.version('uwsgi')
    return tuple(map(int, version.split('.'))) > (2, 0, 26)


class UwsgiTestCase(ServerTestCase):
    def uwsgi(self, *options):
        return [
            program('uwsgi'),
            '--http-socket',
            f'127.0.0.1:{self.http_port}',
            '--die-on-term',
            *options,
        ]


@spread
class WaysTest(UwsgiTestCase):
    @over(WAYS)
    def test_every_thread_of_every_process(self, way):
        options, processes, threads, name = WAYS[way]
        self.start(self.uwsgi(*options))
        self.check_all(processes, threads)
        self.assertTrue(
            all(
                found['name'].startswith(f'{name} worker ')
                for found in self.clients[0].announced
            )
        )
        again = self.attach(self.port, 'handler', processes=processes)
        self.stop_and_go(again)
        again.detach()
        # What uWSGI ends with is different without a master.
        self.check_stop(code=0 if '--master' in options else 30)
        self.check_log()

    @over(('preforked', 'lazy'))
    def test_from_an_ini_file(self, way):
        options, processes, threads, _name = WAYS[way]
        done = subprocess.run(
            [sys.executable, '-m', 'osdbg', 'env', '--uwsgi']
            + ['--port', str(self.port), '--name', '50% "mine"'],
            stdout=subprocess.PIPE,
            env=self.environ,
            check=True,
            text=True,
        )
        # osdbg may be here without being installed.
        text = done.stdout.replace('/osdbg/_site', f'/osdbg/_site:{ROOT}')
        path = self.write('uwsgi.ini', f'[uwsgi]\n{text}')
        self.start(
            self.uwsgi('--ini', path, *options),
            runner=(),
            environ={'PYTHONPATH': ''},
        )
        pids = self.check_all(processes, threads)
        for found in self.clients[0].announced:
            self.assertRegex(found['name'], '^50% "mine" worker ')
        self.server.signal(signal.SIGHUP)
        for pid in pids:
            self.wait_dead(pid)
        self.wait_ready()
        self.check_all(processes, threads)


@spread
class LifeTest(UwsgiTestCase):
    def attach_to(self, way, *options):
        words, processes, _threads, _name = WAYS[way]
        self.start(self.uwsgi(*words, *options))
        client = self.attach(self.port, 'handler', processes=processes)
        return client, set(client.attached())

    def wait_successors(self, client, before):
        def successors():
            return len(set(client.attached()) - before) == len(before)

        wait_until('successors in the session', successors)
        for _ in range(3):
            self.assertNotIn(self.stop_and_go(client), before)

    @over(('preforked', 'lazy'))
    def test_reload_with_a_client(self, way):
        client, before = self.attach_to(way)
        self.server.signal(signal.SIGHUP)
        for pid in before:
            self.wait_dead(pid)
        client.hang_up()
        self.wait_ready()
        client = self.attach(self.port, 'handler', processes=len(before))
        self.wait_successors(client, before)
        client.detach()
        self.check_stop()
        self.check_log()

    @over(('preforked', 'lazy'))
    def test_reload_twice(self, way):
        _words, processes, threads, _name = WAYS[way]
        client, before = self.attach_to(way)
        client.detach()
        for _ in range(2):
            self.server.signal(signal.SIGHUP)
            for pid in before:
                self.wait_dead(pid)
            self.wait_ready()
            before = self.check_all(processes, threads)

    @over(('preforked', 'lazy'))
    def test_touch_reload(self, way):
        touched = self.write('touched', '')
        client, before = self.attach_to(way, '--touch-reload', touched)
        client.detach()
        time.sleep(1)  # uWSGI looks at whole seconds
        os.utime(touched)
        for pid in before:
            self.wait_dead(pid)
        self.wait_ready()
        client = self.attach(self.port, 'handler', processes=len(before))
        self.wait_successors(client, before)

    @over(('preforked', 'lazy'))
    def test_successor_of_a_killed_worker_joins(self, way):
        client, before = self.attach_to(way)
        victim = min(before)
        kill(victim)
        wait_until(
            'successor in the session',
            lambda: set(client.attached()) - before,
        )
        for _ in range(3):
            self.assertNotEqual(victim, self.stop_and_go(client))

    def test_stops_while_a_request_stands_at_a_breakpoint(self):
        client, _pids = self.attach_to(
            'one_process', '--worker-reload-mercy=2'
        )
        self.get_later('/work')
        client.wait_stopped()
        self.check_stop()

    def test_stops_as_quickly_as_without(self):
        seconds = {}
        for runner in ((), osdbg_run(port=self.port)):
            self.start(self.uwsgi(*WAYS['preforked'][0]), runner=runner)
            # A worker that is just starting misses uWSGI's signal.
            self.fill_all(16)
            if runner:
                self.check_all(4, 4)
            start = time.monotonic()
            self.check_stop()
            seconds[bool(runner)] = time.monotonic() - start
        self.assertLess(seconds[True], seconds[False] + STOP_SECONDS, seconds)


class NeighboursTest(UwsgiTestCase):
    def test_hooks_of_others_are_called(self):
        path = self.write('hooks.py', HOOKS)
        self.start(
            self.uwsgi(*MASTER, '--processes', '2', '--wsgi-file', path)
        )
        self.server.wait_log('DECORATED', 2)
        chained = self.server.wait_log(r'CHAINED (.*)', 2)
        for found in chained:
            self.assertEqual("True <class 'module'>", found.group(1).strip())
        self.attach(self.port, 'handler', processes=2)

    def test_nothing_is_left_to_what_it_starts(self):
        path = self.write('leaks.py', LEAKS)
        self.start(
            self.uwsgi(*MASTER, *FILE)
            + ['--attach-daemon', f'{sys.executable} {path}']
        )
        found = self.server.wait_log(r'LEFT (.*)')[0]
        self.assertEqual('[] False False', found.group(1).strip())
        environ = self.get('/state')[1]['environ']
        self.assertNotIn('OSDBG_ONLY', environ)
        self.assertNotIn('_site', environ['PYTHONPATH'])
        self.check_stop()

    def test_a_port_that_is_taken_harms_nobody(self):
        self.hold_port(self.port)
        self.start(self.uwsgi(*MASTER, '--need-app', *FILE))
        self.assertEqual(200, self.get('/work')[0])
        self.server.wait_log(f'debug port 127.0.0.1:{self.port} cannot be')
        self.check_stop()

    def test_a_required_debugger_that_cannot_be_had(self):
        self.hold_port(self.port)
        self.start(
            self.uwsgi(*MASTER, '--processes', '2', *FILE),
            '--required',
            ready=False,
        )
        self.server.wait(15)
        self.server.wait_log(f'debug port 127.0.0.1:{self.port} cannot be')

    def test_threads_that_are_not_enabled(self):
        self.start(self.uwsgi('--master', '--processes', '2', *FILE))
        if runs_threads():
            self.check_all(2)
            return
        self.server.wait_log('enable-threads = true')
        self.assertEqual(200, self.get('/work')[0])
        kill(self.get('/pid')[1]['pid'])
        self.wait_ready()
        self.check_stop()
        self.check_log('enable-threads = true')

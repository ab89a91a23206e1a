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

"""``osdbg doctor``: the debugger, the port, the server, and what is around."""

import os
import shutil
import sys
import unittest

from tests.faults.clock import Clock
from tests.functional import debuggers
from tests.functional import doctor_case
from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import PROGRAMS
from tests.functional.harness import ROOT
from tests.functional.harness import wait_until
from tests.functional.servers import program
from tests.functional.servers import ServerTestCase
from tests.functional.test_uwsgi import runs_threads
from tests.unit import amqp_broker

SERVICE = '''
import osdbg, signal
osdbg.init()
{more}
print("READY", flush=True)
signal.pause()
'''
APACHE = shutil.which('apache2')
MOD_WSGI = '/usr/lib/apache2/modules/mod_wsgi.so'
HTTPD = '''
ServerRoot {home}
PidFile {home}/pid
ErrorLog {home}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGIScriptAlias / {app}
<Directory {programs}>
Require all granted
</Directory>
'''
IS_ROOT = os.geteuid() == 0


class PartsTestCase(doctor_case.DoctorTestCase):
    def start(
        self,
        more='',
        *flags,
        runner=(),
        python=None,
        arguments=(),
        **options,
    ):
        """Start a service, and wait until it is armed."""
        options.setdefault('port', free_port())
        self.port = options['port']
        path = self.file('svc.py', SERVICE.format(more=more))
        variables = {
            f'OS_REMOTE_DEBUG__{name.upper()}': str(value)
            for name, value in options.items()
            if value is not None
        }
        process = self.play(
            *runner,
            python or sys.executable,
            *flags,
            path,
            *arguments,
            environ=variables,
        )
        self.wait_armed()
        return process

    def wait_armed(self, count=1):
        def armed():
            workers = [
                told
                for told in self.processes_told().values()
                if told['worker'] is not None
            ]
            return workers if len(workers) >= count else None

        return wait_until('armed service', armed)


class DebuggerTest(PartsTestCase):
    def test_backend(self):
        self.start()
        self.assertIn('debugpy', self.find('backend')['what'])
        client = self.attach(self.port)
        self.assertIn('_vendored', self.find('backend')['what'])
        client.detach()

    def test_patched(self):
        self.start()
        self.assertIn('nothing', self.find('patched')['what'])

    def test_patched_by_eventlet(self):
        self.start_service(engine='eventlet', port=free_port())
        self.wait_armed()
        self.assertIn('threading', self.find('patched')['what'])

    def test_not_loadable(self):
        self.start('import gevent.monkey; gevent.monkey.patch_all()')
        finding = self.find('not-loadable')
        self.assertIn('gevent has patched', finding['what'])

    def test_two_pydevds(self):
        both = os.path.join(self.directory, 'both')
        for backend in debuggers.BACKENDS:
            shutil.copytree(
                debuggers.require(backend), both, dirs_exist_ok=True
            )
        self.start(f'import sys; sys.path.append({both!r})')
        self.assertIn(both, self.find('two-pydevds')['what'])

    def test_eventlet_ignored(self):
        self.start_service(
            engine='eventlet', port=free_port(), eventlet='ignore'
        )
        self.wait_armed()
        self.find('eventlet-ignored')

    def test_threads_unpatched(self):
        self.start(eventlet='unpatch_thread')
        self.find('threads-unpatched')

    def test_optimized(self):
        self.start('', '-OO')
        self.assertIn('-OO', self.find('optimized')['what'])


class PortTest(PartsTestCase):
    def test_reached(self):
        self.start()
        what = self.find('reached')['what']
        self.assertIn(f'process {self.gateway()}', what)

    def test_port_trouble(self):
        port = free_port()
        holder = self.hold_port(port)
        self.start(port=port)
        wait_until(
            'trouble',
            lambda: any(t['trouble'] for t in self.processes_told().values()),
        )
        what = self.find('port-trouble')['what']
        self.assertIn(f'process {holder.pid}', what)

    def test_unreachable(self):
        path = os.path.join(self.directory, 'debug')
        self.start(port=None, host=f'unix:{path}')
        wait_until('socket', lambda: os.path.exists(path))
        self.assert_healthy()
        os.unlink(path)
        self.assertIn(path, self.find('unreachable')['what'])

    def test_no_ide(self):
        self.start(direction='connect')
        finding = self.find('no-ide')
        self.assertIn(str(self.port), finding['type'])

    def test_ide_listens(self):
        port = free_port()
        holder = self.hold_port(port)
        self.start(direction='connect', port=port)
        what = self.find('listens')['what']
        self.assertIn(f'process {holder.pid}', what)


class ServerTest(doctor_case.DoctorTestCase, ServerTestCase):
    def uwsgi(self, *options):
        return [
            program('uwsgi'),
            '--http-socket',
            f'127.0.0.1:{self.http_port}',
            *('--die-on-term', '--master', '--wsgi-file', APP),
            *options,
        ]

    def wait_armed(self):
        wait_until('armed worker', self.processes_told)

    def test_harakiri(self):
        self.start(self.uwsgi('--enable-threads', '--harakiri', '77'))
        self.wait_armed()
        self.assertIn('77 s', self.find('harakiri')['what'])

    def test_gunicorn_timeout(self):
        words = [program('gunicorn'), '--bind', f'127.0.0.1:{self.http_port}']
        self.start([*words, '--timeout', '44', 'api_app:application'])
        self.wait_armed()
        self.assertIn('44 s', self.find('gunicorn-timeout')['what'])

    @unittest.skipIf(
        sys.version_info >= (3, 13), 'no uWSGI before 2.0.27 compiles on it'
    )
    def test_uwsgi_threads(self):
        home = debuggers.require_old_uwsgi()
        self.environ['PYTHONPATH'] += f'{os.pathsep}{home}'
        _, *options = self.uwsgi()
        words = [os.path.join(home, 'bin', 'uwsgi'), *options]
        self.start(words, runner=())
        self.find('uwsgi-threads', self.server.pid)
        self.server.stop()
        self.start([*words, '--enable-threads'], runner=())
        self.assert_absent('uwsgi-threads', self.server.pid)

    @unittest.skipUnless(runs_threads(), 'this uWSGI is an old one')
    def test_uwsgi_runs_threads(self):
        self.start(self.uwsgi(), runner=())
        self.assert_absent('uwsgi-threads', self.server.pid)


@unittest.skipUnless(
    IS_ROOT and APACHE and os.path.exists(MOD_WSGI),
    'takes root, and Debian\'s apache2 and libapache2-mod-wsgi-py3',
)
class ModWsgiTest(doctor_case.DoctorTestCase):
    def test_mod_wsgi(self):
        port = free_port()
        config = self.file(
            'httpd.conf',
            HTTPD.format(
                home=self.directory,
                port=port,
                modules=os.path.dirname(MOD_WSGI),
                app=APP,
                programs=PROGRAMS,
            ),
        )
        process = self.play(
            APACHE,
            '-D',
            'FOREGROUND',
            '-f',
            config,
            '-e',
            'info',
            say='configured -- resuming|DocumentRoot|AH00',
        )
        finding = self.find('mod-wsgi', process.pid)
        self.assertIn('/etc/apache2/envvars', finding['type'])
        process.stop()


@unittest.skipUnless(IS_ROOT, 'a namespace takes root')
class ContainerTest(PartsTestCase):
    def test_other_network(self):
        path = self.file('svc.py', SERVICE.format(more=''))
        self.play(
            *('unshare', '--net', sys.executable, path),
            environ={'OS_REMOTE_DEBUG__PORT': str(free_port())},
        )
        pid = self.processes[-1].pid
        finding = self.find('other-network', pid)
        self.assertIn(f'nsenter -t {pid} -n', finding['type'])
        self.assert_absent('nobody-calls', pid)

    def test_other_files(self):
        self.start(runner=('unshare', '--mount', '--propagation', 'unchanged'))
        self.find('other-files')

    def test_other_numbers(self):
        self.start(runner=('unshare', '--pid', '--fork', '--kill-child'))
        self.assertIn('process id is 1 ', self.find('other-numbers')['what'])


class ClockTest(PartsTestCase):
    def test_clock(self):
        home = os.path.join(self.directory, 'clock')
        os.mkdir(home)
        clock = Clock(home)
        self.start(python=clock.python)
        found = self.doctor()
        self.assertNotIn('clock-differs', found)
        self.assertNotIn('clock-jumped', found)
        clock.jump(-3600)
        for name in ('clock-differs', 'clock-jumped'):
            self.assertRegex(self.find(name)['what'], '3(600|599) s behind')


class HeartbeatsTest(PartsTestCase):
    def connect(self, **options):
        broker = amqp_broker.Broker(17)
        self.addCleanup(broker.close)
        process = self.start(
            f'''
import amqp
connection = amqp.Connection({broker.address!r}, heartbeat=17,
                             login_method='PLAIN')
connection.connect()
''',
            **options,
        )
        broker.agreed()
        return process

    def test_heartbeats(self):
        self.connect()
        found = self.doctor()
        (finding,) = found['heartbeats']
        self.assertIn('1 connections to RabbitMQ', finding['what'])
        self.assertIn('17 s', finding['what'])
        self.assertIn('rpc_response_timeout = 60', found['driver'][0]['what'])

    def test_heartbeats_that_are_kept(self):
        self.connect(keep_heartbeats='true')
        self.assert_absent('heartbeats')

    def test_driver_settings(self):
        path = self.file(
            'svc.conf',
            '[DEFAULT]\nrpc_response_timeout = 123\n'
            '[oslo_messaging_rabbit]\nheartbeat_rate = 9\n',
        )
        self.connect(arguments=('--config-file', path))
        what = self.find('driver')['what']
        self.assertIn('rpc_response_timeout = 123', what)
        self.assertIn('heartbeat_rate = 9', what)
        self.assertIn('heartbeat_timeout_threshold = 60', what)

    def test_watchdog(self):
        self.environ['NOTIFY_SOCKET'] = '@nobody-listens'
        self.environ['WATCHDOG_USEC'] = '30000000'
        process = self.start()
        self.assertIn('30 s', self.find('watchdog')['what'])
        process.stop()
        wait_until('end', lambda: not self.processes_told())
        self.start(keep_heartbeats='true')
        self.assert_absent('watchdog')


class VersionsTest(PartsTestCase):
    def test_table(self):
        self.start()
        self.doctor()
        rows = {row['PACKAGE']: row for row in self.told['versions']}
        self.assertEqual(rows['Python']['svc'], rows['Python']['THIS COMMAND'])
        self.assertRegex(rows['debugpy']['svc'], r'^\d+\.')

    def test_another_osdbg(self):
        home = os.path.join(self.directory, 'other')
        shutil.copytree(os.path.join(ROOT, 'osdbg'), f'{home}/osdbg')
        before = self.environ['PYTHONPATH']
        self.environ['PYTHONPATH'] = home
        self.start()
        self.environ['PYTHONPATH'] = before
        found = self.doctor()
        runners = {
            each['what'].split(' runs ')[0] for each in found['osdbg-differs']
        }
        self.assertEqual({'it', 'the gateway'}, runners)
        self.assertNotIn('osdbg-replaced', found)

        def replaced():
            # When a process started is known to a second.
            os.utime(f'{home}/osdbg/agent.py')
            return 'osdbg-replaced' in self.doctor()

        wait_until('replaced osdbg', replaced)

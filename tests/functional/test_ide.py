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

"""``osdbg ide`` writes what clients need of services that run."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from osdbg.ide import jsonc
from tests.functional import dap
from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until

ENGINES = ('eventlet', 'threading', 'none')
SCRIPT = '''\
import time
import osdbg
import appkg.work
import appkgx.work
osdbg.init()
while True:
    appkg.work.step()
    appkgx.work.step()
    time.sleep(0.05)
'''
STEP = 'def step():\n    return 1\n'
STEP_LINE = 2
MINE = '''\
{
    // Mine.
    "version": "0.2.0",
    "configurations": [
        {"name": "mine", "type": "debugpy"}, // keep
    ]
}
'''


class IdeTestCase(harness.FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.directory, 'home').resolve()
        self.home.mkdir()

    def ide(self, *words):
        """Run the command where the IDE is opened."""
        return subprocess.run(
            [sys.executable, '-m', 'osdbg', 'ide', *map(str, words)],
            cwd=self.home,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=harness.TIMEOUT,
        )

    def done(self, *words):
        """Return what it says when all is well."""
        done = self.ide(*words)
        self.assertEqual((0, ''), (done.returncode, done.stderr), done)
        return done.stdout

    def refused(self, *words):
        """Return the one line that it says when it does nothing."""
        done = self.ide(*words)
        self.assertEqual((1, ''), (done.returncode, done.stdout), done)
        (line,) = done.stderr.splitlines()
        return line

    def told(self, *words):
        return json.loads(self.done(*words, '--json'))

    def launch(self):
        """Return launch.json, as VS Code reads it."""
        text = (self.home / '.vscode/launch.json').read_text()
        return jsonc.read(text.replace('${workspaceFolder}', str(self.home)))

    def start(self, name='api', **options):
        options.setdefault('port', free_port())
        service = self.start_service(name=name, **options)
        self.wait_armed(name)
        return service

    def wait_armed(self, name):
        wait_until(
            f'armed {name}', lambda: f' {name} ' in self.osdbg('ps').stdout
        )

    def client_of(self, configuration):
        """Return a client that does as a configuration says."""
        client = dap.Client(
            configuration['connect']['port'],
            configuration['connect']['host'],
            timeout=harness.TIMEOUT,
        )
        self.clients.append(client)
        client.attach_arguments.update(configuration)
        return client


@spread
class StopTest(IdeTestCase):
    @over(ENGINES)
    def test_one_configuration_stops_in_each_worker(self, engine):
        copy = shutil.copy(harness.APP, self.home)
        service = self.start(engine=engine, workers=2)
        told = self.done('vscode')
        self.assertIn('"osdbg: api"', told)
        (configuration,) = self.launch()['configurations']
        client = self.client_of(configuration)
        client.break_at(copy, harness.line_of('handler'))
        client.attach()
        client.wait_attached(2)
        for worker in service.workers():
            pending = worker.get_later('/work')
            stop = client.wait_stopped()
            self.assertEqual(copy, stop.path)
            self.assertEqual(worker.pid, stop.session.pid)
            stop.resume()
            self.assert_answered(pending, pid=worker.pid)
        client.detach()


class PackageTest(IdeTestCase):
    """Beside the package there is one whose name begins as its own does."""

    def setUp(self):
        super().setUp()
        self.make('remote')

    def make(self, name):
        self.remote = pathlib.Path(self.directory, name).resolve()
        self.here = self.home / 'src/appkg'
        for directory in (
            self.here,
            self.remote / 'appkg',
            self.remote / 'appkgx',
        ):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / '__init__.py').touch()
            (directory / 'work.py').write_text(STEP)
        self.script = self.remote / 'serve.py'
        self.script.write_text(SCRIPT)

    def serve(self, **options):
        environ = dict(self.environ)
        for name, value in {'port': free_port(), **options}.items():
            environ[f'OS_REMOTE_DEBUG__{name.upper()}'] = str(value)
        argv = [sys.executable, str(self.script)]
        self.processes.append(harness.Process(argv, environ, 'serve'))
        self.wait_armed('serve')

    def stop_in_both(self, configuration):
        client = self.client_of(configuration)
        places = [self.here / 'work.py', self.remote / 'appkgx/work.py']
        for place in places:
            client.break_at(str(place), STEP_LINE)
        client.attach()
        stops = []
        for _ in places:
            stop = client.wait_stopped()
            stops.append(stop.path)
            stop.resume()
        self.assertEqual(sorted(map(str, places)), sorted(stops))

    def test_a_neighbour_is_not_mapped(self):
        self.serve()
        told = self.told('vscode')
        self.assertEqual(
            [
                {
                    'package': 'appkg',
                    'local': f'{self.here}/',
                    'remote': f'{self.remote}/appkg/',
                }
            ],
            told['mapped'],
        )
        self.assertIn('appkgx', told['missing'])
        (configuration,) = self.launch()['configurations']
        self.stop_in_both(configuration)

    def test_what_a_terminal_would_obey(self):
        self.make('\x1b[2Jremote')
        self.serve(path_mappings='/a=/\x1b[2J')
        done = self.ide('vscode', '--print')
        self.assertEqual(0, done.returncode)
        self.assertNotIn('\x1b', done.stdout + done.stderr)
        self.assertEqual([], self.told('vscode')['mapped'])

    def test_nor_by_the_service(self):
        self.serve(path_mappings=f'{self.here}={self.remote}/appkg')
        self.done('vscode')
        (configuration,) = self.launch()['configurations']
        del configuration['pathMappings']  # which would come instead
        self.stop_in_both(configuration)


class WriteTest(IdeTestCase):
    def test_a_file_of_mine(self):
        path = self.home / '.vscode/launch.json'
        path.parent.mkdir()
        path.write_text(MINE)
        path.chmod(0o640)
        self.start()
        self.assertIn(f'{path}: changed\n', self.done('vscode'))
        text = path.read_text()
        for line in MINE.splitlines():
            self.assertIn(line, text)
        self.assertEqual(0o640, path.stat().st_mode & 0o777)
        before = path.stat().st_mtime_ns
        self.assertIn(f'{path}: unchanged\n', self.done('vscode'))
        self.assertEqual(before, path.stat().st_mtime_ns)

    def test_a_broken_file_is_left_alone(self):
        path = self.home / '.vscode/launch.json'
        path.parent.mkdir()
        path.write_text(MINE.replace('[', ''))
        line = self.refused('vscode', '--port', '5678')
        self.assertRegex(line, f'^osdbg ide: {path}, line 6: .* --print')
        self.assertEqual(MINE.replace('[', ''), path.read_text())

    def test_what_is_there_outlives_a_service_that_is_stopped(self):
        service = self.start()
        self.done('vscode', '--map', f'{self.home}=/opt/nova')
        before = (self.home / '.vscode/launch.json').read_text()
        (worker,) = service.wait_workers()
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            line = self.refused('vscode')
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        self.assertIn(f'type kill -CONT {worker.pid}', line)
        after = (self.home / '.vscode/launch.json').read_text()
        self.assertEqual(before, after)

    def test_several_ports(self):
        ports = free_port(), free_port()
        for name, port in zip(('api', 'conductor'), ports):
            self.start(name, port=port)
        self.start('prompted', backend='remote_pdb')
        told = self.done('vscode')
        self.assertIn('prompted is debugged by remote_pdb', told)
        launch = self.launch()
        self.assertEqual(
            [('osdbg: api', ports[0]), ('osdbg: conductor', ports[1])],
            [
                (found['name'], found['connect']['port'])
                for found in launch['configurations']
            ],
        )
        (compound,) = launch['compounds']
        self.assertEqual(
            ['osdbg: api', 'osdbg: conductor'], compound['configurations']
        )
        self.done('pycharm-dap', 'api')
        self.assertEqual(['osdbg-api.run.xml'], os.listdir(self.home / '.run'))
        self.done('pycharm-dap')
        self.assertIn('osdbg-all.run.xml', os.listdir(self.home / '.run'))

    def test_one_port_and_one_name_twice(self):
        port = free_port()
        self.start('api', port=port)
        self.start('conductor', port=port)
        self.assertEqual(
            [f'osdbg: port {port}'], self.told('vscode')['configurations']
        )
        other = free_port()
        self.start('api', port=other)
        self.assertEqual(
            {f'osdbg: port {port}', f'osdbg: api ({other})'},
            set(self.told('vscode')['configurations']),
        )
        self.assertEqual(
            {f'osdbg: api ({port})', f'osdbg: api ({other})'},
            set(self.told('vscode', 'api')['configurations']),
        )

    def test_print_writes_nothing(self):
        self.start()
        done = self.ide('vscode', '--print')
        self.assertEqual(0, done.returncode)
        found = json.loads(done.stdout)['configurations']
        self.assertEqual(['osdbg: api'], [c['name'] for c in found])
        self.assertIn('VS Code:', done.stderr)
        self.assertEqual([], os.listdir(self.home))

    def test_a_name_that_is_empty(self):
        self.start()
        self.assertIn('write one of api', self.refused('vscode', ''))
        self.assertEqual([], os.listdir(self.home))

    def test_output(self):
        path = pathlib.Path(self.directory, 'else', '.zed', 'debug.json')
        self.done('zed', '--port', '5678', '--output', path)
        (found,) = jsonc.read(path.read_text())
        self.assertEqual('osdbg: port 5678', found['label'])


class PathsTest(IdeTestCase):
    def test_written_down(self):
        self.start(path_mappings='/me/a=/opt/a,/me/b=/opt/b')
        self.done('vscode', '--map', '/mine/a=/opt/a/deep')
        (configuration,) = self.launch()['configurations']
        self.assertEqual(
            [
                ('/mine/a/', '/opt/a/deep/'),
                ('/me/a/', '/opt/a/'),
                ('/me/b/', '/opt/b/'),
            ],
            [
                (pair['localRoot'], pair['remoteRoot'])
                for pair in configuration['pathMappings']
            ],
        )

    def test_run_from_here(self):
        self.start()
        told = self.told('vscode', '--source', harness.PROGRAMS)
        self.assertIn('api_app', told['same'])
        self.assertEqual([], told['mapped'])
        (configuration,) = self.launch()['configurations']
        self.assertNotIn('pathMappings', configuration)

    def test_a_source_without_any(self):
        self.start()
        line = self.refused('vscode', '--source', '.')
        self.assertRegex(
            line, rf'--source {self.home} holds none of the \d+ packages that '
        )
        self.assertEqual([], os.listdir(self.home))
        line = self.refused('vscode', '--source', 'nowhere')
        self.assertIn('nowhere is no directory', line)


class AddressTest(IdeTestCase):
    def test_a_unix_socket(self):
        path = os.path.join(self.directory, 'debug')
        self.start_service(name='api', host=f'unix:{path}')
        self.wait_armed('api')
        told = self.done('vscode')
        self.assertIn(f'machine of the IDE: ssh -L 5678:{path} HOST', told)
        (configuration,) = self.launch()['configurations']
        self.assertEqual(
            {'host': '127.0.0.1', 'port': 5678}, configuration['connect']
        )

    def test_the_ide_listens(self):
        port = free_port()
        self.start(direction='connect', port=port)
        self.done('vscode')
        (configuration,) = self.launch()['configurations']
        self.assertEqual(
            {'host': '127.0.0.1', 'port': port}, configuration['listen']
        )
        line = self.refused('vimspector')
        self.assertIn('vimspector does not listen', line)

    def test_on_demand(self):
        self.start(activate='on_demand')
        self.assertIn('type osdbg open api', self.done('vscode'))

    def test_nothing_runs(self):
        self.assertIn('with --port', self.refused('vscode'))
        self.done('vscode', '--port', '5678', '--name', 'nova-api')
        (configuration,) = self.launch()['configurations']
        self.assertEqual('osdbg: nova-api', configuration['name'])
        self.done('vscode', '--host', 'unix:/run/nova/debug')
        self.assertIn('--port', self.refused('vscode', '--host', 'example'))


class OtherDebuggerTest(IdeTestCase):
    def test_what_to_type(self):
        self.start('api')
        self.start('prompted', backend='remote_pdb')
        for words, typed in (
            (('pycharm', 'api'), 'type osdbg ide vscode api, or set'),
            (('pydev', 'api'), 'type osdbg ide vscode api, or set'),
            (('vscode', 'prompted'), 'type osdbg attach prompted'),
            (('vscode', 'nobody'), 'nobody is not armed'),
            (('pydev',), 'backend = pydevd'),
        ):
            with self.subTest(words):
                self.assertIn(typed, self.refused(*words))


class RealEditorsTest(IdeTestCase):
    """What is written for editors is what they read."""

    def setUp(self):
        super().setUp()
        self.start(path_mappings='/me/"a"=/opt/a')

    def test_lua(self):
        self.done('nvim')
        program = '''
            local dap = { adapters = {}, configurations = {} }
            package.preload.dap = function() return dap end
            dofile('.nvim.lua')
            local found = dap.configurations.python[1]
            local path = found.pathMappings[1]
            print(found.name, found.request, found.justMyCode)
            print(path.localRoot, path.remoteRoot)
            dap.adapters[found.type](function(adapter)
                print(adapter.type, adapter.host,
                      adapter.port == found.connect.port)
            end, found)
        '''
        done = subprocess.run(
            ['lua5.1', '-'],
            input=program,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=harness.TIMEOUT,
        )
        self.assertEqual(
            'osdbg: api\tattach\tfalse\n'
            '/me/"a"/\t/opt/a/\n'
            'server\t127.0.0.1\ttrue\n',
            done.stdout,
            done.stderr,
        )

    def emacs(self, *forms):
        """Return what Emacs prints once it has read our file."""
        words = ['emacs', '--batch', '--no-site-file']
        for form in forms:
            words += ['--eval', form]
        done = subprocess.run(
            words,
            cwd=self.home,
            env={**os.environ, 'HOME': str(self.home)},
            capture_output=True,
            text=True,
            # It loads and compiles a hundred libraries.
            timeout=4 * harness.TIMEOUT,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def test_dape(self):
        self.done('emacs')
        found = self.emacs(
            '(defvar dape-configs nil)',
            "(provide 'dape)",
            '(load-file "osdbg.el")',
            '(load-file "osdbg.el")',
            "(require 'json)",
            '(princ (json-encode (vconcat (mapcar (lambda (c) (list'
            " :host (plist-get (cdr c) 'host)"
            ' :sent (memq :type c))) dape-configs))))',
        )
        (configuration,) = found
        self.assertEqual('127.0.0.1', configuration['host'])
        sent = configuration['sent']
        self.assertEqual('/me/"a"/', sent['pathMappings'][0]['localRoot'])
        self.assertIs(False, sent['justMyCode'])

    def test_dap_mode(self):
        """The real one: from it comes what it will do."""
        self.done('emacs')
        found = self.emacs(
            "(package-initialize)",
            '(load-file "osdbg.el")',
            "(require 'dap-mode)",
            "(require 'json)",
            '(princ (json-encode (dap-python--populate-start-file-args'
            ' (copy-tree (cdr (assoc "osdbg: api"'
            ' dap-debug-template-configurations))))))',
        )
        self.assertEqual('127.0.0.1', found['host'])
        self.assertEqual('attach', found['request'])
        self.assertIsInstance(found['debugServer'], int)
        self.assertIs(False, found['justMyCode'])
        self.assertEqual('/opt/a/', found['pathMappings'][0]['remoteRoot'])

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

"""The programs that the documentation shows, run as they stand there."""

import configparser
import http.client
import os
import pathlib
import re
import shlex
import sys

from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import Pending
from tests.functional.harness import Process
from tests.functional.harness import ROOT
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.terminal import Socket

SOURCE = pathlib.Path(ROOT, 'doc', 'source')
EXAMPLES = SOURCE / 'examples'
HELLO = str(EXAMPLES / 'hello.py')
LINE = next(
    number
    for number, line in enumerate(pathlib.Path(HELLO).open(), 1)
    if line.endswith('# stop here\n')
)
# What runner_integration.py finds its way into.
RUNNER = '''
class Worker:
    def __init__(self, conf):
        self.conf = conf

    def run(self):
        import hello
        hello.serve()
'''
RUN = '''
import sys
import hello
from osdbg import integrations
integrations.enable()
from runner import process
hello.CONF(sys.argv[1:], project='hello')
process.Worker(hello.CONF).run()
'''


class ExampleTestCase(FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.http_port = free_port()
        folders = [str(EXAMPLES), self.directory, self.environ['PYTHONPATH']]
        self.environ['PYTHONPATH'] = os.pathsep.join(folders)

    def file(self, name, text):
        path = pathlib.Path(self.directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def plug_in(self):
        """Install setup.cfg, so far as to be found by its entry points."""
        config = configparser.ConfigParser()
        config.read(EXAMPLES / 'setup.cfg')
        groups = config['options.entry_points'].items()
        names = '\n'.join(f'[{name}]{entry}' for name, entry in groups)
        self.file('plugin-1.dist-info/METADATA', 'Name: plugin\nVersion: 1\n')
        self.file('plugin-1.dist-info/entry_points.txt', names)

    def config(self, debug=True, **options):
        lines = ['[DEFAULT]', f'bind_port = {self.http_port}']
        if debug:
            lines += ['[remote_debug]', f'port = {self.port}']
            lines += [f'{name} = {value}' for name, value in options.items()]
        return self.file('hello.conf', '\n'.join(lines))

    def start(self, program, *arguments, runner=(), config=None):
        """Start a program, and wait until it serves."""
        program = str(EXAMPLES / program)
        argv = [*runner, sys.executable, program]
        argv += ['--config-file', config or self.config(), *arguments]
        self.service = Process(argv, self.environ, 'example')
        self.processes.append(self.service)
        wait_until('service', self.serves)

    def serves(self):
        try:
            return self.get('/nobody')[0] == 200
        except OSError:
            assert self.service.returncode is None, self.service.log
            return False

    def get(self, path):
        line = http.client.HTTPConnection(
            '127.0.0.1', self.http_port, timeout=TIMEOUT
        )
        try:
            line.request('GET', path, headers={'Connection': 'close'})
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def debug(self, workers=2):
        """Attach, stop in a request, look, and let it be answered."""
        client = self.client(self.port)
        client.break_at(HELLO, LINE)
        client.attach()
        client.wait_attached(workers)
        pending = Pending(lambda: self.get('/ada'))
        stop = client.wait_stopped()
        self.assertEqual((HELLO, LINE), (stop.path, stop.line))
        self.assertEqual("'Ada'", stop.evaluate('name'))
        stop.resume()
        status, text = pending.result()
        self.assertEqual(200, status)
        self.assertRegex(text, r'^Hello Ada, from process \d+\n$')
        client.detach()


class ServicesTest(ExampleTestCase):
    def test_hello_under_run(self):
        words = [sys.executable, '-m', 'osdbg', 'run', '--port']
        self.start(
            'hello.py',
            runner=[*words, str(self.port), '--'],
            config=self.config(debug=False),
        )
        self.debug()

    def test_init(self):
        self.start('init.py')
        self.debug()

    def test_init_has_options_on_the_command_line(self):
        self.start(
            'init.py',
            '--remote_debug-port',
            str(self.port),
            config=self.config(debug=False),
        )
        self.debug()

    def test_mixin(self):
        self.start('mixin.py')
        self.debug()

    def test_enable(self):
        self.start('enable.py')
        self.debug()

    def test_paste(self):
        text = (EXAMPLES / 'api-paste.ini').read_text()
        ini = self.file('api-paste.ini', text.replace('5678', str(self.port)))
        self.start('paste_app.py', ini, config=self.config(debug=False))
        self.debug(workers=1)

    def test_runner_integration(self):
        self.plug_in()
        self.file('runner/process.py', RUNNER)
        program = self.file('program.py', RUN)
        self.start(program)
        self.debug()


class WrapTest(ExampleTestCase):
    def test_wrap(self):
        self.start('wrap.py')
        client = self.client(self.port)
        client.attach()
        client.wait_attached(1)
        pending = Pending(lambda: self.get('/ada'))
        stop = client.wait_stopped()
        self.assertEqual((HELLO, 'greet'), (stop.path, stop.function))
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        client.detach()


class OnDemandTest(ExampleTestCase):
    def test_on_demand(self):
        self.start(
            'on_demand.py',
            config=self.config(activate='on_demand', name='hello'),
        )
        self.assertEqual(200, self.get('/open')[0])
        self.service.wait_log('to debug hello, attach an IDE')
        self.debug(workers=1)
        self.assertEqual(200, self.get('/close')[0])
        self.service.wait_log(r'audit: event=closed')


class ProductionTest(ExampleTestCase):
    """The page on production use: its options, commands, and the way out."""

    def start_init(self):
        shown = str(EXAMPLES / 'production.conf')
        self.start('init.py', '--config-file', shown)

    def test_session(self):
        self.start_init()
        # The launcher, and two workers.
        wait_until('processes', lambda: len(self.processes_told()) == 3)
        done = []
        for line in (EXAMPLES / 'production.sh').read_text().splitlines():
            if words := shlex.split(line, comments=True):
                told = self.osdbg(*words[1:])
                self.assertEqual(0, told.returncode, told.stderr)
                done.append(words[1])
            if done == ['ps', 'open']:
                self.debug()
        self.assertEqual(['ps', 'open', 'close'], done)
        self.service.wait_log(r'audit: event=opened .* seconds=600\n', 2)
        self.service.wait_log('audit: event=closed', 2)

    def test_disable(self):
        drop_in = (EXAMPLES / 'disable.conf').read_text()
        (setting,) = re.findall('Environment=(.*)', drop_in)
        self.environ.update([setting.split('=')])
        self.start_init()
        self.service.wait_log('OSDBG_DISABLE')
        self.assertEqual({}, self.processes_told())


class PolicyTest(ExampleTestCase):
    def policy(self, uid):
        config = self.config()
        self.file('hello.conf', pathlib.Path(config).read_text())
        argv = [sys.executable, str(EXAMPLES / 'policy.py'), str(uid)]
        self.service = Process(
            [*argv, '--config-file', config], self.environ, 'example'
        )
        self.processes.append(self.service)
        wait_until('service', self.serves)

    def test_who_is_allowed(self):
        self.policy(os.getuid())
        self.debug()

    def test_who_is_not(self):
        self.policy(65534)
        client = self.client(self.port)
        with self.assertRaisesRegex(Exception, 'may not debug here'):
            client.attach()
        self.assertEqual(200, self.get('/ada')[0])


class ConsoleBackendTest(ExampleTestCase):
    PROGRAM = '''
import sys
from oslo_config import cfg
import osdbg
cfg.CONF(sys.argv[1:], project='hello')
osdbg.init(cfg.CONF)
answer = 41
breakpoint()
print('ANSWER', answer, flush=True)
'''

    def test_console_backend(self):
        self.plug_in()
        program = self.file('program.py', self.PROGRAM)
        config = self.config(backend='console')
        process = Process(
            [sys.executable, program, '--config-file', config],
            self.environ,
            'example',
        )
        self.processes.append(process)
        process.wait_log('waits for a terminal|waits for')
        terminal = Socket(self.port, TIMEOUT)
        self.addCleanup(terminal.hang_up)
        terminal.expect('>>> ')
        self.assertEqual('42', terminal.ask('answer + 1', '>>> '))
        terminal.end_input()
        process.wait_log('ANSWER 41')
        self.assertEqual(0, process.wait())

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
"""The doors that README.rst shows, executed as they stand there."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

from tests.functional.harness import AnyService
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS
from tests.functional.harness import ROOT
from tests.functional.harness import Worker

# What a service has around the lines that are shown.
EARLY = f'''
import os, sys, threading
sys.path.insert(0, {str(PROGRAMS)!r})
import eventlet
eventlet.monkey_patch()
from oslo_config import cfg
CONF = cfg.CONF
CONF([], project='doors', default_config_files=sys.argv[1:2])
'''
IMPORT = 'from oslo_service import service\n'
CLASS = 'class Api(service.Service):\n'
BODY = '''
    def start(self):
        import api_engines
        self.own = api_engines.listening_socket('127.0.0.1', 0)
        server = api_engines.ThreadedServer(self.own)
        self.tg.add_thread(server.serve_forever)
        api_engines.announce(self.own)
'''
LAUNCH = '''
service.launch(CONF, Api(), workers=2).wait()
'''
SERVE = '''
import api_app, api_engines
application = api_app.application
{door}
own = api_engines.listening_socket('127.0.0.1', 0)
server = api_engines.ThreadedServer(own)
server.set_app(application)
api_engines.announce(own)
server.serve_forever()
'''
PASTE = '''
from paste.deploy import loadapp
application = loadapp('config:' + sys.argv[2])
'''
INI = '''
[pipeline:main]
pipeline = remote_debug api

[app:api]
paste.app_factory = api_factory:app

{door}
'''
FACTORY = '''
def app(global_conf):
    import api_app
    return api_app.application
'''
UWSGI = '''
[uwsgi]
http-socket = 127.0.0.1:{port}
wsgi-file = {programs}/api_app.py
master = true
processes = 2
die-on-term = true
'''


def blocks():
    """Return the blocks under "Five ways in", by what each contains."""
    text = pathlib.Path(ROOT, 'README.rst').read_text()
    start = text.index('Five ways in\n')
    text = text[start : text.index('\nAttach\n', start)]
    found = re.findall(r'::(?: \w+)?\n\n((?: +.*\n|\n)+)', text)
    return [textwrap.dedent(block).strip('\n') for block in found]


def door(word):
    """Return the one block that contains a word."""
    (block,) = (block for block in blocks() if word in block)
    return block


class DoorsTest(FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def shown(self, word):
        """Return a block, with a port of our own."""
        block = door(word)
        lines = [line for line in block.splitlines() if line]
        self.assertLessEqual(len(lines), 3, block)
        return block.replace('5678', str(self.port))

    def file(self, name, text):
        path = pathlib.Path(self.directory, name)
        path.write_text(text)
        return str(path)

    def play(self, words, workers=2):
        """Start it, and stop in each worker through the one port."""
        service = AnyService(words, self.environ)
        self.processes.append(service)
        found = service.wait_workers(workers)
        client = self.attach(self.port, 'handler', processes=workers)
        for worker in found:
            self.stop_and_go(client, worker)
        client.detach()

    def program(self, *parts):
        return self.file('program.py', ''.join(parts))

    def conf(self):
        return self.file('service.conf', self.shown('[remote_debug]'))

    def test_init(self):
        program = self.program(
            EARLY, self.shown('import init'), '\n', IMPORT, CLASS, BODY, LAUNCH
        )
        self.play([sys.executable, program, self.conf()])

    def test_mixin(self):
        program = self.program(
            EARLY, IMPORT, self.shown('RemoteDebugMixin'), '\n', BODY, LAUNCH
        )
        self.play([sys.executable, program, self.conf()])

    def test_enable(self):
        program = self.program(
            EARLY, self.shown('enable()'), '\n', IMPORT, CLASS, BODY, LAUNCH
        )
        self.play([sys.executable, program, self.conf()])

    def test_wrap(self):
        served = SERVE.format(door=self.shown('wsgi.wrap'))
        program = self.program(EARLY, served)
        self.play([sys.executable, program, self.conf()], workers=1)

    def test_paste(self):
        self.file('api_factory.py', FACTORY)
        ini = self.file(
            'api-paste.ini', INI.format(door=self.shown('[filter:'))
        )
        program = self.program(EARLY, SERVE.format(door=PASTE))
        self.play([sys.executable, program, '/dev/null', ini], workers=1)

    def test_run(self):
        program = self.program(EARLY, IMPORT, CLASS, BODY, LAUNCH)
        line = self.shown('osdbg run')
        _, _, rest = line.partition('osdbg run ')
        options, _, command = rest.partition(' -- ')
        self.assertTrue(command.startswith('nova-conductor '))
        self.play(
            [
                sys.executable,
                '-m',
                'osdbg',
                'run',
                *options.split(),
                '--',
                sys.executable,
                program,
                '/dev/null',
            ]
        )

    def test_uwsgi(self):
        http_port = free_port()
        ini = self.file(
            'uwsgi.ini', UWSGI.format(port=http_port, programs=PROGRAMS)
        )
        line = self.shown('--uwsgi').replace(
            'osdbg', f'{sys.executable} -m osdbg', 1
        )
        subprocess.run(
            line,
            shell=True,
            check=True,
            cwd=self.directory,
            env=self.environ,
        )
        uwsgi = os.path.join(os.path.dirname(sys.executable), 'uwsgi')
        process = Process([uwsgi, ini], self.environ, 'uwsgi')
        self.processes.append(process)
        client = self.attach(self.port, 'handler', processes=2)
        worker = Worker(None, http_port)
        pids = set()
        while len(pids) < 2:
            pending = worker.get_later('/work')
            stop = client.wait_stopped()
            self.assert_at(stop, 'handler')
            pids.add(stop.session.pid)
            stop.resume()
            self.assert_answered(pending, pid=stop.session.pid)
        client.detach()

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

"""``osdbg attach --json``: where and how a client reaches what is named."""

import json
import shlex

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import wait_until
from tests.functional.prompt_case import PromptTestCase
from tests.functional import pydev_ide
from tests.functional import terminal
from tests.functional.test_pydevd import PydevdTestCase
from tests.functional.test_remote import TlsTestCase

MORE = {'address', 'first', 'configuration'}


class JsonTestCase(harness.FunctionalTestCase):
    def told(self, *words):
        """Return what is told of each worker."""
        return [p for p in self.all_told(*words) if p['worker'] is not None]

    def all_told(self, *words):
        done = self.osdbg('attach', '--json', *words)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def wait_worker(self):
        """Wait until a worker has said hello, and not only its launcher."""

        def numbers():
            return [p['worker'] for p in self.processes_told().values()]

        wait_until('a worker', lambda: set(numbers()) - {None})

    def refused(self, *words):
        """Return the one line that is said instead."""
        done = self.osdbg('attach', '--json', *words)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        return done.stderr


class IdeTest(JsonTestCase, TlsTestCase):
    def attach_as_told(self, process, workers):
        """Attach an IDE that knows only the configuration."""
        configuration = dict(process['configuration'])
        for name in ('name', 'type', 'request'):
            del configuration[name]
        client = self.attach(
            configuration['connect']['port'], 'handler', **configuration
        )
        self.stop_in_each(client, workers)
        client.detach()

    def test_every_worker(self):
        workers = self.start(2, port=self.port)
        wait_until('three processes', lambda: len(self.all_told('api')) == 3)
        told = self.all_told()
        for process in told:
            self.assertLessEqual(MORE, process.keys())
        ps = json.loads(self.osdbg('ps', '--json').stdout)
        self.assertCountEqual(
            ps,
            [{k: p[k] for k in p.keys() - MORE} for p in told],
        )
        for words in (['api/1'], [str(workers[0].pid)]):
            (process,) = self.told(*words)
            self.assertEqual(
                (f'127.0.0.1:{self.port}', '', 'dap'),
                tuple(process[n] for n in ('address', 'first', 'protocol')),
            )
        self.assertEqual(2, len(self.told(str(self.port))))
        self.attach_as_told(process, workers)

    def test_what_is_first(self):
        """It is a command, and what it says is where the IDE connects."""
        workers = self.serve(name='api')
        (process,) = self.told('api')
        self.assertEqual(f'127.0.0.1:{self.port}', process['address'])
        near = free_port()
        words = process['first'].replace('HOST:', '127.0.0.1:')
        _, bridge, *words = shlex.split(words)
        self.assertEqual('bridge', bridge)
        self.assertEqual(process['address'], words[-1])
        place = words.index('--cert')
        words[place : place + 6] = self.files()
        words[-1] = f'127.0.0.1:{near}'  # the service has the other, here
        self.listen(*words)
        process['configuration']['connect']['port'] = near
        self.attach_as_told(process, workers)

    def test_an_ide_that_listens(self):
        self.start_service(port=self.port, name='api', direction='connect')
        self.wait_worker()
        (process,) = self.told()
        self.assertEqual(
            {'host': '127.0.0.1', 'port': self.port},
            process['configuration']['listen'],
        )
        self.assertTrue(process['dials'])

    def test_who_is_closed_or_not_there(self):
        self.start_service(port=self.port, name='api', activate='on_demand')
        self.wait_worker()
        for words in ([], ['api'], [str(self.port)]):
            line = self.refused(*words)
            self.assertIn('api lets no client come: type osdbg open', line)
            plain = self.osdbg('attach', *words)
            self.assertEqual((1, line), (plain.returncode, plain.stderr))
        self.assertIn('nova is not armed', self.refused('nova'))
        line = self.refused('127.0.0.1:1')
        self.assertIn('no armed process is at 127.0.0.1:1: to', line)
        self.osdbg('open')
        (process,) = self.told()
        self.assertTrue(process['opened'])


class PromptTest(JsonTestCase, PromptTestCase):
    def come_to(self, told, argument):
        self.assertEqual(
            ('pdb', '', None),
            tuple(told[n] for n in ('protocol', 'first', 'configuration')),
        )
        (worker,) = self.workers
        pending = self.call(worker)
        client = terminal.Socket(argument, harness.TIMEOUT)
        self.clients.append(client)
        client.expect()
        client.type('c')
        self.assert_answered(pending, answer='unchanged')

    def test_port(self):
        self.serve()
        for words in ([], [str(self.port)]):
            (told,) = self.told(*words)
            self.assertEqual(f'127.0.0.1:{self.port}', told['address'])
            self.come_to(told, self.port)

    def test_unix_socket(self):
        path = f'{self.directory}/debug'
        self.serve(host=f'unix:{path}')
        (told,) = self.told()
        self.assertEqual(f'unix:{path}', told['address'])
        self.come_to(told, path)


class DebugServerTest(JsonTestCase, PydevdTestCase):
    def test_where_the_ide_listens(self):
        workers = self.start('pydevd', 'threading')
        self.wait_worker()
        (told,) = self.told(str(workers[0].pid))
        self.assertEqual(
            ('pydevd', None), (told['protocol'], told['configuration'])
        )
        port = int(told['address'].rpartition(':')[2])
        ide = pydev_ide.Ide(port, 'pydev', timeout=harness.TIMEOUT)
        self.clients.append(ide)
        ide.break_at(harness.APP, harness.line_of('handler'))
        ide.listen()
        ide.wait_attached(1)
        self.wait_traced(workers[0])
        self.stop_and_go(ide, workers[0])

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

"""``osdbg bridge`` runs itself where the service is.

ssh and sshd are real. docker and kubectl stand for themselves: programs of
their names keep the words that they are called with, and run the command in
an environment that has nothing of ours, as it is in a container.
"""

import ast
import json
import os
import pathlib
import signal
import socket
import sys

from tests.functional.bridge_case import BridgeTestCase
from tests.functional.bridge_case import WORDS
from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import wait_until
from tests.functional.sshd import Sshd

_OSDBG = f'#!/bin/sh\nexec {sys.executable} -m osdbg "$@"\n'
_CONTAINER = """\
#!{python}
import json
import os
import sys

with open({calls!r}, 'a') as file:
    print(json.dumps(sys.argv), file=file)
command = sys.argv[sys.argv.index('sh') :]
os.chdir('/')
os.execve('/bin/sh', command, {environ!r})
"""


class ElsewhereTestCase(BridgeTestCase):
    def setUp(self):
        super().setUp()
        self.bin = os.path.join(self.directory, 'bin')
        os.mkdir(self.bin)
        self.there = {
            name: self.environ[name]
            for name in (
                'OSDBG_SOCKET',
                'OSDBG_GATEWAY_GRACE',
                'PYTHONPATH',
                'PYTHONDONTWRITEBYTECODE',
            )
        }
        self.there['PATH'] = f'{self.bin}:/usr/bin:/bin'

    def install(self, name, text):
        path = os.path.join(self.bin, name)
        pathlib.Path(path).write_text(text)
        os.chmod(path, 0o755)


class SshTestCase(ElsewhereTestCase):
    def setUp(self):
        super().setUp()
        self.install('osdbg', _OSDBG)
        self.sshd = Sshd(self.directory, self.environ, **self.there)
        self.processes.append(self.sshd)
        self.ssh = ('--ssh', f'-F {self.sshd.config} elsewhere')

    def wait_let_go(self, worker):
        wait_until(
            'unloaded debugger', lambda: worker.state()['osdbg'] is not None
        )
        wait_until('end of the bridge there', lambda: not self.bridges())

    def bridges(self):
        return [
            pid
            for pid in self.own_processes()
            if 'osdbg bridge' in harness.command_line(pid)
        ]


class SshTest(SshTestCase):
    def test_every_worker(self):
        workers = self.start(3, port=free_port())
        client = self.bridged(*self.ssh, 'api')
        self.stop_in_each(client, workers)
        self.replace(client, workers[1])
        client.detach()
        self.assertEqual([0] * 4, [b.returncode for b in client.bridges])

    def test_vs_code_without_osdbg_on_its_machine(self):
        workers = self.start(3, host=self.file, name='nova-api')
        client = self.vs_code(*self.documented())
        self.stop_in_each(client, workers)
        self.replace(client, workers[0])
        client.detach()
        self.assertEqual(4, len(client.bridges))

    def test_vs_code_kills_what_it_has_started(self):
        (worker,) = self.start(host=self.file, name='nova-api')
        client = self.vs_code(*self.documented())
        client.wait_attached()
        client.bridges[0].kill()
        client.hang_up()
        self.wait_let_go(worker)

    def documented(self):
        """Return the command in the documentation, for our host."""
        words = ast.literal_eval(WORDS)
        host = words.index('HOST')
        words[host : host + 1] = ['-F', self.sshd.config, 'elsewhere']
        return words

    def test_words_that_a_shell_would_read(self):
        name = "it's  $(id) `id` \"api\"; \\ * # !"
        workers = self.start(2, port=free_port(), name=name)
        client = self.bridged(*self.ssh, name)
        self.stop_in_each(client, workers)

    def test_what_is_said_there_is_said_here(self):
        self.assertIn('no process of yours is armed', self.refusal(*self.ssh))

    def test_without_osdbg_there(self):
        os.unlink(os.path.join(self.bin, 'osdbg'))
        code, out, err = self.bridge(*self.ssh)
        self.assertEqual((127, ''), (code, out))
        self.assertRegex(
            err,
            '^osdbg bridge: .* elsewhere has no osdbg on its PATH: install '
            'it there, or type --remote-osdbg and where it is\n$',
        )

    def test_osdbg_in_an_environment_there(self):
        os.unlink(os.path.join(self.bin, 'osdbg'))
        workers = self.start(2, port=free_port())
        remote = ('--remote-osdbg', f'{sys.executable} -m osdbg')
        self.stop_in_each(self.bridged(*self.ssh, *remote), workers)

    def test_without_a_host_there(self):
        self.sshd.kill()
        code, out, err = self.bridge(*self.ssh)
        self.assertEqual((255, ''), (code, out))
        self.assertRegex(err, r'^ssh: connect to host .* refused\s*$')

    def test_the_ide_is_killed(self):
        (worker,) = self.start(port=free_port())
        client = self.bridged(*self.ssh)
        client.wait_attached()
        client.root.socket.shutdown(socket.SHUT_RDWR)
        client.ends()
        self.wait_let_go(worker)

    def test_ssh_is_killed_by_the_ide(self):
        (worker,) = self.start(port=free_port())
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            client = self.bridged(*self.ssh)
            client.wait_attached()
            # It is ssh by now: nobody is left between it and the IDE.
            client.bridges[0].send_signal(signum)
            client.ends()
            self.wait_let_go(worker)

    def test_the_connection_is_lost(self):
        (worker,) = self.start(port=free_port())
        client = self.bridged(*self.ssh)
        client.wait_attached()
        for process in self.sshd.connections():
            harness.kill(process)
        client.root.wait_closed()
        self.assertEqual(255, client.ends()[0][0])
        self.wait_let_go(worker)


class SshListenTest(SshTestCase):
    """Each connection of an IDE starts a bridge there."""

    def start_listening(self, *words):
        port = free_port()
        address = f'127.0.0.1:{port}'
        bridge = self.listen(*self.ssh, *words, '--listen', address)
        return port, bridge

    def ide(self, port, **options):
        """Attach an IDE that says in its configuration where it connects."""
        there = {'host': '127.0.0.1', 'port': port}
        return self.attach(port, 'handler', connect=there, **options)

    def test_every_worker_twice(self):
        workers = self.start(3, host=self.file)
        port, bridge = self.start_listening('api')
        for start_debugging in (True, False):
            client = self.ide(port, start_debugging=start_debugging)
            self.stop_in_each(client, workers)
            client.detach()
        self.replace(self.ide(port), workers[2])
        self.assertEqual(0, bridge.stop()[0])
        wait_until('no bridge there', lambda: not self.bridges())
        self.assertNotIn('Traceback', bridge.log)

    def test_it_goes_on_when_nothing_is_there(self):
        port, bridge = self.start_listening()
        for count in (1, 2):
            self.assertEqual(b'', self.connect(port).recv(1))
            bridge.wait_log('osdbg bridge: no process of yours', count)
            bridge.wait_log(r'osdbg bridge: ssh has ended \(1\)', count)
        workers = self.start(2, port=free_port())
        self.stop_in_each(self.ide(port), workers)

    def test_the_ide_is_cut_off(self):
        (worker,) = self.start(port=free_port())
        port, bridge = self.start_listening()
        for reset in (True, False):
            self.ide(port).hang_up(reset)
            self.wait_children(bridge, 0)
        self.stop_in_each(self.ide(port), [worker])
        self.assertNotIn('Traceback', bridge.log)

    def test_it_ends_as_it_is_told(self):
        for signum, code in (
            (signal.SIGTERM, 0),
            (signal.SIGINT, 130),
            (signal.SIGKILL, -signal.SIGKILL),
        ):
            (worker,) = self.start(port=free_port())
            port, bridge = self.start_listening()
            client = self.ide(port)
            self.wait_children(bridge, 1)
            bridge.signal(signum)
            self.assertEqual(code, bridge.wait())
            client.root.wait_closed()
            self.wait_let_go(worker)
            self.assertNotIn('Traceback', bridge.log)
            self.service.stop()

    def wait_children(self, bridge, count):
        """Wait until so many are left, zombies not left out."""
        wait_until(
            f'{count} children',
            lambda: len(harness.children(bridge.pid)) == count,
        )


class ContainerTest(ElsewhereTestCase):
    def setUp(self):
        super().setUp()
        self.install('osdbg', _OSDBG)
        self.calls = os.path.join(self.directory, 'calls')
        for name in ('docker', 'kubectl'):
            text = _CONTAINER.format(
                python=sys.executable, calls=self.calls, environ=self.there
            )
            self.install(name, text)
        self.environ['PATH'] = f'{self.bin}:{self.environ["PATH"]}'

    def called(self):
        """Return the words of each call, up to the command."""
        lines = pathlib.Path(self.calls).read_text().splitlines()
        calls = [json.loads(line) for line in lines]
        return [
            [os.path.basename(call[0]), *call[1 : call.index('sh')]]
            for call in calls
        ]

    def check(self, words, *expected):
        workers = self.start(3, port=free_port())
        client = self.bridged(*words, 'api')
        self.stop_in_each(client, workers)
        self.replace(client, workers[1])
        client.detach()
        self.assertEqual([list(expected)] * 4, self.called())
        self.assertEqual([0] * 4, [b.returncode for b in client.bridges])

    def test_docker(self):
        self.check(
            ['--docker', 'nova_api'], 'docker', 'exec', '-i', 'nova_api'
        )

    def test_docker_as_a_user(self):
        self.check(
            ['--docker', 'nova_api', '--user', 'nova'],
            *('docker', 'exec', '-i', '--user', 'nova', 'nova_api'),
        )

    def test_kubectl(self):
        self.check(
            ['--kubectl', 'nova-api-7d'],
            *('kubectl', 'exec', '-i', 'nova-api-7d', '--'),
        )

    def test_kubectl_in_a_namespace(self):
        self.check(
            ['--kubectl', 'nova-api-7d', '-n', 'openstack', '-c', 'nova-api'],
            *('kubectl', 'exec', '-i', 'nova-api-7d'),
            *('--namespace', 'openstack', '--container', 'nova-api', '--'),
        )

    def test_vs_code(self):
        workers = self.start(3, host=self.file)
        client = self.vs_code(*self.command('--docker', 'nova_api'))
        self.stop_in_each(client, workers)
        client.detach()
        self.assertEqual(3, len(client.bridges))

    def test_by_listening(self):
        workers = self.start(3, port=free_port())
        port = free_port()
        self.listen('--kubectl', 'pod', '--listen', f'127.0.0.1:{port}')
        client = self.attach(
            port, 'handler', connect={'host': '127.0.0.1', 'port': port}
        )
        self.stop_in_each(client, workers)

    def test_one_that_does_not_end_by_itself(self):
        self.install('docker', '#!/bin/sh\nexec sleep 600\n')
        port = free_port()
        bridge = self.listen('--docker', 'x', '--listen', f'127.0.0.1:{port}')
        self.connect(port)
        (child,) = wait_until('docker', lambda: harness.children(bridge.pid))
        self.assertEqual(0, bridge.stop()[0])
        self.assertFalse(harness.alive(child))

    def test_without_osdbg_there(self):
        os.unlink(os.path.join(self.bin, 'osdbg'))
        for tool in ('docker', 'kubectl'):
            code, out, err = self.bridge(f'--{tool}', 'nova_api')
            self.assertEqual((127, ''), (code, out))
            self.assertEqual(
                'osdbg bridge: nova_api has no osdbg on its PATH: install it '
                'there, or type --remote-osdbg and where it is\n',
                err,
            )

    def test_without_the_tool_here(self):
        for tool in ('docker', 'kubectl', 'ssh'):
            self.environ['PATH'] = self.directory
            code, out, err = self.bridge(f'--{tool}', 'x')
            self.assertEqual((1, ''), (code, out))
            self.assertEqual(
                f'osdbg bridge: {tool} is no program on the PATH: install '
                f'it\n',
                err,
            )

    def test_words_that_are_of_no_use(self):
        for words, said in (
            (['-n', 'openstack'], 'are those of a pod: type --kubectl POD'),
            (['--ssh', ''], '--ssh names nothing'),
            (['--ssh', 'a "b'], '--ssh a "b cannot be read: No closing'),
            (
                ['--docker', 'x', '--remote-osdbg', ' '],
                '--remote-osdbg names nothing',
            ),
        ):
            done = self.osdbg('bridge', *words)
            self.assertEqual((1, ''), (done.returncode, done.stdout))
            self.assertIn(said, done.stderr)
            self.assertEqual(1, done.stderr.count('\n'))
        done = self.osdbg('bridge', '--ssh', 'x', '--docker', 'y')
        self.assertEqual(2, done.returncode)
        self.assertIn('not allowed with argument', done.stderr)

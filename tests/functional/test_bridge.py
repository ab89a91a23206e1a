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

"""``osdbg bridge`` brings ports to an IDE that cannot reach them itself."""

import os
import signal
import socket
import subprocess

from tests.functional.bridge_case import BridgeTestCase
from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import wait_until
from tests.functional.prompt_case import PromptTestCase


class StdioTest(BridgeTestCase):
    def test_three_workers(self):
        workers = self.start(3, host=self.file)
        client = self.bridged('--connect', self.file)
        self.stop_in_each(client, workers)
        client.detach()
        self.assertEqual(3, len(client.bridges))
        self.assertEqual([0] * 3, [b.returncode for b in client.bridges])

    def test_the_service_ends(self):
        self.start(host=self.file)
        client = self.bridged('--connect', self.file)
        client.wait_attached()
        self.service.kill()
        client.root.wait_closed()
        self.assertEqual([(0, b'')], client.ends())

    def test_the_ide_is_killed(self):
        (worker,) = self.start(host=self.file)
        client = self.bridged('--connect', self.file)
        client.wait_attached()
        client.root.socket.shutdown(socket.SHUT_RDWR)
        self.assertEqual([(0, b'')], client.ends())
        wait_until(
            'unloaded debugger', lambda: worker.state()['osdbg'] is not None
        )
        self.stop_in_each(self.bridged('--connect', self.file), [worker])

    def test_nobody_there(self):
        for address in (self.file, f'127.0.0.1:{free_port()}'):
            code, out, err = self.bridge('--connect', address)
            self.assertEqual((1, ''), (code, out))
            self.assertRegex(
                err, f'^osdbg bridge: {address} cannot be reached .*\n$'
            )

    def test_no_input(self):
        self.start(host=self.file)
        done = self.osdbg('bridge', '--connect', self.file)
        self.assertEqual(('', ''), (done.stdout, done.stderr))
        self.assertEqual(0, done.returncode)

    def test_interrupted(self):
        (worker,) = self.start(host=self.file)
        client = self.bridged('--connect', self.file)
        client.wait_attached()
        client.bridges[0].send_signal(signal.SIGINT)
        self.assertEqual([(-signal.SIGINT, b'')], client.ends())
        wait_until(
            'unloaded debugger', lambda: worker.state()['osdbg'] is not None
        )


class ServiceTest(BridgeTestCase):
    """The gateway tells where a service listens."""

    def test_every_worker(self):
        workers = self.start(3, port=free_port())
        for words in ([], ['api'], ['api/1'], [str(workers[2].pid)]):
            client = self.bridged(*words)
            self.stop_in_each(client, workers)
            client.detach()
            self.assertEqual([0] * 3, [b.returncode for b in client.bridges])

    def test_a_successor_joins(self):
        workers = self.start(2, port=free_port())
        client = self.bridged('api')
        self.stop_in_each(client, workers)
        for worker in workers:
            self.replace(client, worker)

    def test_vs_code(self):
        workers = self.start(3, port=free_port())
        for start_debugging in (True, False):
            client = self.vs_code(
                *self.command('api'), start_debugging=start_debugging
            )
            self.stop_in_each(client, workers)
            workers = self.replaced(client, workers)
            client.detach()
            self.assertEqual(4, len(client.bridges))

    def replaced(self, client, workers):
        self.replace(client, workers[0])
        return self.service.workers()

    def test_a_unix_socket_and_any_address(self):
        for options in (
            {'host': self.file},
            {'host': '0.0.0.0', 'port': free_port(), 'allow_remote': True},
        ):
            workers = self.start(2, **options)
            client = self.bridged('api')
            self.stop_in_each(client, workers)
            client.detach()
            self.service.stop()
            wait_until('no process', lambda: not self.processes_told())

    def test_it_listens_by_itself(self):
        port = free_port()
        bridge = self.listen('api', '--listen', f'127.0.0.1:{port}')
        for count in (1, 2):
            self.assertEqual(b'', self.connect(port).recv(1))
            bridge.wait_log('no process of yours is armed', count)
        workers = self.start(2, port=free_port())
        client = self.attach(
            port, 'handler', connect={'host': '127.0.0.1', 'port': port}
        )
        self.stop_in_each(client, workers)
        self.assertNotIn('Traceback', bridge.log)

    def test_who_is_kept_out_is_told_why(self):
        self.assertIn('no process of yours is armed', self.refusal())
        self.start(port=free_port())
        self.assertIn('other is not armed: write one', self.refusal('other'))
        self.osdbg('close', 'api')
        said = self.refusal('api')
        self.assertIn('api lets no client come: type osdbg open api', said)

    def test_which_of_them(self):
        ports = sorted(free_port() for _ in range(2))
        for port in ports:
            self.start(port=port)
        said = self.refusal('api')
        addresses = ', '.join(f'127.0.0.1:{port}' for port in ports)
        self.assertIn(f'type --connect with one of {addresses}', said)

    def test_a_port_that_is_taken(self):
        port = free_port()
        self.hold_port(port)
        service = self.start_service(port=port, name='api')
        service.wait_log('cannot be opened')
        self.assertIn(f'127.0.0.1:{port} cannot be opened', self.refusal())

    def test_where_the_ide_listens(self):
        port = free_port()
        self.start_service(port=port, name='api', direction='connect')
        wait_until('armed process', self.processes_told)
        said = self.refusal()
        self.assertIn(f'which has to listen at 127.0.0.1:{port}', said)

    def test_an_address_and_a_service(self):
        for words, said in (
            (['--connect', self.file], 'or SERVICE: type one of them'),
            (
                ['--cert', '/x', '--key', '/x', '--ca', '/x'],
                '--ca will not do without --connect HOST:PORT',
            ),
        ):
            done = self.osdbg('bridge', *words, 'api')
            self.assertEqual(1, done.returncode)
            self.assertIn(said, done.stderr)


class ListenTest(BridgeTestCase):
    def test_three_workers_twice(self):
        workers = self.start(3, host=self.file)
        port = free_port()
        bridge = self.listen(
            '--connect', self.file, '--listen', f'127.0.0.1:{port}'
        )
        for start_debugging in (True, False):
            client = self.client(
                port,
                connect={'host': '127.0.0.1', 'port': port},
                start_debugging=start_debugging,
            )
            client.break_at(harness.APP, harness.line_of('handler'))
            client.attach()
            self.stop_in_each(client, workers)
            client.detach()
            self.assertEqual(
                [{'host': '127.0.0.1', 'port': port}] * 2,
                [
                    configuration['connect']
                    for configuration in client.announced
                ],
            )
        self.assertEqual(0, bridge.stop()[0])

    def test_unix_to_tcp(self):
        port = free_port()
        workers = self.start(2, port=port)
        bridge = self.listen(
            '--connect', f'127.0.0.1:{port}', '--listen', self.file
        )
        client = self.attach(0, 'handler', host=self.file, processes=2)
        # They come by the bridge only if the IDE says where that is.
        self.assertEqual(port, client.announced[0]['connect']['port'])
        self.stop_in_each(client, workers)
        client.detach()
        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)
        bridge.stop()
        self.assertFalse(os.path.exists(self.path))

    def test_it_goes_on_when_nobody_is_there(self):
        port = free_port()
        bridge = self.listen(
            '--connect', self.file, '--listen', f'127.0.0.1:{port}'
        )
        for count in (1, 2):
            self.assertEqual(b'', self.connect(port).recv(1))
            bridge.wait_log(f'{self.file} cannot be reached', count)
        self.assertNotIn('Traceback', bridge.log)
        (worker,) = self.start(host=self.file)
        self.stop_in_each(self.attach(port, 'handler'), [worker])

    def test_the_ide_is_cut_off(self):
        (worker,) = self.start(host=self.file)
        port = free_port()
        bridge = self.listen(
            '--connect', self.file, '--listen', f'127.0.0.1:{port}'
        )
        for reset in (True, False):
            client = self.attach(port, 'handler')
            client.hang_up(reset)
        self.stop_in_each(self.attach(port, 'handler'), [worker])
        self.assertNotIn('Traceback', bridge.log)

    def test_refused_options(self):
        for words, said in (
            (['--listen', '0.0.0.0:1'], 'type --listen 127.0.0.1:1'),
            (['--listen', 'nowhere'], '--listen nowhere is no address'),
            (['--cert', '/x'], '--cert will not do: TLS takes --cert, --key'),
            (
                ['--cert', '/x', '--key', '/x', '--ca', '/x'],
                f'{self.file} needs no certificate: leave out --cert, --key',
            ),
        ):
            done = self.osdbg('bridge', '--connect', self.file, *words)
            self.assertEqual((1, ''), (done.returncode, done.stdout))
            self.assertIn(said, done.stderr)
            self.assertEqual(1, done.stderr.count('\n'))

    def test_a_port_that_is_taken(self):
        holder = free_port()
        self.hold_port(holder)
        done = self.osdbg(
            'bridge', '--connect', self.file, '--listen', f'localhost:{holder}'
        )
        self.assertEqual(1, done.returncode)
        self.assertIn(f'cannot listen at localhost:{holder}', done.stderr)


class PromptTest(PromptTestCase, BridgeTestCase):
    """What is no DAP passes as well, and a half-closed way is used."""

    def test_piped_commands(self):
        worker = self.serve(host=self.file)
        pending = self.call(worker)
        done = subprocess.run(
            self.command('--connect', self.file),
            input='p 6 * 7\nc\n',
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=harness.TIMEOUT,
        )
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertIn('42', done.stdout)
        self.assert_answered(pending, answer='unchanged')

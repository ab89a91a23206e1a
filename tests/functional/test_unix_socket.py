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

"""A debug port that is a UNIX socket: reached by its user, and no other."""

import os
import socket
import stat
import sys
import unittest
import uuid

from tests.functional import dap
from tests.functional import harness
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.prompt_case import PromptTestCase
from tests.functional import stranger
from tests.functional import terminal

HELLO = {'seq': 1, 'type': 'request', 'command': 'initialize'}
HOLDER = '''
import signal, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("HOLDING", flush=True)
signal.pause()
'''


def knock(name):
    """Connect, speak first, and tell what is answered."""

    def work():
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(harness.TIMEOUT)
            sock.connect(name)
            try:
                sock.sendall(dap.encode(HELLO))
                return f'answered {sock.recv(1)!r}'
            except (ConnectionResetError, BrokenPipeError):
                return "answered b''"

    return work


class UnixTestCase(harness.FunctionalTestCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, 'debug')
        self.file = f'unix:{self.path}'
        self.name = f'unix:@osdbg-test-{uuid.uuid4().hex}'

    def start(self, host, workers=1, **options):
        self.service = self.start_service(
            workers=workers, host=host, name='api', **options
        )
        return self.service.workers()

    def attach_at(self, host, workers):
        client = self.attach(0, 'handler', host=host, processes=len(workers))
        for worker in workers:
            session = client.wait_pid(worker.pid)
            pending = worker.get_later('/work?count=5')
            stop = client.wait_stopped()
            self.assertIs(session, stop.session)
            self.assert_at(stop, 'handler')
            self.assertEqual('5', stop.evaluate('count'))
            stop.resume()
            self.assert_answered(pending, pid=worker.pid)
        client.detach()
        return client

    def warning(self):
        (line,) = self.service.wait_log('.*cannot be opened.*')
        return line.group()


@spread
class UnixSocketTest(UnixTestCase):
    @over(('eventlet', 'threading'))
    def test_file(self, engine):
        workers = self.start(self.file, 3, engine=engine)
        for _ in range(2):
            client = self.attach_at(self.file, workers)
        self.assertEqual(2, len(client.announced))
        for configuration in client.announced:
            self.assertNotIn('connect', configuration)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        self.service.stop()
        wait_until('end of the file', lambda: not os.path.exists(self.path))

    def test_name(self):
        workers = self.start(self.name, 3, engine='eventlet', port=1)
        self.attach_at(self.name, workers)

    def test_what_to_do(self):
        self.start(self.file)
        self.service.wait_log(
            f'attach an IDE to {self.file}: on its machine type ssh -L '
            f'5678:{self.path} HOST, and attach it to 127.0.0.1:5678'
        )
        told = self.osdbg('attach', 'api').stdout
        self.assertIn(f'type ssh -L 5678:{self.path} HOST, and', told)
        self.assertIn('"port": 5678', told)

    def test_what_to_do_without_a_file(self):
        self.start(self.name)
        self.service.wait_log(
            f'type ssh -L 5678:127.0.0.1:5678 HOST osdbg bridge --connect '
            f'{self.name} --listen 127.0.0.1:5678, and attach'
        )

    def test_on_demand(self):
        (worker,) = self.start(self.file, activate='on_demand')
        self.assertFalse(os.path.exists(self.path))
        opened = f'clients may come at {self.file}\n'
        wait_until(
            'osdbg open', lambda: self.osdbg('open').stdout.endswith(opened)
        )
        self.attach_at(self.file, [worker])
        self.assertEqual(0, self.osdbg('close').returncode)
        wait_until('end of the file', lambda: not os.path.exists(self.path))

    def test_the_next_gateway_has_it_again(self):
        (worker,) = self.start(self.file)
        self.attach_at(self.file, [worker])
        harness.kill(self.gateway())
        self.service.wait_log(f'attach an IDE to {self.file}', count=2)
        self.attach_at(self.file, [worker])

    def test_two_kinds_of_service_cannot_share_one(self):
        self.start(self.file)
        self.attach_at(self.file, self.service.workers())
        other = self.start_service(
            host=self.file, name='cell', backend='remote_pdb'
        )
        other.wait_log(r'api \(backend = debugpy\) has it already')


class InTheWayTest(UnixTestCase):
    """Whatever is there already."""

    def test_a_file_left_behind(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        self.attach_at(self.file, self.start(self.file))
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))

    def test_a_file_that_is_no_socket(self):
        with open(self.path, 'w') as file:
            file.write('precious')
        workers = self.start(self.file)
        self.assertIn(
            f'{self.path} is a file, and no socket: move it', self.warning()
        )
        with open(self.path) as file:
            self.assertEqual('precious', file.read())
        os.unlink(self.path)
        self.attach_at(self.file, workers)

    def hold(self, address):
        holder = harness.Process(
            [sys.executable, '-c', HOLDER, address], self.environ, 'holder'
        )
        self.processes.append(holder)
        holder.wait_log('HOLDING')
        return holder

    def test_a_living_socket(self):
        holder = self.hold(self.path)
        before = os.stat(self.path).st_ino
        workers = self.start(self.file)
        self.assertIn(f'process {holder.pid} of user', self.warning())
        self.assertEqual(before, os.stat(self.path).st_ino)
        holder.kill()
        self.attach_at(self.file, workers)

    def test_a_socket_of_another_user(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        os.chown(self.path, stranger.NOBODY, stranger.NOBODY)
        self.start(self.file)
        self.assertIn(
            f'{self.path} is of user {stranger.NOBODY}', self.warning()
        )
        self.assertEqual(stranger.NOBODY, os.stat(self.path).st_uid)

    def test_a_directory_that_is_missing(self):
        self.path = os.path.join(self.directory, 'more', 'debug')
        self.file = f'unix:{self.path}'
        workers = self.start(self.file)
        directory = os.path.dirname(self.path)
        self.assertIn(f'type mkdir -m 700 {directory}', self.warning())
        os.mkdir(directory)
        self.attach_at(self.file, workers)

    def test_whoever_took_the_file_keeps_it(self):
        self.attach_at(self.file, self.start(self.file))
        os.unlink(self.path)
        with open(self.path, 'w') as file:
            file.write('another')
        self.service.stop()
        wait_until('end of the gateway', lambda: not self.gateways())
        with open(self.path) as file:
            self.assertEqual('another', file.read())


@unittest.skipIf(os.getuid(), 'only root can become another user')
class StrangerTest(UnixTestCase):
    """Another user of the host."""

    def test_file(self):
        workers = self.start(self.file)
        self.attach_at(self.file, workers)
        self.assertIn('PermissionError', stranger.do(knock(self.path)))

    def test_name(self):
        workers = self.start(self.name)
        self.attach_at(self.name, workers)
        name = self.name[len('unix:') :].replace('@', '\0')
        self.assertEqual("answered b''", stranger.do(knock(name)))
        self.attach_at(self.name, workers)

    def test_prompt(self):
        self.start(self.name, backend='remote_pdb')
        self.service.wait_log('opens a prompt at')
        name = self.name[len('unix:') :].replace('@', '\0')
        self.assertEqual("answered b''", stranger.do(knock(name)))


class PromptTest(PromptTestCase, UnixTestCase):
    """``backend = remote_pdb``."""

    def come_to(self, host, argument):
        worker = self.serve(host=host)
        self.service.wait_log(f'opens a prompt at {host}: type osdbg attach')
        pending = self.call(worker)
        client = self.prompt_at(argument)
        self.assertRegex(client.ask('6 * 7'), '42$')
        client.type('c')
        self.assert_answered(pending, answer='unchanged')

    def prompt_at(self, argument):
        client = argument()
        self.clients.append(client)
        client.expect()
        return client

    def attach_command(self, host):
        return lambda: terminal.Program(
            [sys.executable, '-m', 'osdbg', 'attach', host],
            harness.TIMEOUT,
            self.environ,
        )

    def test_socket(self):
        self.come_to(
            self.file, lambda: terminal.Socket(self.path, harness.TIMEOUT)
        )

    def test_attach_to_a_file(self):
        self.come_to(self.file, self.attach_command(self.file))

    def test_attach_to_a_name(self):
        self.come_to(self.name, self.attach_command(self.name))

    def test_attach_to_the_service(self):
        self.come_to(self.file, self.attach_command('api_service'))

    def test_nobody_there(self):
        done = self.osdbg('attach', self.file)
        self.assertEqual(1, done.returncode)
        self.assertIn(f'nobody listens at {self.file}', done.stderr)

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

"""How processes are named, and found."""

import contextlib
import io
import json
import os
import socket
import threading
import unittest
from unittest import mock

from osdbg.cli import processes
from osdbg import exceptions


TOLD = {
    'id': '1',
    'pid': 42,
    'name': 'api',
    'worker': 1,
    'backend': 'debugpy',
    'protocol': 'dap',
    'dials': False,
    'host': '127.0.0.1',
    'port': 5678,
    'state': 'armed',
    'stopped': None,
    'uid': 0,
    'client': {},
    'trouble': '',
}


def process(**more):
    return {'name': 'api', 'pid': 42, 'worker': 1, **more}


class TestTitle(unittest.TestCase):
    def test_worker_and_launcher(self):
        self.assertEqual('api/1 [42]', processes.title(process()))
        self.assertEqual(
            'api launcher [42]', processes.title(process(worker=None))
        )

    def test_what_a_terminal_would_obey(self):
        for name, shown in (
            ('nova-api é', 'nova-api é'),
            ('\x1b[2J', '\\x1b[2J'),
            ('a\nb\u202e', 'a\\nb\\u202e'),
            ('\udc80', '\\udc80'),
        ):
            self.assertEqual(
                f'{shown}/1 [42]', processes.title(process(name=name))
            )

    def test_letters_that_a_terminal_has_not(self):
        with io.TextIOWrapper(io.BytesIO(), 'ascii') as terminal:
            with contextlib.redirect_stdout(terminal):
                print(processes.show('növa'), end='', flush=True)
            self.assertEqual(b'n\\xf6va', terminal.buffer.getvalue())


class TestNames(unittest.TestCase):
    def test_what_means_a_process(self):
        for word in ('api', '42', 'api/1'):
            self.assertTrue(processes._is(process(), word), word)
        for word in ('ap', '4', 'api/2', '1', '/1', ''):
            self.assertFalse(processes._is(process(), word), word)


class TestGateway(unittest.TestCase):
    """Root asks those of all users, and anybody may write one."""

    def ask(self, *chunks, call=processes.ask):
        name = f'osdbg-test-{os.getpid()}'
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(f'\0{name}')
            sock.listen()
            serving = threading.Thread(target=serve, args=(sock, chunks))
            serving.start()
            try:
                with mock.patch.dict(os.environ, {'OSDBG_SOCKET': name}):
                    return call()
            finally:
                serving.join()

    def test_what_it_should_tell(self):
        (found,) = self.ask(json.dumps({'processes': [TOLD]}).encode())
        self.assertEqual(TOLD, {name: found[name] for name in TOLD})

    def test_nonsense(self):
        for told in (
            [1],
            {},
            {'processes': 1},
            {'processes': [1]},
            {'processes': [{}]},
            {'processes': [{**TOLD, 'port': '\x1b[2J'}]},
        ):
            with self.subTest(told):
                with self.assertRaisesRegex(
                    exceptions.GatewayUnavailable, 'does not answer'
                ):
                    self.ask(json.dumps(told).encode())

    def test_one_that_never_ends(self):
        with self.assertRaisesRegex(exceptions.GatewayUnavailable, 'an end'):
            self.ask(*[b' ' * 1024 * 1024] * 64)

    def test_what_a_shell_completes(self):
        told = [{**TOLD, 'id': name, 'name': name} for name in ('a', 'b\v')]
        answer = json.dumps({'processes': told}).encode()
        self.assertEqual(
            ['42', 'a', 'a/1'],
            self.ask(answer, call=lambda: processes.complete('')),
        )


def serve(sock, chunks):
    """Be a gateway to one command."""
    client, _ = sock.accept()
    with client, contextlib.suppress(OSError):
        client.recv(65536)
        for chunk in chunks:
            client.sendall(chunk)

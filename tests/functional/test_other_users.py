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

"""Root at the services of other users: whose they are, the kernel tells."""

import itertools
import json
import os
import sys
import unittest

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional import stranger

# Names of gateways are the host's: each test has users of its own.
NUMBERS = itertools.count(2_000_000 + 10 * os.getpid())
# A gateway and a service of another user, who need not be able to read what
# Python is made of: all is loaded before.
SERVICE = '''
import asyncio, os, sys, sysconfig, threading
import osdbg
from osdbg import bootstrap
from osdbg.backends import _remote_pdb, _remote_pdb_guest
from osdbg.gateway import control, protocol
sysconfig.get_config_vars()
uid = int(sys.argv[1])
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
def work():
    secret = 'of another'
    while True:
        breakpoint()
async def serve():
    gateway = control.Gateway(protocol.listen().detach())
    serving = asyncio.ensure_future(gateway.run())
    osdbg.init()
    threading.Thread(target=work, daemon=True).start()
    await serving
asyncio.run(serve())
'''
# Whoever has the name of a gateway may say what they like.
GATEWAY = r'''
import os, socket, sys
uid, told = int(sys.argv[1]), sys.argv[2]
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
listener = socket.socket(socket.AF_UNIX)
listener.bind(f'\0osdbg-{uid}')
listener.listen()
print('READY', flush=True)
while True:
    caller, _ = listener.accept()
    caller.recv(65536)
    caller.sendall(told.encode() + b'\n')
    caller.close()
'''
COMMANDS = ('attach', 'bridge')


@unittest.skipIf(os.geteuid(), 'only root can be several users')
class RootTest(harness.FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.uid, self.other = next(NUMBERS), next(NUMBERS)
        self.name = f'service-{self.uid}'
        # As if root had a gateway of its own: that of this test.
        self.environ['OSDBG_HOST_SOCKET'] = f'{self.socket_name}-of-host'

    def play(self, program, uid, *words, **options):
        environ = {**self.environ, 'OS_REMOTE_DEBUG__NAME': self.name}
        del environ['OSDBG_SOCKET']
        for name, value in options.items():
            environ[f'OS_REMOTE_DEBUG__{name.upper()}'] = str(value)
        process = harness.Process(
            [sys.executable, '-c', program, str(uid), *words],
            environ,
            f'process of {uid}',
        )
        self.processes.append(process)
        return process

    def serve(self, uid, **options):
        options = {'port': free_port(), 'backend': 'remote_pdb', **options}
        service = self.play(SERVICE, uid, **options)
        service.wait_log('waits for a terminal')
        return service

    def come(self, command, *words):
        return self.osdbg(command, *words, typed='p secret\nc\n')

    def assert_refused(self, done, line):
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn(line, done.stderr)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)

    def test_a_service_is_known(self):
        self.serve(self.uid)
        for command in COMMANDS:
            done = self.come(command, self.name)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("'of another'", done.stdout)

    def test_an_address_is_anybodys(self):
        port = free_port()
        self.serve(self.uid, port=port)
        address = f'127.0.0.1:{port}'
        for words in (['attach'], ['bridge', '--connect']):
            line = f'{address} is in the hands of user {self.uid}, '
            self.assert_refused(self.come(*words, address), line)
            words = [words[0], '--user', str(self.uid), *words[1:]]
            self.assertIn("'of another'", self.come(*words, address).stdout)

    def test_a_name_that_two_of_them_use(self):
        first, second = (self.serve(u) for u in (self.uid, self.other))
        for command in COMMANDS:
            self.assert_refused(
                self.come(command, self.name),
                f'{self.name} is a service of several users: type --user with '
                f'one of {self.uid}, {self.other}',
            )
            self.assert_refused(
                self.come(command, self.name, '--user', 'root'),
                f'{self.name} is no service of user root: type',
            )
            for service, uid in ((first, self.uid), (second, self.other)):
                self.assertIn(
                    "'of another'",
                    self.come(command, self.name, '--user', str(uid)).stdout,
                )
            self.assertIn(
                "'of another'", self.come(command, str(second.pid)).stdout
            )

    def test_a_gateway_that_lies(self):
        """It would have root talk to a program of somebody else."""
        for command in COMMANDS:
            port, uid = free_port(), next(NUMBERS)
            told = {
                'id': f'lie of {uid}',
                'pid': 42,
                'name': f'lie-{uid}',
                'worker': 0,
                'backend': 'remote_pdb',
                'protocol': 'pdb',
                'dials': False,
                'opened': True,
                'tls': False,
                'host': '127.0.0.1',
                'port': port,
                'uid': stranger.NOBODY,
            }
            answer = json.dumps({'processes': [told]})
            self.play(GATEWAY, uid, answer).wait_log('READY')
            impostor = stranger.Impostor(port, b'(Pdb) ')
            (process,) = json.loads(
                self.osdbg('ps', '--json', f'lie-{uid}').stdout
            )
            self.assertEqual(uid, process['uid'])
            self.assert_refused(
                self.come(command, f'lie-{uid}'), 'in the hands of user nobody'
            )
            self.assertEqual(b'', impostor.heard())

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

"""Who may come in: this user and root, and who is named; nobody else."""

import json
import os
import pathlib
import socket
import threading
import time
import unittest

from tests.functional import dap
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.one_service import OneServiceTestCase
from tests.functional.prompt_case import PromptTestCase
from tests.functional import stranger


class StrangerTestCase:
    """Tries every socket of this host as the user ``nobody``."""

    def ours(self):
        """Return the sockets of the gateway and the service, but for HTTP."""
        own = set()
        for pid in self.own_processes():
            own |= stranger.inodes(pid)
        served = {worker.port for worker in self.service.workers()}
        served.add(self.service.http_port)
        http = {i for i, _, port in stranger.tcp_ports() if port in served}
        return own - http

    def answers(self):
        """Return what the sockets of ours answer that take a connection."""
        found = stranger.try_all(self.socket_name)
        told = [found[inode] for inode in self.ours() & found.keys()]
        return [answer for answer in told if answer is not None]

    def assert_nobody_answers(self):
        answers = self.answers()
        # At least the control socket and the port.
        self.assertGreaterEqual(len(answers), 2)
        self.assertEqual({''}, set(answers))

    def wait_refused(self, count=1):
        return self.service.wait_log(
            rf'osdbg audit: event=refused worker=\S+ uid={stranger.NOBODY} '
            rf'user=nobody pid=\d+ .*reason="user {stranger.NOBODY} is '
            rf'neither root nor the user of this service',
            count=count,
        )


@unittest.skipIf(os.geteuid(), 'only root can become another user')
class PortTest(StrangerTestCase, OneServiceTestCase):
    def test_before_a_session_and_during_it(self):
        (worker,) = self.start()
        self.service.wait_log('attach an IDE to')
        self.assert_nobody_answers()
        self.wait_refused()
        client = self.attach(self.port, 'handler')
        self.assert_nobody_answers()
        pending, stop = self.stop_in(client, worker)
        self.assert_nobody_answers()
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)
        client.detach()
        self.assert_nobody_answers()
        self.attach_again(worker)

    def test_many_workers(self):
        workers = self.start(workers=3)
        client = self.attach(self.port, 'handler', processes=3)
        pending, stop = self.stop_in(client, workers[0])
        self.assert_nobody_answers()
        stop.resume()
        self.assert_answered(pending, pid=workers[0].pid)
        client.detach()

    def test_a_friend(self):
        (worker,) = self.start(allowed_users='nobody')
        self.service.wait_log('attach an IDE to')
        answers = self.answers()
        greeted = [answer for answer in answers if '"initialize"' in answer]
        self.assertEqual(1, len(greeted))
        # The control socket is for this user alone.
        self.assertIn('', answers)
        self.assertNotRegex(self.service.log, 'event=refused .*=127')
        self.attach_again(worker)


@unittest.skipIf(os.geteuid(), 'only root can become another user')
class PromptTest(StrangerTestCase, PromptTestCase):
    def test_while_a_prompt_waits_and_while_it_is_open(self):
        worker = self.serve()
        self.assert_nobody_answers()
        pending = self.call(worker)
        self.assert_nobody_answers()
        client = self.prompt()
        self.assert_nobody_answers()
        client.type('c')
        self.assert_answered(pending, answer='unchanged')
        self.wait_refused()
        self.service.wait_log('event=attach .*user=root')
        self.service.wait_log('event=detach .*user=root')


class AuditTest(OneServiceTestCase):
    def test_who_comes_and_goes(self):
        (worker,) = self.start()
        client = self.attach(self.port, 'handler')
        uid, pid = os.geteuid(), os.getpid()
        (found,) = self.service.wait_log(
            rf'osdbg audit: event=attach worker=\S+/0 uid={uid} user=\S+ '
            rf'pid={pid} program=\S+ address=127\.0\.0\.1:\d+\n'
        )
        self.stop_and_go(client, worker)
        client.detach()
        self.service.wait_log(
            found.group().strip().replace('attach', 'detach', 1)
        )
        self.assertEqual(1, self.service.log.count('event=attach'))
        self.assertEqual(1, self.service.log.count('event=detach'))


# Says no while there is a file.
POLICY = '''
import os, sys
def hook(event, args):
    if event == 'osdbg.attach':
        print('ASKED', args, flush=True)
        if os.path.exists({path!r}):
            raise RuntimeError('not during office hours')
sys.addaudithook(hook)
'''


class PolicyTest(StrangerTestCase, OneServiceTestCase):
    """An audit hook of the service has the last word."""

    def setUp(self):
        super().setUp()
        self.veto = pathlib.Path(self.directory) / 'veto'
        self.veto.touch()
        self.run_first(POLICY.format(path=str(self.veto)))

    def test_veto(self):
        (worker,) = self.start()
        before = worker.state()
        client = self.client(self.port)
        with self.assertRaisesRegex(dap.DapError, 'not during office hours'):
            client.attach()
        self.service.wait_log(
            'audit: event=refused worker=api_service/0 .*office hours'
        )
        self.service.wait_log(rf"ASKED .0, 'root', {os.getpid()}, 'python")
        client.hang_up()
        self.assert_undisturbed(worker, before)
        self.veto.unlink()
        self.attach_again(worker)


@unittest.skipIf(os.geteuid(), 'only root can become another user')
class SquatterTest(StrangerTestCase, OneServiceTestCase):
    """Somebody else was there first, under the name of the gateway."""

    def squat(self, backlog):
        """Take the name, as another user."""
        squatter = stranger.Squatter(self.socket_name, backlog)
        self.addCleanup(squatter.leave)
        return squatter

    def play(self, backlog, said):
        squatter = self.squat(backlog)
        (worker,) = self.start()
        self.service.wait_log(
            rf'@{self.socket_name} {said}.*: debugging goes on through /'
        )
        self.attach_again(worker)
        self.assertIn('api_service/0', self.osdbg('open').stdout)
        # Who comes later finds the others, whoever has the name by then.
        squatter.leave()
        self.attach_again(worker)
        before = self.gateway()
        self.assertIn('api_service/0', self.osdbg('open').stdout)
        self.assertEqual([before], self.gateways())

    def test_one_who_listens(self):
        # Other strangers of other tests may come to it, and stay.
        self.play(1024, f'belongs to user {stranger.NOBODY} .process')

    def test_one_who_lets_nobody_in(self):
        self.play(None, 'is taken by a program that lets nobody in')


# The first words of debugpy's adapter.
AUTHORIZE = json.dumps(
    {
        'seq': 1,
        'type': 'request',
        'command': 'pydevdAuthorize',
        'arguments': {'debugServerAccessToken': None},
    }
).encode()
FIRST_WORDS = b'Content-Length: %d\r\n\r\n%s' % (len(AUTHORIZE), AUTHORIZE)


@unittest.skipIf(os.geteuid(), 'only root can become another user')
class ImpostorTest(FunctionalTestCase):
    """Somebody else listens where the IDE should."""

    def test_nothing_is_said_to_them(self):
        port = free_port()
        impostor = stranger.Impostor(port, FIRST_WORDS)
        self.service = self.start_service(
            engine='eventlet', direction='connect', port=port
        )
        self.assertEqual(b'', impostor.heard())
        self.service.wait_log(f'user {stranger.NOBODY} listens there')
        (worker,) = self.service.workers()
        self.assertFalse(worker.state()['debugger_loaded'])

    def come(self, *words, delay=0):
        """Let a command meet a stranger; return what has become of both."""
        port = free_port()
        impostor = stranger.Impostor(port, b'(Pdb) ', delay=delay)
        done = self.osdbg(*words, f'127.0.0.1:{port}', typed='p "secret"\n')
        return done, impostor.heard()

    def test_a_terminal_says_nothing_to_them(self):
        for words in (['attach'], ['bridge', '--connect']):
            for delay in (0, 1):
                done, heard = self.come(*words, delay=delay)
                self.assertEqual((1, ''), (done.returncode, done.stdout))
                self.assertIn('in the hands of user nobody', done.stderr)
                self.assertIn('type --user nobody', done.stderr)
                self.assertEqual(b'', heard)

    def test_unless_they_are_named(self):
        for words in (['attach'], ['bridge', '--connect']):
            done, heard = self.come(words[0], '--user', 'nobody', *words[1:])
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn('(Pdb) ', done.stdout)
            self.assertEqual(b'p "secret"\n', heard)

    def test_who_hangs_up(self):
        port = free_port()
        address = f'127.0.0.1:{port}'
        with socket.create_server(('127.0.0.1', port)) as listener:
            # At once, or when it is known who that is.
            for words in (['attach'], ['bridge', '--connect']):
                for seconds in (0, 0.5):
                    done = self.call_in_vain(listener, seconds, *words)
                    self.assertEqual(1, done.returncode)
                    self.assertIn(
                        f'{address} hangs up without a word', done.stderr
                    )
                    self.assertIn(
                        'the log of the service says why', done.stderr
                    )

    def call_in_vain(self, listener, seconds, *words):
        """Run a command, hang up on it some seconds after it has called."""

        def hang_up():
            caller, _ = listener.accept()
            time.sleep(seconds)
            caller.close()

        hanging_up = threading.Thread(target=hang_up, daemon=True)
        hanging_up.start()
        address = '{}:{}'.format(*listener.getsockname())
        near, far = os.pipe()  # whoever types, or the IDE, is still there
        try:
            return self.osdbg(*words, address, stdin=near)
        finally:
            os.close(near)
            os.close(far)
            hanging_up.join(5)

    def test_nobody_is_meant(self):
        for words in (['attach'], ['bridge', '--connect']):
            done = self.osdbg(*words, '127.0.0.1:1', '--user', 'nosuchuser')
            self.assertEqual(1, done.returncode)
            self.assertIn('--user nosuchuser is nobody', done.stderr)

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

"""A real gateway is sent anything, by many, and serves the next client."""

import functools
import socket

from hypothesis import given
from hypothesis import strategies as st

from osdbg.gateway import protocol
from tests.functional.harness import wait_until
from tests.fuzz.gateway_case import GatewayCase
from tests.fuzz.gateway_case import hear
from tests.fuzz.gateway_case import request
from tests.fuzz import messages
from tests.fuzz import profiles
from tests.unit.gateway.parts import hello_of

TOGETHER = 8


class AnythingTest(GatewayCase):
    """What is sent; each connection ends its input and hears it out."""

    def play(self, connect, data):
        with connect() as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has hung up already, as it may
            heard = hear(sock)
        self.assert_lives()
        return heard

    def fuzz(self, connect, inputs):
        @profiles.for_processes
        @given(inputs)
        def play(data):
            self.play(connect, data)

        play()
        self.assert_unharmed()

    def test_clients(self):
        anything = messages.mangled(messages.frames) | st.binary(max_size=300)
        self.fuzz(self.connect, anything)

    def test_control(self):
        anything = messages.mangled(messages.lines) | st.binary(max_size=300)
        self.fuzz(self.connect_control, anything)

    def test_seeds_of_clients(self):
        for name, data in profiles.seeds('dap').items():
            with self.subTest(name):
                self.play(self.connect, data)
        self.assert_unharmed()

    def test_seeds_of_control(self):
        for name, data in profiles.seeds('control').items():
            with self.subTest(name):
                self.play(self.connect_control, data)
        self.assert_unharmed()

    def test_seeds_of_the_other_side(self):
        for kind, connect in (
            ('dap', self.connect_control),
            ('control', self.connect),
        ):
            for data in profiles.seeds(kind).values():
                self.play(connect, data)
        self.assert_unharmed()

    def test_sessions_that_go_wrong(self):
        """Requests that are right, in any order, by several at once."""

        @profiles.for_processes
        @given(
            st.lists(
                st.lists(messages.frames, min_size=1, max_size=6),
                min_size=1,
                max_size=TOGETHER,
            )
        )
        def play(sessions):
            socks = [self.connect() for _ in sessions]
            for sock, frames in zip(socks, sessions):
                sock.sendall(request(1, 'initialize'))
                for frame in frames:
                    try:
                        sock.sendall(frame)
                    except OSError:
                        break
            for sock in socks:
                sock.close()
            self.assert_lives()

        play()
        wait_until('release', functools.partial(self.is_free, self.worker))
        self.assert_unharmed()

    def is_free(self, worker):
        return not worker.state()['debugger_threads']

    def test_what_is_refused_is_said(self):
        for data, words in (
            (b'Content-Length: 2147483648\r\n\r\n', b'at most 65536'),
            (b'GET / HTTP/1.1\r\n\r\n', b'expected a header'),
            (b'x' * 9999, b'too long'),
            (b'Content-Length: 3\r\n\r\n{,}', b'not as expected'),
        ):
            with self.subTest(data[:30]):
                self.assertIn(words, self.play(self.connect, data))


class SlowTest(GatewayCase):
    def test_messages_that_take_their_time(self):
        client = self.attach(self.port)  # which is idle all the while
        with self.connect() as sock, self.connect_control() as control:
            hello = hello_of(port=self.port, opened=False)
            control.sendall(protocol.encode({'hello': hello}) + b'{"forked"')
            sock.sendall(request(1, 'initialize'))
            hear(sock, b'"initialize"')
            said = self.drip(sock, b'Content-Length: 2')
            self.assertIn(b'not complete after 30 s', said)
            hear(control)
        client.root.threads()
        client.detach()
        self.assert_unharmed()

    def drip(self, sock, data):
        """Send a byte at a time, and then spaces; return the answer."""
        sock.settimeout(1)
        while True:
            sock.sendall(data[:1] or b' ')
            data = data[1:]
            try:
                return sock.recv(65536)
            except socket.timeout:  # noqa: UP041
                pass

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

"""Much of something: the gateway stays small, and serves the next client."""

import time

from osdbg.gateway import bounds
from osdbg.gateway import dap as gateway_dap
from osdbg.gateway import protocol
from tests.fuzz.gateway_case import frame
from tests.fuzz.gateway_case import GatewayCase
from tests.fuzz.gateway_case import request
from tests.unit.gateway.parts import hello_of

CONNECTIONS = 10_000
CROWDS = (
    (b'', False),
    (b'Content-Le', False),
    (request(1, 'initialize'), False),
    (b'', True),
    (b'{"hello"', True),
)
SOON = 5
# What becomes many times as large as it is.
PIECES = (
    b'{"":{}},',
    b'[[]],',
    b'1e1,',
    b'"ab",',
    b'999,',
    '"\u20ac\U0001f40d",'.encode(),
)
MANY = 20_000


def bomb(limits, piece, command):
    """Return a request that is as long as may be, of one piece."""
    head = b'{"seq":1,"type":"request","command":"%s",' % command.encode()
    head += b'"arguments":{"x":['
    tail = b'0]}}'
    times = (limits.body - len(head) - len(tail)) // len(piece)
    opened = piece.count(b'{') + piece.count(b'[')
    if opened:
        times = min(times, (limits.containers - 3) // opened)
    return frame(head + piece * times + tail)


class CrowdTest(GatewayCase):
    def test_ten_thousand_connections(self):
        crowds = [
            self.crowd(CONNECTIONS // len(CROWDS), words, control)
            for words, control in CROWDS
        ]
        for crowd in crowds:
            crowd.wait_log('HOLDING')
        start = time.monotonic()
        self.attach_again(self.worker)
        self.assertLess(time.monotonic() - start, SOON)
        self.assert_lives()
        self.disperse(*crowds)
        self.assert_unharmed()

    def test_few_descriptors(self):
        pass


class BombTest(GatewayCase):
    def bombard(self, *messages):
        """Have as many clients as there may be say the same."""
        socks = []
        for _ in range(bounds.MAX_STRANGERS):
            sock = self.connect()
            socks.append(sock)
            for message in messages:
                sock.sendall(message)
        return socks

    def test_strangers(self):
        client = self.attach(self.port)  # the others have to wait
        for piece in PIECES:
            socks = self.bombard(
                bomb(gateway_dap.STRANGER, piece, 'initialize'),
                bomb(gateway_dap.STRANGER, piece, 'attach'),
            )
            client.root.threads()
            for sock in socks:
                self.assertIn(b'"command":"initialize"', sock.recv(9999))
            print(piece, self.peak() >> 20)
            for sock in socks:
                sock.close()
        client.hang_up()
        self.assert_unharmed()

    def test_half_messages_of_strangers(self):
        message = bomb(gateway_dap.STRANGER, PIECES[0], 'initialize')
        self.bombard(message[:-1])
        print(self.peak() >> 20)
        self.assert_unharmed()

    def attached(self):
        client = self.attach(self.port)
        return client.root

    def test_attached(self):
        session = self.attached()
        for number, piece in enumerate(PIECES):
            message = bomb(gateway_dap.CLIENT, piece, 'evaluate')
            session.socket.sendall(message)
            print(piece, self.peak() >> 20)
        session.threads()
        session.disconnect()
        print(self.peak() >> 20)
        self.assert_unharmed()

    def test_client_that_never_reads(self):
        client = self.attach(self.port)
        root = client.root
        sock = self.connect()
        sock.settimeout(1)
        try:
            for seq in range(10**6):
                sock.sendall(request(seq, 'threads') * 1000)
        except OSError as exc:
            print(seq, exc)
        print(self.peak() >> 20)
        self.assert_lives()
        root.threads()
        client.hang_up()
        self.assert_unharmed()

    def test_long_answers(self):
        client = self.attach(self.port)
        for text in (
            "'x' * 15_000_000",
            "'\U0001f40d' + 'x' * 15_000_000",
            "'\U0001f40d' * 1_200_000",
        ):
            try:
                body = client.root.request(
                    'evaluate', expression=text, context='clipboard'
                )
                print(text, len(str(body)), self.peak() >> 20)
            except Exception as exc:
                print(text, exc, self.peak() >> 20)
                client = self.attach(self.port)
        client.hang_up()
        self.assert_unharmed()

    def agent(self, number):
        sock = self.connect_control()
        hello = hello_of(
            id=f'fake{number}',
            port=self.port,
            host='127.0.0.1',
            pid=10**6 + number,
            workers='9' * 4000,
            backend='x' * 255,
            parent='p' * 255,
            opened=False,
        )
        sock.sendall(protocol.encode({'hello': hello}))
        return sock

    def test_agents(self):
        socks = [self.agent(n) for n in range(bounds.MAX_SERVED + 10)]
        self.attach_again(self.worker)
        print('agents', self.peak() >> 20, self.descriptors())
        ids = [f'fake{n}' for n in range(1000)]
        for i in range(50):
            ask = self.connect_control()
            ask.sendall(
                protocol.encode({'ask': {'ids': ids, 'open': bool(i % 2)}})
            )
        time.sleep(3)
        print('agents', self.peak() >> 20, self.descriptors())
        for s in socks:
            s.close()
        self.assert_unharmed()

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
from osdbg.gateway import dap
from osdbg.gateway import protocol
from tests.functional.harness import POLL
from tests.functional.harness import wait_until
from tests.fuzz.gateway_case import frame
from tests.fuzz.gateway_case import GatewayCase
from tests.fuzz.gateway_case import hear
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
SOON = 10
ASKS = 20
DESCRIPTORS = 64
# What becomes many times as large as it is.
PIECES = (
    b'{"":{}},',
    b'[[]],',
    b'1e1,',
    b'"ab",',
    b'999,',
    '"\u20ac\U0001f40d",'.encode(),
)
MANY = 1_000_000
LONG = (
    "'x' * 15_000_000",
    "'\\U0001f40d' + 'x' * 15_000_000",
    "'\\U0001f40d' * 1_200_000",
)
TOO_LONG = "'x' * 20_000_000"


def bomb(limits, piece, command):
    """Return a request that is as long as may be, of one piece."""
    head = b'{"seq":1,"type":"request","command":"%s",' % command.encode()
    head += b'"arguments":{"x":['
    tail = b'0]}}'
    times = (limits.body - len(head) - len(tail)) // len(piece)
    values = sum(map(piece.count, (b'{', b'[', b',')))
    times = min(times, (limits.values - 10) // values)
    return frame(head + piece * times + tail)


def evaluate(text):
    return request(8, 'evaluate', {'expression': text, 'context': 'clipboard'})


class CrowdTest(GatewayCase):
    def test_ten_thousand_connections(self):
        crowds = [
            self.crowd(CONNECTIONS // len(CROWDS), words, control)
            for words, control in CROWDS
        ]
        for crowd in crowds:
            crowd.wait_log('HOLDING')
        room = bounds.MAX_ARRIVALS + 2 * bounds.MAX_STRANGERS
        wait_until('rest', lambda: self.descriptors() <= self.idle + room)
        start = time.monotonic()
        self.attach_again(self.worker)
        self.assertLess(time.monotonic() - start, SOON)
        self.assert_lives()
        self.disperse(*crowds)
        self.assert_unharmed()

    def test_many_agents(self):
        hello = hello_of(
            id='agentNUMBER',
            parent='p' * 255,
            backend='b' * 255,
            workers='9' * 1000,
            host='127.0.0.1',
            port=self.port,
            opened=False,
        )
        line = protocol.encode({'hello': hello})
        crowd = self.crowd(bounds.MAX_SERVED + 100, line, control=True)
        crowd.wait_log('HOLDING')
        ids = [f'agent{number}' for number in range(bounds.MAX_SERVED)]
        for number in range(ASKS):
            # They have to be told, and read nothing.
            with self.connect_control() as sock:
                wish = {'ids': ids, 'open': number % 2 == 0}
                sock.sendall(protocol.encode({'ask': wish}))
                hear(sock)
        self.assert_lives()
        self.disperse(crowd)
        self.assert_unharmed()


class DescriptorTest(GatewayCase):
    def start_service(self, **options):
        limit = f'ulimit -n {DESCRIPTORS}; exec "$0" "$@"'
        return super().start_service(runner=('sh', '-c', limit), **options)

    def test_none_are_left(self):
        crowd = self.crowd(2 * DESCRIPTORS, control=True)
        self.service.wait_log('LimitNOFILE=')
        before = self.processor_seconds()
        time.sleep(SOON)
        self.assertLess(self.processor_seconds() - before, SOON / 5)
        self.disperse(crowd)
        self.assert_unharmed()


class BombTest(GatewayCase):
    def bombard(self, *messages):
        """Have as many clients as there may be say the same."""
        socks = []
        for _ in range(bounds.MAX_STRANGERS):
            sock = self.connect()
            self.addCleanup(sock.close)
            for message in messages:
                sock.sendall(message)
            socks.append(sock)
        return socks

    def test_strangers(self):
        client = self.attach(self.port)  # so that the others have to wait
        for piece in PIECES:
            socks = self.bombard(
                bomb(dap.STRANGER, piece, 'initialize'),
                bomb(dap.STRANGER, piece, 'attach'),
            )
            for sock in socks:
                self.assertIn(b'"initialize"', sock.recv(9999))
            client.root.threads()
            for sock in socks:
                sock.close()
            wait_until(
                'end of them', lambda: self.descriptors() <= self.idle + 2
            )
        client.detach()
        self.assert_unharmed()

    def test_half_messages_of_strangers(self):
        message = bomb(dap.STRANGER, PIECES[0], 'initialize')
        self.bombard(message[:-1])
        self.assert_unharmed()

    def test_attached(self):
        root = self.attach(self.port).root
        for piece in PIECES:
            root.socket.sendall(bomb(dap.CLIENT, piece, 'evaluate'))
        root.threads()
        root.disconnect()
        self.assert_unharmed()

    def test_long_answers(self):
        with self.connect_attached() as sock:
            for text in LONG:
                sock.sendall(evaluate(f"{text} + 'the ' + 'end'"))
                heard = hear(sock, b'the end')
                self.assertGreater(len(heard), MANY)
            sock.sendall(request(9, 'disconnect'))
            hear(sock)
        self.assert_unharmed()

    def test_an_answer_that_is_too_long(self):
        root = self.attach(self.port).root
        root.send('evaluate', expression=TOO_LONG, context='clipboard')
        self.service.wait_log('its debugger is cut off: .*Content-Length')
        root.wait_event('output', lambda body: 'is gone' in body['output'])
        root.disconnect()
        self.assert_unharmed()

    def test_clients_that_never_read(self):
        client = self.attach(self.port)
        deaf = self.bombard()
        for sock in deaf:
            sock.settimeout(POLL)
            with self.assertRaises(OSError):
                while True:
                    sock.sendall(request(1, 'threads') * 1000)
        client.detach()
        with self.connect_attached() as sock:
            sock.sendall(evaluate(LONG[0]) * ASKS)
            wait_until('cut', lambda: not self.is_debugged())
        self.assert_unharmed()

    def is_debugged(self):
        return self.worker.state()['debugger_threads']

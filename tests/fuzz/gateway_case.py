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

"""A real gateway, a real service behind it, and whoever means them ill."""

import os
import pathlib
import socket
import sys
import time

from osdbg.gateway import bounds
from tests.functional import dap
from tests.functional.harness import alive
from tests.functional.harness import kill
from tests.functional.harness import POLL
from tests.functional.harness import Process
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase

_LOOKS = 25
CROWD = str(pathlib.Path(__file__).with_name('crowd.py'))


class GatewayCase(OneServiceTestCase):
    """Each test has a gateway that outlives it, or the test fails."""

    def setUp(self):
        super().setUp()
        (self.worker,) = self.start(engine='none')
        self.service.wait_log('attach an IDE to')
        self.pid = self.gateway()
        self.attach_again(self.worker)
        self.idle = wait_until('quiet gateway', self.is_quiet)

    def is_quiet(self):
        """Return its descriptors, if they are the same for a while."""
        counts = set()
        for _ in range(_LOOKS):
            counts.add(self.descriptors())
            time.sleep(POLL)
        return counts.pop() if len(counts) == 1 else None

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def processor_seconds(self):
        """Return how long it has worked."""
        stat = pathlib.Path(f'/proc/{self.pid}/stat').read_text()
        user, system = stat.rpartition(')')[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf('SC_CLK_TCK')

    def peak(self):
        """Return the most memory it has ever had, in bytes."""
        status = pathlib.Path(f'/proc/{self.pid}/status').read_text()
        (line,) = [x for x in status.splitlines() if x.startswith('VmHWM')]
        return int(line.split()[1]) * 1024

    def assert_lives(self):
        """See that it is the same one, and has not taken too much."""
        self.assertTrue(alive(self.pid), 'the gateway has ended')
        self.assertLess(self.peak(), bounds.MAX_MEMORY)

    def assert_unharmed(self):
        """See that it serves the next client, has no leak and no bug."""
        self.assertEqual([self.pid], self.gateways())
        self.attach_again(self.worker)
        self.assertNotIn('stumbled', self.service.log)
        self.assertNotIn('Traceback', self.service.log)
        wait_until(
            f'end of all but {self.idle} descriptors',
            lambda: self.descriptors() == self.idle,
        )
        self.assert_lives()

    # Who means it ill.

    def connect(self):
        """Connect to the debug port."""
        return socket.create_connection(('127.0.0.1', self.port), TIMEOUT)

    def connect_attached(self):
        """Connect to the debug port, and attach."""
        sock = self.connect()
        sock.sendall(request(1, 'initialize', {'adapterID': 'debugpy'}))
        sock.sendall(request(2, 'attach'))
        hear(sock, b'"event":"initialized"')
        sock.sendall(request(3, 'configurationDone'))
        hear(sock, b'"command":"attach"')
        return sock

    def connect_control(self):
        """Connect to the control socket."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(TIMEOUT)
        wait_until('room in the backlog', lambda: self._reached(sock))
        return sock

    def _reached(self, sock):
        try:
            sock.connect(f'\0{self.socket_name}')
        except BlockingIOError:
            return False
        return True

    def crowd(self, count, words=b'', control=False):
        """Have a process hold so many connections; return it."""
        address = f'@{self.socket_name}' if control else str(self.port)
        crowd = Process(
            [sys.executable, CROWD, address, str(count), words.hex()],
            self.environ,
            'crowd',
        )
        self.processes.append(crowd)
        return crowd

    def disperse(self, *crowds):
        for crowd in crowds:
            kill(crowd.pid)
            crowd.wait()


def hear(sock, words=None):
    """Return all that is said until the other side hangs up.

    :param words: in the middle of what it says, after which to stop
    """
    heard = bytearray()
    try:
        while data := sock.recv(1024 * 1024):
            heard += data
            if words and heard.find(words, -len(data) - len(words)) >= 0:
                break
    except ConnectionResetError:
        pass
    return bytes(heard)


def frame(body):
    """Return some bytes as if they were a message of DAP."""
    return b'Content-Length: %d\r\n\r\n%s' % (len(body), body)


def request(seq, command, arguments=None):
    return dap.encode(
        {
            'type': 'request',
            'seq': seq,
            'command': command,
            'arguments': arguments or {},
        }
    )

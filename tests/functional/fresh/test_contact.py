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

"""The one thread, and what it does about gateways."""

from tests.functional.fresh import armed
from tests.unit import fresh

# Another program has a name; the test goes on from here.
SQUATTER = '''
import os, socket
squatter = socket.socket(socket.AF_UNIX)
squatter.bind('\\0' + os.environ['OSDBG_SOCKET'] + '{name}')
squatter.listen({backlog})
'''


class TestGateway(armed.ArmedTestCase):
    def test_it_dies_and_another_is_found(self):
        for patch in ('', 'import eventlet; eventlet.monkey_patch()'):
            with self.subTest(patch):
                self.assert_armed(
                    f"""
from osdbg.gateway import credentials, protocol
until(armed)
{patch}
def gateway():
    try:
        sock = protocol.connect()
    except OSError:
        return 0
    pid = credentials.peer(sock)[0]
    sock.close()
    return pid
first = gateway()
os.kill(first, signal.SIGKILL)
until(lambda: gateway() not in (0, first))
until(lambda: agent().contact._channel is not None)
until(lambda: tasks() == 2)
print('OK')
"""
                )

    def test_no_hub_in_its_thread(self):
        self.assert_armed(
            """
import eventlet
until(armed)
eventlet.monkey_patch()
waited = []
waitpid = os.waitpid
def spy(*args):
    waited.append(args)
    return waitpid(*args)
os.waitpid = spy
from osdbg.gateway import credentials, protocol
sock = protocol.connect()
first = credentials.peer(sock)[0]
sock.close()
os.kill(first, signal.SIGKILL)
def again():
    try:
        sock = protocol.connect()
    except OSError:
        return False
    found = credentials.peer(sock)[0]
    sock.close()
    return found != first
until(again)
assert not waited, 'the green waitpid() was called'
print('OK')
"""
        )

    def test_one_gateway_for_many(self):
        self.assert_armed(
            """
from osdbg.gateway import credentials, protocol
def work():
    until(armed)
    return credentials.peer(protocol.connect())[0] % 251
codes = set(together(6, work))
assert len(codes) == 1, codes
print('OK')
"""
        )

    def test_one_gateway_for_many_that_start_at_once(self):
        self.assert_ok(
            armed.PRELUDE.replace('status = osdbg.init()', '')
            + """
from osdbg.gateway import credentials, protocol
def work():
    osdbg.init()
    assert agent().progress.wait_armed(25) == ''
    return credentials.peer(protocol.connect())[0] % 251
codes = set(together(12, work))
assert len(codes) == 1, codes
print('OK')
""",
            **self.environ(),
        )

    def test_no_name_can_keep_it_from_starting(self):
        self.assert_ok(
            SQUATTER.format(name='-spawn', backlog=0)
            + armed.PRELUDE
            + "until(armed, 20)\nprint('OK')\n",
            **self.environ(),
        )


class TestSquatter(armed.ArmedTestCase):
    def test_one_that_accepts_nobody_delays_no_fork(self):
        self.assert_ok(
            SQUATTER.format(name='', backlog=0)
            + """
full = []
for _ in range(4):
    full.append(socket.socket(socket.AF_UNIX))
    full[-1].setblocking(False)
    full[-1].connect_ex(squatter.getsockname())
"""
            + armed.PRELUDE
            + """
time.sleep(0.5)
for _ in range(3):
    start = time.monotonic()
    child(lambda: 0)
    assert time.monotonic() - start < 1
print('OK')
""",
            **self.environ(),
        )

    def test_each_outage_is_told_once(self):
        self.assert_ok(
            SQUATTER.format(name='', backlog=9)
            + """
import logging, threading
lines, seen = [], []
class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger('osdbg').addHandler(Keep())
def serve():
    while True:
        peer = squatter.accept()[0]
        seen.append(peer.recv(9999))
        if len(seen) == 4:
            peer.sendall(b'{"port":""}\\n')
        peer.close()
threading.Thread(target=serve, daemon=True).start()
"""
            + armed.PRELUDE
            + """
trouble = agent().progress.wait_armed(9)
assert trouble.endswith('python -m osdbg.gateway'), trouble
until(lambda: len(lines) == 2)
assert lines == [trouble, trouble], lines
assert len(seen) == 6, seen
assert all(data.startswith(b'{"hello":') for data in seen), seen
print('OK')
""",
            **self.environ(),
        )

    def test_required(self):
        done = fresh.run(
            SQUATTER.format(name='', backlog=9) + 'import osdbg.arming\n'
            'osdbg.arming._ARM_SECONDS = 0.5\n'
            'osdbg.init()\n',
            **self.environ(OS_REMOTE_DEBUG__REQUIRED='true'),
        )
        self.assertEqual(1, done.returncode)
        self.assertIn('type: python -m osdbg.gateway\n', done.stderr)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)


class TestThread(armed.ArmedTestCase):
    def test_its_mask_spares_faulthandler(self):
        self.assert_armed(
            """
until(armed)
tid, = set(os.listdir('/proc/self/task')) - {str(os.getpid())}
with open(f'/proc/self/task/{tid}/status') as file:
    words = dict(line.split(':', 1) for line in file)
blocked = {n for n in range(1, 64) if int(words['SigBlk'], 16) >> n - 1 & 1}
assert {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD} <= blocked
assert not blocked & {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT}
print('OK')
"""
        )

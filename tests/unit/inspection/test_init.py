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

from tests.unit import fresh

START = """
import _socket, os, signal, socket, sys, threading
from osdbg.gateway import protocol
from osdbg import inspection, settings

KIND = 'osdbg.inspection.imports'
listener = protocol.listen()
channel = protocol.Channel(protocol.connect())
listener._accept()

class Gate:
    # As the lock, and tells what it is held for.

    def __enter__(self):
        assert KIND not in sys.modules

    def __exit__(self, *exc_info):
        assert KIND in sys.modules

def accept(wanted, told):
    sock = socket.socket(fileno=listener._accept()[0])
    sock.settimeout(10)
    with sock.makefile('rb') as file:
        told.append(protocol.decode(file.readline()))
        if wanted:
            sock.sendall(b'\\n')
            told.append(file.read())
    sock.close()

def serve(wanted, gate):
    told = []
    thread = threading.Thread(target=accept, args=(wanted, told))
    thread.start()
    question = {'kind': 'imports'}
    inspection.serve(channel, 't', question, settings.Settings(), gate)
    thread.join()
    return told
"""
WANTED = """
told = serve(True, Gate())
assert told[0] == {'answer': 't'} and b'packages' in told[1], told
print('OK')
"""
NOT_WANTED = """
told = serve(False, Gate())
assert told == [{'answer': 't'}] and KIND not in sys.modules, told
print('OK')
"""
FORKED = """
children = []

class Fork(Gate):
    def __exit__(self, *exc_info):
        child = os.fork()
        if not child:
            signal.pause()
        children.append(child)

try:
    told = serve(True, Fork())
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
# It has come to its end, though the child has the other one open.
assert len(told) == 2 and b'packages' in told[1], told
print('OK')
"""


class TestServe(fresh.FreshTestCase):
    def test_an_answer(self):
        self.assert_ok(START + WANTED)

    def test_nobody_waits_for_it_any_more(self):
        self.assert_ok(START + NOT_WANTED)

    def test_a_child_that_is_forked_meanwhile(self):
        self.assert_ok(START + FORKED)

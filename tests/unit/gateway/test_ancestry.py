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

"""Real processes, and whether another may follow them."""

import socket
import subprocess
import sys
import unittest

from osdbg.gateway import ancestry
from tests.unit.gateway.parts import start_program

PROGRAM = 'import os; print(os.getpid(), flush=True); os.read(0, 1)'
FORKED = '''
import os
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    print(os.getpid(), flush=True)
    os.read(0, 1)
'''
REPLACED = '''
import os, sys
print(os.getpid(), flush=True)
os.read(0, 1)
code = 'import os; print(\\'again\\', flush=True); os.read(0, 1)'
os.execv(sys.executable, [sys.executable, '-c', code])
'''
# With a thread that waits, as the agent does.
CONNECTED = '''
import os, socket, sys, threading
sock = socket.socket(fileno=int(sys.argv[1]))
threading.Thread(target=sock.recv, args=(1,), daemon=True).start()
sock.sendall(b'x')
os.read(0, 1)
'''


class TestStandsAlone(unittest.TestCase):
    def stands_alone(self, code):
        process = start_program(self, code)
        return ancestry.stands_alone(int(process.stdout.readline()))

    def test_what_a_shell_has_started(self):
        self.assertTrue(self.stands_alone(PROGRAM))

    def test_what_the_same_program_has_forked(self):
        self.assertFalse(self.stands_alone(FORKED))

    def test_what_is_not_there(self):
        self.assertFalse(ancestry.stands_alone(2**22 + 1))


class TestIsOver(unittest.TestCase):
    def test_one_that_replaces_itself(self):
        process = start_program(self, REPLACED)
        pid = int(process.stdout.readline())
        process.stdin.write(b'\n')
        process.stdin.flush()
        self.assertEqual(b'again\n', process.stdout.readline())
        self.assertFalse(ancestry.is_over(pid))

    def test_is_known_when_the_connection_ends(self):
        for _ in range(20):
            ours, theirs = socket.socketpair()
            child = subprocess.Popen(
                [sys.executable, '-c', CONNECTED, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
            )
            theirs.close()
            with ours:
                self.assertEqual(b'x', ours.recv(1))
                self.assertFalse(ancestry.is_over(child.pid))
                child.stdin.close()
                self.assertEqual(b'', ours.recv(1))
                self.assertTrue(ancestry.is_over(child.pid))
            child.wait()

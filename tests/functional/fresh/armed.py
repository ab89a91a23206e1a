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

"""Programs that are armed, in processes of their own."""

from tests.functional.harness import free_port
from tests.unit import fresh

PRELUDE = '''
import os, signal, sys, time
import osdbg
from osdbg.this_process import agent

def tasks():
    return len(os.listdir('/proc/self/task'))

def until(probe, seconds=20):
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, 'too late'
        time.sleep(0.01)

def armed():
    return osdbg.status().worker is not None

def together(count, work):
    """Have children work, none of which ends before all have worked."""
    done, tell = os.pipe()
    go, start = os.pipe()
    pids = []
    for _ in range(count):
        pids.append(os.fork())
        if not pids[-1]:
            os.close(start)
            code = work()
            os.write(tell, b'.')
            os.read(go, 1)
            os._exit(code)
    os.close(tell)
    for _ in pids:
        assert os.read(done, 1), 'a child has died'
    os.close(start)
    return [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids]

def child(work):
    pid = os.fork()
    if not pid:
        code = 9
        try:
            code = work() or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

status = osdbg.init()
'''


class ArmedTestCase(fresh.FreshTestCase):
    def environ(self, **more):
        return {'OS_REMOTE_DEBUG__PORT': str(free_port()), **more}

    def assert_armed(self, program, **more):
        self.assert_ok(PRELUDE + program, **self.environ(**more))

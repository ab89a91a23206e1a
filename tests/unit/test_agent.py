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

"""The agent: one thread, one per process, in nobody's way."""

import time

from tests.functional.harness import free_port
from tests.unit import fresh

PRELUDE = '''
import os, signal, sys, time
import osdbg
from osdbg import agent

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
# Holds the gate for longer than another fork waits for it.
SLOW_FORK = '''
import os, threading, time
def before():
    if threading.current_thread().name == 'slow':
        time.sleep(2.6)
os.register_at_fork(before=before)
'''
# Another program has a name; the test goes on from here.
SQUATTER = '''
import os, socket
squatter = socket.socket(socket.AF_UNIX)
squatter.bind('\\0' + os.environ['OSDBG_SOCKET'] + '{name}')
squatter.listen({backlog})
'''
ENDS = {
    'os._exit(7)': 7,
    'sys.exit(8)': 8,
    'sys.exit()': 0,
    'raise KeyboardInterrupt': -2,
    'os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)': -15,
    'pass': 0,
}


class AgentTestCase(fresh.FreshTestCase):
    def environ(self, **more):
        return {'OS_REMOTE_DEBUG__PORT': str(free_port()), **more}

    def assert_armed(self, program, **more):
        self.assert_ok(PRELUDE + program, **self.environ(**more))


class TestFork(AgentTestCase):
    def test_a_child_has_an_agent_of_its_own(self):
        self.assert_armed(
            """
until(armed)
mine = agent.current()
first = mine.id
def work():
    assert osdbg.init() is status
    assert agent.current().pid == os.getpid()
    assert agent.current().id != first
    assert agent.current().parent == first
    until(armed)
    until(lambda: tasks() == 2)
    # The parent is the launcher now, its number is free.
    assert status.worker == 0
    return child(lambda: until(armed))
assert child(work) == 0
assert agent.current().id == first
until(lambda: tasks() == 2)
print('OK')
"""
        )

    def test_many_children(self):
        self.assert_armed(
            """
def work():
    until(armed)
    return 10 + status.worker
codes = together(4, work)
assert sorted(codes) == [10, 11, 12, 13], codes
print('OK')
"""
        )

    def test_off_stays_off(self):
        self.assert_ok(
            PRELUDE
            + """
assert status is None
def work():
    return tasks()
assert child(work) == 1
print('OK')
"""
        )

    def test_fork_in_a_thread(self):
        self.assert_armed(
            """
import threading
found = []
def run():
    found.append(child(lambda: until(armed)))
thread = threading.Thread(target=run, daemon=True)
thread.start()
thread.join()
assert found == [0]
print('OK')
"""
        )

    def test_commands_are_started_as_ever(self):
        self.assert_armed(
            """
import subprocess
for _ in range(20):
    done = subprocess.run(['echo', 'hi'], capture_output=True,
                          preexec_fn=lambda: None)
    assert done.stdout == b'hi\\n'
until(armed)
until(lambda: tasks() == 2)
print('OK')
"""
        )

    def test_threads_that_fork_at_once(self):
        self.assert_ok(
            SLOW_FORK
            + PRELUDE
            + """
import threading
until(armed)
one = threading.Thread(target=child, args=(lambda: 0,), name='slow')
two = threading.Thread(target=child, args=(lambda: 0,))
one.start()
time.sleep(0.2)
two.start()
one.join()
two.join()
assert not agent.current()._debugger.gate.locked()
print('OK')
""",
            **self.environ(),
        )


class TestEnd(AgentTestCase):
    def test_codes_and_time(self):
        for end, code in ENDS.items():
            for when in ('', 'until(armed)'):
                with self.subTest(f'{when} {end}'):
                    started = time.monotonic()
                    done = fresh.run(
                        f'{PRELUDE}\n{when}\n{end}\n', **self.environ()
                    )
                    self.assertEqual(code, done.returncode, done.stderr)
                    self.assertLess(time.monotonic() - started, 20)
                    if code != -2:
                        self.assertEqual('', done.stderr)


class TestGateway(AgentTestCase):
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
until(lambda: agent.current()._channel is not None)
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
            PRELUDE.replace('status = osdbg.init()', '')
            + """
from osdbg.gateway import credentials, protocol
def work():
    osdbg.init()
    assert agent.current().progress.wait_armed(25) == ''
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
            + PRELUDE
            + "until(armed, 20)\nprint('OK')\n",
            **self.environ(),
        )


class TestSquatter(AgentTestCase):
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
            + PRELUDE
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
            + PRELUDE
            + """
trouble = agent.current().progress.wait_armed(9)
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


class TestThread(AgentTestCase):
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


class TestSeveralInits(AgentTestCase):
    """Before the service has read its configuration, and after."""

    def test_the_last_one_counts(self):
        port = str(free_port())
        self.assert_armed(
            f"""
until(armed)
from oslo_config import cfg
cfg.CONF(['--config-file', '/dev/null'])
os.environ['OS_REMOTE_DEBUG__PORT'] = {port!r}
os.environ['OS_REMOTE_DEBUG__NAME'] = 'other'
assert osdbg.init(cfg.CONF) is status
assert status.address.endswith({port!r}), status
assert status.name == 'other'
import socket
found = []  # whoever hangs up at once is not known, which is logged
def reached():
    try:
        found.append(socket.create_connection(('127.0.0.1', int({port!r}))))
    except OSError:
        pass
    return found
until(reached)
until(armed)
assert tasks() == 2
print('OK')
"""
        )

    def test_the_same_again_is_not_said_again(self):
        self.assert_armed(
            """
until(armed)
channel = agent.current()._channel
assert osdbg.init() is status
os.environ['OS_REMOTE_DEBUG__WAIT_TIMEOUT'] = '3'
assert osdbg.init() is status
time.sleep(0.2)
assert agent.current()._channel is channel
assert agent.current().settings.wait_timeout == 3
print('OK')
"""
        )

    def test_at_once_before_anybody_answered(self):
        self.assert_armed(
            """
for name in 'abc':
    os.environ['OS_REMOTE_DEBUG__NAME'] = name
    assert osdbg.init() is status
until(armed)
assert status.name == 'c'
print('OK')
"""
        )

    def test_each_forked_process_has_a_first_one(self):
        self.assert_armed(
            """
mine = agent.current()
assert not mine.introduce(mine.settings)
def work():
    assert agent.current().introduce(mine.settings)
    assert not agent.current().introduce(mine.settings)
assert child(work) == 0
print('OK')
"""
        )


class TestLaunch(AgentTestCase):
    def test_a_launcher_has_no_number(self):
        self.assert_armed(
            """
from osdbg import bootstrap
until(armed)
bootstrap.launch()
until(lambda: status.worker is None)
assert child(lambda: until(armed)) == 0
assert status.worker is None
print('OK')
"""
        )

    def test_unless_it_is_wanted(self):
        self.assert_armed(
            """
from osdbg import bootstrap
until(armed)
bootstrap.launch()
def work():
    until(armed)
    return 10 + status.worker
assert child(work) == 11
assert status.worker == 0
print('OK')
""",
            OS_REMOTE_DEBUG__LAUNCHER='true',
        )

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

"""One agent for each process, in nobody's way."""

import time

from tests.functional.fresh import armed
from tests.unit import fresh

# Holds the gate for longer than another fork waits for it.
SLOW_FORK = '''
import os, threading, time
def before():
    if threading.current_thread().name == 'slow':
        time.sleep(2.6)
os.register_at_fork(before=before)
'''
ENDS = {
    'os._exit(7)': 7,
    'sys.exit(8)': 8,
    'sys.exit()': 0,
    'raise KeyboardInterrupt': -2,
    'os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)': -15,
    'pass': 0,
}


class TestFork(armed.ArmedTestCase):
    def test_a_child_has_an_agent_of_its_own(self):
        self.assert_armed(
            """
until(armed)
mine = agent()
first = mine.id
def work():
    assert osdbg.init() is status
    assert agent().pid == os.getpid()
    assert agent().id != first
    assert agent().parent == first
    until(armed)
    until(lambda: tasks() == 2)
    # The parent is the launcher now, its number is free.
    assert status.worker == 0
    return child(lambda: until(armed))
assert child(work) == 0
assert agent().id == first
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
            armed.PRELUDE
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
            + armed.PRELUDE
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
assert not agent().debugger.gate.locked()
print('OK')
""",
            **self.environ(),
        )


class TestEnd(armed.ArmedTestCase):
    def test_codes_and_time(self):
        for end, code in ENDS.items():
            for when in ('', 'until(armed)'):
                with self.subTest(f'{when} {end}'):
                    started = time.monotonic()
                    done = fresh.run(
                        f'{armed.PRELUDE}\n{when}\n{end}\n', **self.environ()
                    )
                    self.assertEqual(code, done.returncode, done.stderr)
                    self.assertLess(time.monotonic() - started, 20)
                    if code != -2:
                        self.assertEqual('', done.stderr)

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

"""Who waits for the debugger, or for a client, and for how long."""

from pathlib import Path
import tempfile
import time

from tests.functional.fresh import armed
from tests.unit import fresh

PRELUDE = '''
import os, sys, time
def tasks():
    return len(os.listdir('/proc/self/task'))
'''


class TestLeftOut(armed.ArmedTestCase):
    PROGRAM = """
import logging, time
logging.basicConfig(level=logging.INFO, format='%(message)s')
import osdbg
start = time.monotonic()
status = osdbg.init()
assert time.monotonic() - start < 10
assert (status.worker, status.state) == (0, 'armed'), status
"""

    def test_waits_for_nobody(self):
        for option in ('ACTIVATE=on_init', 'WAIT_FOR_CLIENT=true'):
            with self.subTest(option):
                name, _, value = option.partition('=')
                more = {
                    f'OS_REMOTE_DEBUG__{name}': value,
                    'OS_REMOTE_DEBUG__REQUIRED': 'true',
                    'OS_REMOTE_DEBUG__WORKERS': '1,3',
                }
                done = fresh.run(self.PROGRAM, **self.environ(**more))
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertIn(
                    'workers = 1,3 leaves out this process (worker 0)\n',
                    done.stderr,
                )


class TestLoadFails(armed.ArmedTestCase):
    def init(self, debugpy='', **more):
        """Return how init() ends with another debugpy, or an empty one."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, 'debugpy').mkdir()
            Path(directory, 'debugpy', '__init__.py').write_text(debugpy)
            return fresh.run(
                f'import sys; sys.path.insert(0, {directory!r})\n'
                'import osdbg\n'
                'print(osdbg.init().state)\n',
                **self.environ(OS_REMOTE_DEBUG__ACTIVATE='on_init', **more),
            )

    def test_the_service_runs_on(self):
        start = time.monotonic()
        done = self.init()
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual((0, 'armed\n'), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('the debugger could not be loaded', done.stderr)

    def test_is_never_taken_for_a_gateway_that_has_gone(self):
        for error in ('ConnectionRefusedError', 'FileNotFoundError'):
            with self.subTest(error):
                done = self.init(f'raise {error}("by debugpy")')
                self.assertIn(f'{error}: by debugpy', done.stderr)

    def test_required(self):
        done = self.init(OS_REMOTE_DEBUG__REQUIRED='true')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('osdbg is off: the debugger could not', done.stderr)


class TestWaiting(armed.ArmedTestCase):
    def test_obeys_signals(self):
        # As the handlers of oslo.service: they only make a note.
        self.assert_ok(
            PRELUDE
            + """
import signal, threading
import osdbg
noted = []
signal.signal(signal.SIGTERM, lambda *args: noted.append(args))
threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
start = time.monotonic()
osdbg.init()
assert len(noted) == 1
assert time.monotonic() - start < 5
assert signal.getsignal(signal.SIGTERM).__name__ == '<lambda>'
print('OK')
""",
            **self.environ(OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true'),
        )

    def test_ends_with_the_launcher(self):
        self.assert_ok(
            PRELUDE
            + """
from osdbg import bootstrap
done, tell = os.pipe()
launcher = os.fork()
if not launcher:
    worker = os.fork()
    if worker:
        # Until it waits: it has started its agent before.
        while len(os.listdir(f'/proc/{worker}/task')) < 2:
            time.sleep(0.01)
        time.sleep(0.5)
        os._exit(0)
    bootstrap.arm()
    os.write(tell, b'.')
    os._exit(0)
os.close(tell)
assert os.read(done, 1) == b'.'
print('OK')
""",
            **self.environ(OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true'),
        )

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

"""A line of ours reaches the log and leaves nobody waiting."""

import contextlib
import io
import logging
import unittest

from osdbg import journal
from tests.unit import fresh

GREEN = '''
import eventlet
eventlet.monkey_patch()
import io, logging, sys
from eventlet import patcher
from osdbg import journal
thread = patcher.original('_thread')
stream = io.StringIO()
handler = logging.StreamHandler(stream)
handler.setFormatter(logging.Formatter('%(levelname)s %(name)s %(message)s'))
root = logging.getLogger()
root.addHandler(handler)
root.setLevel(logging.INFO)

def natively(*args):
    done = thread.allocate_lock()
    done.acquire()
    def run():
        journal.write(*args)
        done.release()
    thread.start_new_thread(run, ())
    assert done.acquire(True, 5), 'hangs'
'''
FACTORY = """
import logging
def factory(*args, **more):
    record = logging.LogRecord(*args, **more)
    record.request_id = '-'
    return record
logging.setLogRecordFactory(factory)
"""


class TestNative(unittest.TestCase):
    def test_is_an_ordinary_line(self):
        with self.assertLogs('osdbg', logging.INFO) as caught:
            journal.write(logging.INFO, 'at %s:%d', 'here', 5)
            journal.write(logging.DEBUG, 'not shown')
        self.assertEqual(['INFO:osdbg:at here:5'], caught.output)

    def test_logging_that_raises(self):
        def raising(record):
            raise RuntimeError('in a filter')

        logger, errors = logging.getLogger('osdbg'), io.StringIO()
        logger.addFilter(raising)
        self.addCleanup(logger.removeFilter, raising)
        with contextlib.redirect_stderr(errors):
            journal.write(logging.WARNING, 'at %s', 'home')
        self.assertEqual(
            f"at home ({journal.NOT_LOGGED} RuntimeError('in a filter'))\n",
            errors.getvalue(),
        )
        with contextlib.redirect_stderr(None):
            journal.write(logging.WARNING, 'at %s', 'home')


class TestGreen(fresh.FreshTestCase):
    def test_levels_and_handlers(self):
        self.assert_ok(
            GREEN
            + """
errors = io.StringIO()
other = logging.StreamHandler(errors)
other.setLevel(logging.ERROR)
logging.getLogger('osdbg').addHandler(other)
natively(logging.INFO, 'to %s', 'root')
natively(logging.DEBUG, 'to nobody')
natively(logging.ERROR, 'to both')
assert stream.getvalue() == 'INFO osdbg to root\\nERROR osdbg to both\\n'
assert errors.getvalue() == 'to both\\n'
logging.getLogger('osdbg').propagate = False
natively(logging.WARNING, 'kept in')
logging.disable(logging.CRITICAL)
natively(logging.CRITICAL, 'disabled')
assert 'kept' not in stream.getvalue() and 'dis' not in stream.getvalue()
print('OK')
"""
        )

    def test_a_thread_of_c_that_imports_it_is_forgotten(self):
        self.assert_ok("""
import _thread, threading, time
def import_it():
    from osdbg import journal
    found.append(set(threading._active) - before)
before, found = set(threading._active), []
_thread.start_new_thread(import_it, ())
while not found:
    time.sleep(0.01)
assert found == [set()], found
print('OK')
""")

    def test_nobody_hangs_while_a_green_thread_holds_the_lock(self):
        self.assert_ok(
            GREEN
            + """
said = []
def hold():
    with handler.lock:
        said.append('held')
        eventlet.sleep(0.1)
def speak(n):
    logging.getLogger('service').info('line %d', n)
    said.append(n)
threads = [eventlet.spawn(hold)]
eventlet.sleep(0)
threads += [eventlet.spawn(speak, n) for n in range(3)]
eventlet.sleep(0)
assert said == ['held'], said
natively(logging.WARNING, 'ours')
assert 'WARNING osdbg ours' in stream.getvalue()
with eventlet.Timeout(5):
    for thread_ in threads:
        thread_.wait()
    speak(3)
assert said == ['held', 0, 1, 2, 3], said
print('OK')
"""
        )

    def test_nobody_hangs_while_a_thread_is_being_started(self):
        self.assert_ok(
            GREEN
            + """
import threading
with threading._active_limbo_lock:
    natively(logging.WARNING, 'ours')
assert stream.getvalue() == 'WARNING osdbg ours\\n', stream.getvalue()
print('OK')
"""
        )

    def test_it_is_a_record_like_any_other(self):
        for moments in ((FACTORY, ''), ('', FACTORY)):
            with self.subTest(moments):
                self.play_factory(*moments)

    def play_factory(self, before, after):
        self.assert_ok(
            before
            + GREEN
            + after
            + """
import os, re, time
handler.setFormatter(logging.Formatter(
    '%(request_id)s %(process)d %(thread)d %(threadName)s %(asctime)s '
    '%(msecs)03d %(relativeCreated)d %(filename)s %(message)s'
))
time.sleep(0.2)
natively(logging.WARNING, 'at %s', 'home')
found = re.fullmatch(
    r'- (\\d+) (\\d+) \\S+ \\S+ \\S+,(\\d+) (\\d+) (\\d+) '
    r'journal.py at home\\n',
    stream.getvalue(),
)
assert found, stream.getvalue()
assert int(found[1]) == os.getpid()
assert int(found[2]) != thread.get_ident()
assert found[3] == found[4]
assert 200 <= int(found[5]) < 60000
print('OK')
"""
        )

    def test_with_no_handler_at_all(self):
        done = fresh.run(
            GREEN
            + """
root.removeHandler(handler)
natively(logging.INFO, 'not shown')
natively(logging.WARNING, 'shown')
"""
        )
        self.assertEqual((0, 'shown\n'), (done.returncode, done.stderr))

    def test_a_file_that_is_opened_late(self):
        self.assert_ok(
            GREEN
            + """
import os, tempfile
path = os.path.join(tempfile.mkdtemp(), 'log')
late = logging.FileHandler(path, delay=True)
root.addHandler(late)
natively(logging.WARNING, 'in the file')
logging.getLogger().warning('and this')
late.close()
with open(path) as file:
    assert file.read() == 'in the file\\nand this\\n'
print('OK')
"""
        )

    def test_filters_of_a_handler(self):
        self.assert_ok(
            GREEN
            + """
handler.addFilter(lambda record: 'secret' not in record.msg)
natively(logging.WARNING, 'secret')
natively(logging.WARNING, 'shown')
assert stream.getvalue() == 'WARNING osdbg shown\\n', stream.getvalue()
print('OK')
"""
        )

    def test_a_log_that_cannot_be_written(self):
        self.assert_ok(
            GREEN
            + """
class Broken(logging.Handler):
    def emit(self, record):
        raise OSError('disk full')
root.handlers.insert(0, Broken())
stream_handler = logging.StreamHandler(io.StringIO())
stream_handler.stream.close()
root.handlers.insert(0, stream_handler)
natively(logging.WARNING, 'still there')
assert 'still there' in stream.getvalue()
print('OK')
"""
        )

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

"""What a process does while one of its threads is in the middle of pydevd."""

from tests.unit import fresh

LOAD = """
import _socket, _thread, os, signal, sys, threading, time
from osdbg.backends import _debugpy
from osdbg import settings

def aside(call):
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(lambda: (call(), done.release()), ())
    done.acquire()

def load():
    ours, theirs = _socket.socketpair()
    backend = _debugpy.DebugpyBackend(settings.Settings())
    aside(lambda: backend.load(ours))
    constants = sys.modules['_pydevd_bundle.pydevd_constants']
    return theirs, backend, constants
"""
# One comes while it holds each of pydevd's locks.
SIGNAL = """
import faulthandler
faulthandler.dump_traceback_later(20, exit=True)
seen, held, main = [], set(), _thread.get_ident()
def obey(*args):
    seen.append(True)
signal.signal(signal.SIGTERM, obey)
theirs, backend, constants = load()
leave = constants.ForkSafeLock.__exit__
def interrupted(lock, *exc_info):
    stopped = signal.getsignal(signal.SIGTERM) is not obey
    if stopped and lock not in held and _thread.get_ident() == main:
        held.add(lock)
        os.kill(os.getpid(), signal.SIGTERM)
    return leave(lock, *exc_info)
constants.ForkSafeLock.__exit__ = interrupted
backend.break_here(sys._getframe())
assert 0 < len(held) == len(seen), (held, seen)
print('OK')
"""
FORK = """
theirs, backend, constants = load()
def own():
    found = constants.get_current_thread_id(threading.main_thread())
    return found.startswith(f'pid_{os.getpid()}_')
assert own()
pid = os.fork()
if not pid:
    backend.after_fork()
    os._exit(not own())
assert os.waitpid(pid, 0)[1] == 0
print('OK')
"""
# One raw thread has stopped, and another has the lock of their table when all
# of them are frozen, which is after the handlers of atexit.
EXIT = """
import atexit
turns = [_thread.allocate_lock() for _ in range(2)]
for turn in turns:
    turn.acquire()
def take():
    turns[0].acquire()
    table._active_limbo_lock.acquire()
    turns[1].release()
_thread.start_new_thread(take, ())
atexit.register(lambda: (turns[0].release(), turns[1].acquire()))
theirs, backend, constants = load()
# Or the main thread would be stopped, too.
py_db = sys.modules['pydevd'].get_global_debugger()
py_db.multi_threads_single_notification = False
def stop():
    backend.break_here(sys._getframe())
    time.sleep(0)
ident = _thread.start_new_thread(stop, ())
def info():
    return getattr(threading._active.get(ident), 'additional_info', None)
while info() is None or info().pydev_state != constants.STATE_SUSPEND:
    time.sleep(0.01)
table = sys.modules['_pydev_bundle._pydev_saved_modules'].threading
print('OK', flush=True)
"""


class TestLocks(fresh.FreshTestCase):
    def test_a_signal(self):
        self.assert_ok(LOAD + SIGNAL)

    def test_a_fork(self):
        self.assert_ok(LOAD + FORK)

    def test_the_end_of_the_process(self):
        self.assert_ok(LOAD + EXIT)

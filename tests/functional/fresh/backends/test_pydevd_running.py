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


"""Functions that run already are looked for, and not too often."""

from tests.functional.fresh.backends.test_debugpy_locks import LOAD
from tests.unit import fresh

BEGIN = """
from osdbg.backends import _pydevd_running as running

theirs, backend, constants = load()
py_db = sys.modules['pydevd'].get_global_debugger()
follow = py_db.set_tracing_for_untraced_contexts

# What was being asked has answered by the second time.
TWICE = sys.version_info < (3, 12)

def until(probe):
    deadline = time.monotonic() + 20
    while not probe():
        assert time.monotonic() < deadline, 'too late'
        time.sleep(0.01)
"""
TOGETHER = """
# To look at all of these takes its time.
objects = [[] for _ in range(200_000)]
running.begin()
looks = running._Session.looks
follow()
first, pause = looks.last, looks.pause
assert first > 0 and pause > 0.01, (first, pause)
assert looks.waits == TWICE
for _ in range(5):
    follow()
assert looks.last == first and looks.waits
until(lambda: looks.last != first)
# One for all of them.
assert looks.last - first >= pause
assert not looks.waits
second = looks.last
time.sleep(2 * looks.pause)
assert looks.last == second
# The next one is not late any more, and has another that follows.
follow()
third = looks.last
assert third > second and looks.waits == TWICE
if TWICE:
    until(lambda: looks.last != third)
print('OK', flush=True)
os._exit(0)
"""
NEXT = """
running.begin()
follow()
follow()
assert running._Session.looks.waits
# It is another that waits.
running.begin()
looks = running._Session.looks
assert not looks.waits
follow()
first = looks.last
assert first
follow()
assert looks.waits
until(lambda: looks.last != first)
print('OK', flush=True)
os._exit(0)
"""
LEAVES = """
# To look at all of these takes its time.
objects = [[] for _ in range(200_000)]
follow()
looks = running._Session.looks
first = looks.last
follow()
assert first and looks.waits
aside(backend.unload)
# Nor does it look at who has left, or fail.
time.sleep(1.5 * looks.pause)
assert looks.last == first
follow()
assert looks.last == first
print('OK')
"""
# What is being closed, in which other threads run and look, and is freed with
# whatever has come to refer to it.
CLOSED = """
import warnings
from osdbg import parked

def look(*args, **kwargs):
    looks = parked.running_frames(), parked.suspended_frames()
    for each in looks:
        next(each, None)
    looked.append(looks)

def generator():
    try:
        yield
    finally:
        look()

async def coroutine():
    pass

async def asynchronous():
    yield

waits = generator()
next(waits)
looked = []
warnings.simplefilter('always')
warnings.showwarning = look  # of one that was never awaited
sys.set_asyncgen_hooks(finalizer=look)
for _ in range(10):
    next(generator())
    coroutine()
    each = asynchronous()
    try:
        each.asend(None).send(None)
    except StopIteration:
        del each
assert len(looked) == 30, len(looked)
filler = [bytearray(n) for n in range(5000)]
for each in looked:
    for frames in each:
        list(frames)
print('OK', flush=True)
os._exit(0)
"""
# Another thread may be about to call a trace function that is replaced.
REPLACED = """
import weakref
if not TWICE:
    print('OK', flush=True)
    os._exit(0)  # sys.monitoring has none

class Tracer:
    def __call__(self, frame, event, arg):
        return self

def replaced():
    frame = sys._getframe()
    tracer = frame.f_trace = Tracer()
    gone = weakref.ref(tracer)
    del tracer
    py_db.set_trace_for_frame_and_parents(_thread.get_ident(), frame)
    return gone, frame.f_trace

gone, now = replaced()
assert type(now) is not Tracer
assert gone() is not None
aside(backend.unload)
assert gone() is None
print('OK')
"""
# What waits keeps nothing of the debugger's when that has gone.
LEFT = """
def generator():
    while True:
        yield

async def coroutine():
    await pauses()

import types

@types.coroutine
def pauses():
    yield

each, awaited = generator(), coroutine()
next(each)
awaited.send(None)
waiting = each.gi_frame, awaited.cr_frame
other = lambda *args: other
for frame in waiting:
    frame.f_trace = py_db.trace_dispatch if TWICE else other
if TWICE:
    assert running.end() and not running.end()
    assert [frame.f_trace for frame in waiting] == [None, None]
    waiting[0].f_trace = other
    assert not running.end()
assert waiting[0].f_trace is other
awaited.close()
print('OK', flush=True)
os._exit(0)
"""
# A program that was imported as well has each function twice, and they are
# equal.
EQUAL = """
if sys.version_info < (3, 12):
    print('OK')
    raise SystemExit
source = '''
def loop():
    while True:
        yield
'''
loops = []
for name in ('__main__', 'program'):
    names = dict(__name__=name)
    exec(compile(source, 'program.py', 'exec'), names)
    loops.append(names['loop']())
    next(loops[-1])
codes = [each.gi_code for each in loops]
assert codes[0] == codes[1] and codes[0] is not codes[1]
monitor = sys.monitoring
tool, line = monitor.DEBUGGER_ID, monitor.events.LINE

class Monitoring:
    restart_events = staticmethod(lambda: None)

told = []

def tell_once(code, line):
    told.append(id(code))
    return monitor.DISABLE

monitor.register_callback(tool, line, tell_once)
for code in codes:
    monitor.set_local_events(tool, code, line)

def turn():
    told.clear()
    for _ in range(2):
        for each in loops:
            next(each)
    return set(told)

assert turn() == {*map(id, codes)}, told
assert turn() == set(), told
running._restart(Monitoring, lambda frame: None)
assert turn() == {*map(id, codes)}, told
print('OK', flush=True)
os._exit(0)
"""


class RunningTest(fresh.FreshTestCase):
    def test_changes_of_one_moment(self):
        self.assert_ok(LOAD + BEGIN + TOGETHER)

    def test_the_next_session(self):
        self.assert_ok(LOAD + BEGIN + NEXT)

    def test_the_client_leaves(self):
        self.assert_ok(LOAD + BEGIN + LEAVES)

    def test_those_that_are_being_closed(self):
        self.assert_ok(LOAD + BEGIN + CLOSED)

    def test_what_waits_keeps_nothing(self):
        self.assert_ok(LOAD + BEGIN + LEFT)

    def test_trace_functions_that_are_replaced(self):
        self.assert_ok(LOAD + BEGIN + REPLACED)

    def test_equal_functions(self):
        self.assert_ok(LOAD + BEGIN + EQUAL)

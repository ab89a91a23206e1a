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

"""Green threads of a real eventlet, in programs of their own."""

from tests.unit import fresh

PRELUDE = '''
import sys
from osdbg import deaths

told = []
watch = deaths.Watch(lambda exc: told.append(str(exc)))
watch.renew(lambda: True)
assert 'eventlet' not in sys.modules and 'greenlet' not in sys.modules

import eventlet
from eventlet import greenpool, greenthread, hubs
from eventlet.hubs import hub as base
# They would print it.
hubs.get_hub().debug_exceptions = greenpool.DEBUG = False
OWNERS = (greenpool.GreenPool, greenthread.GreenThread, base.BaseHub)

def state():
    return [dict(vars(owner)) for owner in OWNERS]

def fail(what):
    raise LookupError(what)

before = state()
watch.renew(lambda: True)
'''
EACH = '''
pool = greenpool.GreenPool()
for spawn in (
    eventlet.spawn, eventlet.spawn_n, pool.spawn, pool.spawn_n,
    lambda *args: eventlet.spawn_after(0, *args),
    lambda *args: greenthread.spawn_after_local(0, *args),
):
    spawn(fail, 'x')
    eventlet.sleep(0.01)
    assert told.pop() == 'x', spawn
    assert not told, (spawn, told)
print('OK')
'''
WAITERS = '''
first = eventlet.spawn(fail, 'x')
second = eventlet.spawn(first.wait)
third = eventlet.spawn_n(second.wait)
try:
    second.wait()
except LookupError as exc:
    assert deaths.has_ended_one(exc)
eventlet.sleep(0)
assert told == ['x'], told
try:
    fail('y')
except LookupError as exc:
    assert not deaths.has_ended_one(exc)
print('OK')
'''
OTHERS = '''
done = []
try:
    fail('of ours')
except LookupError:
    # It is being dealt with when these end, or have.
    thread = greenthread.GreenThread(greenthread.getcurrent())
    thread.link(done.append)
    thread.main(int, (), {})
    thread.link(done.append)
assert done == [thread, thread]
for ended in (eventlet.spawn(eventlet.sleep, 9), eventlet.spawn_n(int)):
    eventlet.sleep(0)
    eventlet.kill(ended)
assert told == [], told
print('OK')
'''
UNDONE = '''
ours = state()
assert ours != before
watch.renew(lambda: True)
assert state() == ours
watch.renew(lambda: False)
assert state() == before
watch.renew(lambda: False)
assert state() == before
eventlet.spawn(fail, 'x')
eventlet.sleep(0)
assert told == []

watch.renew(lambda: True)
theirs = lambda hub, timer, exc_info: None
base.BaseHub.squelch_timer_exception = theirs
watch.renew(lambda: False)
assert base.BaseHub.squelch_timer_exception is theirs
print('OK')
'''
FORKED = '''
import os
watch._lock.acquire()  # as if another thread were at it
pid = os.fork()
if not pid:
    watch.after_fork()
    os._exit(state() != before)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert state() != before
print('OK')
'''
BROKEN = '''
def broken(exc):
    raise ValueError('of ours')
watch._tell = broken
seen = []
thread = eventlet.spawn(fail, 'x')
thread.link(seen.append)
eventlet.spawn_n(fail, 'y')
try:
    thread.wait()
except LookupError as exc:
    seen.append(str(exc))
assert seen == [thread, 'x'], seen
print('OK')
'''
LOADING = '''
import sys, types
for name in ('eventlet', 'eventlet.greenthread', 'eventlet.hubs.hub'):
    sys.modules[name] = types.ModuleType(name)
from osdbg import deaths
deaths.Watch(print).renew(lambda: True)
print('OK')
'''


class TestWatch(fresh.FreshTestCase):
    def test_each_that_ends(self):
        self.assert_ok(PRELUDE + EACH)

    def test_who_waits_for_it_is_no_second_one(self):
        self.assert_ok(PRELUDE + WAITERS)

    def test_what_is_no_death(self):
        self.assert_ok(PRELUDE + OTHERS)

    def test_undone(self):
        self.assert_ok(PRELUDE + UNDONE)

    def test_undone_in_a_child(self):
        self.assert_ok(PRELUDE + FORKED)

    def test_failure_of_ours(self):
        self.assert_ok(PRELUDE + BROKEN)

    def test_while_eventlet_is_being_loaded(self):
        self.assert_ok(LOADING)

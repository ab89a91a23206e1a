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


"""Who runs, and being told of it, where greenlets are real ones."""

from tests.unit import fresh

HEAD = """
import sys
import greenlet
from osdbg import greenlets

me = greenlet.getcurrent
main = me()
told = []

def tell(origin, target):
    assert target is me(), (origin, target)
    told.append((origin, target))

def turn(one):
    return one.switch()

def parks():
    while True:
        main.switch()
"""
TOLD = """
one = greenlet.greenlet(parks)
follow = greenlets.follow_switches(tell)
turn(one)
assert told == [(main, one), (one, main)], told
# So it is where one begins or ends by an exception.
told.clear()
one.throw()
assert one.dead and told == [(main, one), (one, main)], told
follow.end()
told.clear()
turn(greenlet.greenlet(parks))
assert not told and greenlet.gettrace() is None
print('OK')
"""
CHAINED = """
before = []

def service(event, args):
    before.append((event, args))

greenlet.settrace(service)
one = greenlet.greenlet(parks)
follow = greenlets.follow_switches(tell)
turn(one)
switches = [('switch', (main, one)), ('switch', (one, main))]
assert before == switches, before
assert told == [args for _, args in switches]
follow.end()
assert greenlet.gettrace() is not service
for turns in (2, 3):
    turn(one)
    assert before == turns * switches, before
    # From the first switch on.
    assert greenlet.gettrace() is service
assert len(told) == 2
print('OK')
"""
TWO = """
others = []
one = greenlet.greenlet(parks)
first = greenlets.follow_switches(tell)
second = greenlets.follow_switches(lambda *args: others.append(args))
turn(one)
assert told == others == [(main, one), (one, main)]
first.end()
turn(one)
assert len(told) == 2 and len(others) == 4
# The first to begin may be the first to end.
second.end()
turn(one)
turn(one)
assert len(told) == 2 and len(others) == 4
assert greenlet.gettrace() is None
print('OK')
"""
RAISES = """
def fails(origin, target):
    told.append(target)
    raise LookupError('ours')

before = []
greenlet.settrace(lambda event, args: before.append(event))
service = greenlet.gettrace()
one = greenlet.greenlet(parks)
follow = greenlets.follow_switches(fails)
# The exception would come out here, or where it parks.
turn(one)
turn(one)
assert not one.dead
# It is not told again, and the others are.
assert told == [one], told
assert before == ['switch'] * 4, before
assert greenlet.gettrace() is service
follow.end()
print('OK')
"""
THREADS = """
import threading

def switches():
    root = me()
    greenlet.greenlet(lambda: root.switch()).switch()

follow = greenlets.follow_switches(tell)
thread = threading.Thread(target=switches)
thread.start()
thread.join()
# Another native thread has other switches.
assert told == [], told
# And yet it may end them.
thread = threading.Thread(target=follow.end)
thread.start()
thread.join()
turn(greenlet.greenlet(parks))
assert told == [] and greenlet.gettrace() is None
print('OK')
"""
KEEPS = """
import gc
import weakref

class Tell:
    def __call__(self, origin, target):
        pass

gc.disable()
tell = Tell()
gone = weakref.ref(tell)
follow = greenlets.follow_switches(tell)
turn(greenlet.greenlet(lambda: None))
del tell
assert gone() is not None
follow.end()
assert gone() is None
print('OK')
"""
MAIN = """
import threading

def parent():
    turn(greenlet.greenlet(child))

def child():
    assert greenlets.parent_of(me()).parent is main
    found.append(greenlets.main_of(me()))

found = []
turn(greenlet.greenlet(parent))
assert found == [main] and greenlets.main_of(main) is main
thread = threading.Thread(target=lambda: found.append(
    (me(), greenlets.main_of(me()))))
thread.start()
thread.join()
own, its = found[1]
assert own is its is not main

class Odd(greenlet.greenlet):
    parent = None

assert greenlets.main_of(Odd(parks)) is main
# Of one that has not begun it is that of its parent.
assert greenlets.main_of(greenlet.greenlet(parks, greenlet.greenlet(parks))
    ) is main
print('OK')
"""
HUB = """
import eventlet
eventlet.monkey_patch()
import threading
from osdbg import greenlets

assert not greenlets.in_hub()
found = []
hub = eventlet.hubs.get_hub()
hub.schedule_call_global(0, lambda: found.append(greenlets.in_hub()))
green = eventlet.spawn(lambda: found.append(greenlets.in_hub()))
green.wait()
assert found == [True, False], found
# A native thread without one gets none by being asked.
native = eventlet.patcher.original('threading')
thread = native.Thread(target=lambda: found.append(greenlets.in_hub()))
thread.start()
thread.join()
assert found == [True, False, False], found
assert greenlets.hubs() == [hub]
print('OK')
"""
WITHOUT = """
import sys
from osdbg import greenlets

assert greenlets.current() is None and not greenlets.in_hub()
assert greenlets.everyone() == [] and greenlets.hubs() == []
assert greenlets.trampoline() is None
assert not {'greenlet', 'eventlet'} & {*sys.modules}
print('OK')
"""


class FollowTest(fresh.FreshTestCase):
    def test_is_told(self):
        self.assert_ok(HEAD + TOLD)

    def test_whoever_was_told_before_still_is(self):
        self.assert_ok(HEAD + CHAINED)

    def test_two_of_ours(self):
        self.assert_ok(HEAD + TWO)

    def test_an_exception_reaches_nobody(self):
        self.assert_ok(HEAD + RAISES)

    def test_of_one_native_thread(self):
        self.assert_ok(HEAD + THREADS)

    def test_nothing_is_kept(self):
        self.assert_ok(HEAD + KEEPS)


class WhoTest(fresh.FreshTestCase):
    def test_main_of(self):
        self.assert_ok(HEAD + MAIN)

    def test_in_hub(self):
        self.assert_ok(HUB)

    def test_without_greenlets(self):
        self.assert_ok(WITHOUT)

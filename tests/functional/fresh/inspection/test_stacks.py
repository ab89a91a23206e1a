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

"""Stacks are taken without stopping, running or keeping anything."""

import sys
import unittest

from tests.unit.fresh import FreshTestCase

# A thread like the agent's, in a service that is wholly green.
BEGIN = """
import eventlet
eventlet.monkey_patch()
import gc, re, sys, threading, time, weakref
from osdbg.inspection import stacks

native = eventlet.patcher.original

def look(**arguments):
    done = []
    native('_thread').start_new_thread(
        lambda: done.append(stacks.look(None, **arguments)), ()
    )
    while not done:
        time.sleep(0.01)
    return done[0]

def innermost(told, each):
    return [told['frames'][n] for n in told['stacks'][each['stack']]]
"""

PARKED = """
def parks():
    def deeper():
        time.sleep(1000)
    deeper()

green = eventlet.spawn(parks)
eventlet.spawn_n(parks)
threading.Thread(target=parks, name='named', daemon=True).start()
time.sleep(0)
main = {'hub': False}
while not main['hub']:  # it is looking, too
    told = look()
    main, = (t for t in told['threads'] if t['main'])
assert main['name'] == 'MainThread', main
assert main['waits'].startswith('its green threads'), main
agent, = (t for t in told['threads'] if t['owner'] == 'osdbg')
assert agent['native_id'] and not agent['main'], agent
found = {}
for each in told['greenlets']:
    names = [frame[2] for frame in innermost(told, each)]
    if 'parks' in names:
        found[each['kind'], each['name']] = each
        assert names[-4:] == ['parks', 'deeper', 'sleep', 'switch'], names
        assert names[each['entry']] == 'parks', names
        assert each['thread'] == main['ident'], each
        assert re.fullmatch(r'sleep of 1000 s, \d+\.\d s left', each['waits'])
# What eventlet makes of a threading.Thread depends on Python's version.
assert len(found) == 3 and {('GreenThread', None), ('greenlet', None)} < {
    *found} and 'named' in {name for kind, name in found}, found
assert found['GreenThread', None]['id'] == id(green)
program, = (g for g in told['greenlets'] if g['kind'] == 'main')
assert program['name'] == 'MainThread', program
print('OK')
"""

BOUNDS = """
def deep(left):
    deep(left - 1) if left else time.sleep(1000)

greens = [eventlet.spawn(deep, 30) for _ in range(20)]
time.sleep(0)
told = look(greenlets=7, depth=10)
assert len(told['greenlets']) == 7, told
assert told['left_out'] == 14, told['left_out']
cut = [each for each in told['greenlets'] if each['cut']]
assert len(cut) >= 6, told['greenlets']
for each in cut:
    assert len(innermost(told, each)) == 10
    assert innermost(told, each)[-1][2] == 'switch'
print('OK')
"""

NOTHING_IS_KEPT = """
class Mine:
    pass

enough = eventlet.event.Event()

def parks(mine):
    enough.wait()

mine = Mine()
greens = [eventlet.spawn(parks, mine) for _ in range(10)]
left = [weakref.ref(green) for green in greens] + [weakref.ref(mine)]
time.sleep(0)
gc.collect()
gc.disable()
for _ in range(3):
    told = look()
# Only a circle would need a collection.
waits = [g['waits'] for g in told['greenlets']]
assert waits.count('an eventlet Event') == 10, waits
del mine
enough.send()
for green in greens:
    green.wait()
del greens, green
assert [each() for each in left] == [None] * 11, left
before = len(gc.get_objects())
for _ in range(50):
    told = look()
assert len(gc.get_objects()) - before < 50
print('OK')
"""

NOTHING_IS_RUN = """
ran = []

class Evil:
    def __getattribute__(self, name):
        ran.append(name)
        return object.__getattribute__(self, name)
    @property
    def __class__(self):
        ran.append('class')
        raise RuntimeError
    def __eq__(self, other):
        ran.append('eq')
    def __hash__(self):
        ran.append('hash')
        return 1
    def __bool__(self):
        ran.append('bool')
    def __repr__(self):
        ran.append('repr')

class Kind(type):
    def __getattribute__(self, name):
        ran.append(name)
        return type.__getattribute__(self, name)
    def __eq__(self, other):
        ran.append('type eq')
    def __hash__(self):
        ran.append('type hash')
        return 1

class EvilLock(Evil, metaclass=Kind):
    def acquire(self, *args):
        time.sleep(1000)
    __enter__ = acquire
    def release(self): pass
    def __exit__(self, *args): pass

class EvilCondition(threading.Condition):
    def __getattr__(self, name):
        ran.append(name)
        raise AttributeError(name)

class EvilThread(threading.Thread):
    def __getattribute__(self, name):
        ran.append(name)
        return super().__getattribute__(name)

class EvilGreenThread(eventlet.greenthread.GreenThread):
    def __bool__(self):
        ran.append('bool')
    @property
    def gr_frame(self):
        ran.append('gr_frame')

def parks(*held):
    held[0].wait()

def waits(condition):
    with condition:
        condition.wait()

def sleeps(*held):
    time.sleep(1000)

def wants(lock):
    with lock:
        pass

evil, lock, condition = Evil(), EvilLock(), EvilCondition()
eventlet.spawn(sleeps, evil)
eventlet.spawn(wants, lock)
eventlet.spawn(waits, condition)
EvilThread(target=sleeps, args=(evil,), daemon=True).start()
hub = eventlet.hubs.get_hub()
green = EvilGreenThread(hub.greenlet)
hub.schedule_call_global(0, green.switch, sleeps, (evil,), {})
time.sleep(0.01)

class Names(dict):
    def get(self, name, default=None):
        ran.append('get')
    def __getitem__(self, name):
        ran.append('getitem')
        return dict.__getitem__(self, name)

code = compile('def odd(): sleeps()', '<odd>', 'exec')
names = Names(sleeps=sleeps, __name__='threading')
exec(code, names)
eventlet.spawn(dict.get(names, 'odd'))
time.sleep(0.01)
del ran[:]
told = look()
assert ran == [], ran
assert any(g['kind'] == 'EvilGreenThread' for g in told['greenlets']), told
assert any('Condition' in str(g['waits']) for g in told['greenlets']), told
print('OK')
"""

# As quickly as can be: frames end while they are looked at, and garbage is
# collected that lets other threads run.
STORM = """
import random
gc.set_threshold(200)

class Litter:
    def __init__(self):
        self.me = self
    def __del__(self):
        sum(range(50))

gc.callbacks.append(lambda phase, _: phase == 'stop' and Litter())

def deep(left):
    for found in through(left):
        return found
    time.sleep(random.random() * 0.002)

def through(left):
    yield deep(left - 1) if left else time.sleep(0)

def storm():
    while True:
        eventlet.spawn_n(deep, random.randrange(30))
        eventlet.spawn(deep, random.randrange(30))
        time.sleep(0)

def natively(left):
    natively(left - 1) if left else native('time').sleep(0.0005)

def forever():
    while True:
        natively(20)

for _ in range(3):
    eventlet.spawn(storm)
for _ in range(4):
    native('_thread').start_new_thread(forever, ())
for _ in range(60):
    assert look()['threads']
import os
print('OK', flush=True)
os._exit(0)
"""

BUSY = """
import os
eventlet.spawn(time.sleep, 1000)
time.sleep(0)
done = []

def agent():
    native('time').sleep(0.1)
    done.append(stacks.look(None))

native('_thread').start_new_thread(agent, ())
while not done:
    pass
main, = (t for t in done[0]['threads'] if t['main'])
assert not main['hub'] and main['waits'] is None, main
assert main['cpu'] > 0 and main['native_id'] == os.getpid(), main
kinds = {g['kind']: g for g in done[0]['greenlets']}
assert kinds.keys() == {'hub', 'GreenThread'}, kinds
assert kinds['GreenThread']['thread'] == main['ident'], kinds
print('OK')
"""


class LookTest(FreshTestCase):
    def test_parked(self):
        self.assert_ok(BEGIN + PARKED)

    def test_bounds(self):
        self.assert_ok(BEGIN + BOUNDS)

    def test_nothing_is_kept(self):
        self.assert_ok(BEGIN + NOTHING_IS_KEPT)

    def test_nothing_of_the_service_is_run(self):
        self.assert_ok(BEGIN + NOTHING_IS_RUN)

    def test_everything_changes_meanwhile(self):
        # Python 3.11 crashed in the first second.
        self.assert_ok(BEGIN + STORM)

    def test_main_thread_is_busy(self):
        self.assert_ok(BEGIN + BUSY)

    def test_without_green_threads(self):
        self.assert_ok("""
            import sys
            from osdbg.inspection import stacks

            def here():
                return stacks.take(sys._getframe())

            told = here()
            thread, = told['threads']
            numbers = told['stacks'][thread['stack']]
            frames = [told['frames'][number] for number in numbers]
            assert [f[2] for f in frames] == ['<module>', 'here'], frames
            assert thread['main'] and thread['owner'] is None, thread
            assert told['greenlets'] == [] and told['left_out'] == 0
            assert not {'greenlet', 'eventlet', 'socket'} & {*sys.modules}
            print('OK')
            """)


class ColumnsTest(unittest.TestCase):
    @unittest.skipIf(sys.version_info < (3, 11), 'they came with 3.11')
    def test_of_the_call(self):
        from osdbg.inspection import stacks

        told = stacks.take(sys._getframe())
        thread = next(t for t in told['threads'] if t['main'])
        frame = told['frames'][told['stacks'][thread['stack']][-1]]
        with open(__file__) as file:
            line = file.read().splitlines()[frame[1] - 1]
        self.assertEqual(
            'stacks.take(sys._getframe())', line[slice(*frame[4])]
        )

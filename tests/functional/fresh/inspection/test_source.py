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


from tests.unit import fresh
from tests.unit.litter import LITTER

START = '''
import os, sys, tempfile, types
from osdbg import settings
from osdbg.inspection import source
home = tempfile.mkdtemp()
sys.path.insert(0, home)
def put(name, text):
    path = os.path.join(home, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    return path
def look(path):
    return source.look(settings.Settings(), path)
def one(path):
    (module,) = look(path)['modules']
    return module
sys.dont_write_bytecode = True
'''
MATCHES = '''
put('aa/__init__.py', '')
put('aa/bb/__init__.py', '')
path = put('aa/bb/mod.py', 'def f():\\n    return 1\\n')
put('cc/__init__.py', '')
put('cc/mod.py', '')
import aa.bb.mod, cc.mod
assert one(path)['name'] == 'aa.bb.mod'
assert one('/elsewhere/src/aa/bb/mod.py')['name'] == 'aa.bb.mod'
assert one('bb/mod.py')['name'] == 'aa.bb.mod'
assert one('./aa/bb/mod.py')['lines'] == [2]
assert len(look('mod.py')['modules']) == 2
told = look('/elsewhere/xx/bb/mod.py')
assert told['modules'] == [] and len(told['namesakes']) == 2, told
assert one('aa/bb/__init__.py')['name'] == 'aa.bb'
assert look('nothing.py')['modules'] == []
print('OK')
'''
FROZEN = '''
path = put('mod.py', """
import functools
import os

def wrap(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner

@wrap
def plain():
    return 1

@functools.lru_cache()
def cached():
    return 2

class Kind:
    other = os.path

    @functools.cached_property
    def own(self):
        return 3

    @classmethod
    @wrap
    def deeper(cls):
        return 4

    class Inner:
        @property
        def prop(self):
            return 5

TABLE = {'x': functools.partial(lambda one: (
    one + 1), 2)}
""")
import mod
gc.collect()
gc.freeze()
lines = one(path)['lines']
assert {6, 8, 13, 17, 24, 29, 34, 37} <= set(lines), lines
assert len(lines) < 20, lines  # and of no other module
print('OK')
'''
HIDDEN = '''
path = put('mod.py', """
import functools

def wrap(function):
    def inner(*args):
        return function(*args)
    return inner

TABLE = {}

@wrap
def plain(one):
    two = one
    return two

TABLE['x'] = lambda one: (
    one + 1)

class Kind:
    @property
    def prop(self):
        return 1

    @staticmethod
    @functools.lru_cache
    def cached():
        def inside():
            return 2
        return inside()

del plain
kept = [wrap(len)]
""")
import mod
mod.keep = mod.wrap.__closure__
lines = one(path)['lines']
# But for the one that is deleted.
assert {5, 6, 7, 17, 22, 27, 28, 29} <= set(lines), lines
assert not {2, 4, 9, 11, 12, 13, 14, 19, 20} & set(lines), lines
print('OK')
'''
LAZY = '''
class Lazy(types.ModuleType):
    def __getattribute__(self, name):
        raise SystemExit(f'it was asked for {name}')
class Rude:
    def __getattr__(self, name):
        raise SystemExit(f'it was asked for {name}')
    def __eq__(self, other):
        raise SystemExit('it was compared')
    __hash__ = None
class Api(types.ModuleType):
    @property
    def __dict__(self):  # as apipkg, which imports all there is
        raise SystemExit('it was asked for all it has')
put('mod.py', 'x = 1')
import mod
sys.modules['lazy'] = Lazy('lazy')
sys.modules['api'] = Api('api')
sys.modules['bare'] = types.ModuleType.__new__(types.ModuleType)
sys.modules['rude'] = rude = Rude()
sys.modules['none'] = None
assert one('mod.py')['name'] == 'mod'
del sys.modules['bare'], sys.modules['api']
del sys.modules['lazy'], sys.modules['rude'], sys.modules['none']
print('OK')
'''
CHANGED = '''
path = put('mod.py', 'def f():\\n    return 1\\n\\ndef g():\\n    return 2\\n')
import mod
assert one(path)['changed'] == []
put('mod.py', 'def f():\\n    return 1\\n\\ndef g():\\n    return 3\\n')
assert one(path)['changed'] == ['g() in line 4'], one(path)
put('mod.py', 'def (')
assert 'would not take' in one(path)['changed'][0]
os.unlink(path)
assert (one(path)['sha256'], one(path)['changed']) == ('', [])
print('OK')
'''
QUIET = '''
import warnings
def show(*arguments, **more):
    raise SystemExit('the service was warned')
warnings.showwarning = show
path = put('mod.py', 'def f():\\n    return 1\\n')
import mod
put('mod.py', 'def f():\\n    return "x" is "\\\\d"\\n')
for action in ('always', 'error'):
    warnings.simplefilter(action)
    before = list(warnings.filters)
    assert one(path)['changed'] == ['f() in line 1'], one(path)
    assert warnings.filters == before
print('OK')
'''
NOWHERE = '''
path = put('mod.py', 'x = 1')
import mod
gone = os.path.join(home, 'gone')
os.mkdir(gone)
os.chdir(gone)
os.rmdir(gone)
eval(compile('lambda: 1', 'relative.py', 'eval'))
told = look(path)
assert told['modules'][0]['name'] == 'mod', told
assert told['cwd'] == '', told
print('OK')
'''
PARKED = '''
path = put('mod.py', """
import eventlet

def wait(event):
    event.wait()
    return 1
""")
import eventlet
eventlet.monkey_patch()
import mod
event = eventlet.Event()
threads = [eventlet.spawn(mod.wait, event) for _ in range(3)]
eventlet.sleep(0)
running = one(path)['running']
assert [(r['where'], r['function'], r['line']) for r in running] == [
    ('green thread', 'wait', 5)] * 3, running
event.send()
[thread.wait() for thread in threads]
assert one(path)['running'] == []
print('OK')
'''
LET_GO = '''
import weakref
put('mod.py', 'def f():\\n    return 1\\n')
import mod
class Kind:
    pass
kept = [Kind()]
gone = weakref.ref(kept[0])
seen = []
def drop(event, arguments):
    if event == 'open' and str(arguments[0]).endswith('mod.py'):
        kept.clear()
        seen.append(gone())
sys.addaudithook(drop)
one('mod.py')
assert seen and seen[-1] is None, seen
print('OK')
'''

LET_GO_OF_A_MODULE = '''
import gc, weakref
put('mod.py', """
class Kind:
    pass

last = Kind()
cache = {1: Kind()}

def f():
    return 1
""")
import mod
gc.freeze()
left = [weakref.ref(mod.last), weakref.ref(mod.cache[1])]
seen = []
def drop(frame, event, argument):
    if frame.f_code.co_name == '_beyond' and not seen:
        mod.last = None
        mod.cache.clear()
        seen.extend(each() for each in left)
sys.setprofile(drop)
assert one('mod.py')['lines'] == [9]
sys.setprofile(None)
assert seen == [None, None], seen
print('OK')
'''


class TestLook(fresh.FreshTestCase):
    def test_which_modules_a_path_means(self):
        self.assert_ok(START + MATCHES)

    def test_functions_wherever_decorators_have_put_them(self):
        self.assert_ok(START + HIDDEN)

    def test_what_gc_was_told_to_leave_alone(self):
        """oslo.service does before it forks its workers."""
        self.assert_ok(START + 'import gc\n' + FROZEN)

    def test_modules_that_are_none(self):
        self.assert_ok(START + LAZY)

    def test_what_has_changed(self):
        self.assert_ok(START + CHANGED)

    def test_nobody_is_warned_of_what_is_in_a_file(self):
        self.assert_ok(START + QUIET)

    def test_a_directory_that_has_been_removed(self):
        self.assert_ok(START + NOWHERE)

    def test_what_the_service_lets_go_meanwhile(self):
        self.assert_ok(START + LET_GO)

    def test_what_a_module_lets_go_meanwhile(self):
        self.assert_ok(START + LET_GO_OF_A_MODULE)

    def test_parked_green_threads(self):
        self.assert_ok(START + PARKED)


class TestThreads(fresh.FreshTestCase):
    def test_they_go_on_meanwhile(self):
        # Going from frame to frame in Python crashes Python 3.11 at once.
        self.assert_ok(f'''{LITTER}
from osdbg import frames
from osdbg.inspection import source
frames.protect()
begin(threshold=3)
end = time.monotonic() + 3
while time.monotonic() < end:
    list(source._stacks())
    time.sleep(0.001)
print('OK', flush=True)
os._exit(0)
''')

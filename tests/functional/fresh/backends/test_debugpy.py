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

"""debugpy, loaded and unloaded by hand in a process of its own."""

from tests.unit import fresh

LOAD = '''
import _socket, os, sys, threading, time
from osdbg.backends import _debugpy
from osdbg import settings
{patch}
def names():
    return sorted(thread.name for thread in threading.enumerate())

def tasks():
    return len(os.listdir('/proc/self/task'))

def looks():
    return dict(
        hook=sys.breakpointhook, path=list(sys.path),
        meta_path=list(sys.meta_path), environ=dict(os.environ),
        trace=sys.gettrace(), profile=sys.getprofile(),
        excepthook=sys.excepthook, hooks=list(sys.path_hooks),
        fork=os.fork, start=threading.Thread.start, names=names(),
        tasks=tasks(), stdout=sys.stdout, stderr=sys.stderr,
        std={{name: id(sys.modules[name]) for name in (
            'os', 'time', 'threading', '_thread', 'queue', 'select',
            'socket', 'subprocess', 'selectors')}},
    )

def settled(before):
    deadline = time.monotonic() + 5
    while True:
        now = looks()
        left = {{k: (before[k], now[k]) for k in now if now[k] != before[k]}}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.01)

import queue, select, selectors, socket, subprocess
before = looks()

def in_native_thread(call):
    from osdbg import patching
    thread = patching.native('_thread')
    done = thread.allocate_lock()
    done.acquire()
    found = []
    def run():
        try:
            found.append(call())
        except BaseException as exc:
            found.append(exc)
        done.release()
    thread.start_new_thread(run, ())
    done.acquire()
    if isinstance(found[0], BaseException):
        raise found[0]

def cycle():
    ours, theirs = _socket.socketpair()
    backend = _debugpy.DebugpyBackend(settings.Settings())
    backend.load(ours)
    assert 'pydevd' in sys.modules
    assert sys.breakpointhook is before['hook']
    backend.unload()
    # A thread of the service was just about to call it.
    backend.break_here(sys._getframe())
    backend.trace_this_thread()
    refused = False
    try:
        sys.modules['pydevd'].settrace()
    except ConnectionRefusedError:
        refused = True
    assert refused
    theirs.close()

seen = set()
watching = True
def watch():
    while watching:
        seen.add(sys.breakpointhook)

from osdbg import patching
sys.setswitchinterval(1e-5)
patching.native('_thread').start_new_thread(watch, ())
in_native_thread(cycle)
watching = False
sys.setswitchinterval(0.005)
strangers = {{hook for hook in seen if 'pydevd' in repr(hook)}}
assert not strangers, strangers
for turn in range(2):
    in_native_thread(cycle)
    left = settled(before)
    assert not left, left
print('OK')
'''
PATCHES = {
    'nothing': '',
    'all': 'import eventlet; eventlet.monkey_patch()',
    'without_thread': 'import eventlet; eventlet.monkey_patch(thread=False)',
}


class TestDebugpy(fresh.FreshTestCase):
    """Nothing is left behind, whatever eventlet has patched."""


def _leaves_nothing(patch):
    def test(self):
        self.assert_ok(LOAD.format(patch=patch))

    return test


for _name, _patch in PATCHES.items():
    setattr(TestDebugpy, f'test_patched_{_name}', _leaves_nothing(_patch))

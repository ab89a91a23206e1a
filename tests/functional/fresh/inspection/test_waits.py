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

"""Each that waits in a way that is known is told so, in words."""

from tests.unit.fresh import FreshTestCase

# Says of each function that it starts what it waits for.
NATIVE = """
import concurrent.futures, importlib, logging, os, queue, re, socket
import subprocess, sys, threading, time
from osdbg.inspection import stacks

def told_of(*targets):
    for target in targets:
        threading.Thread(target=target, name=target.__name__, daemon=True
            ).start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = stacks.take(sys._getframe())
        waits = {t['name']: t['waits'] for t in told['threads']}
        if all(waits.get(target.__name__) for target in targets):
            break
        time.sleep(0.01)
    return {name: str(text) for name, text in waits.items()}

left, right = socket.socketpair()
listener = socket.create_server(('127.0.0.1', 0))
"""

THREADING = """
lock, condition = threading.RLock(), threading.Condition()
python_lock = threading._PyRLock()
event, barrier = threading.Event(), threading.Barrier(2)
handler = logging.StreamHandler()
python_lock.acquire()
if handler.lock:
    handler.acquire()

def an_event(): event.wait(50)
def a_barrier(): barrier.wait()
def a_notice():
    with condition: condition.wait()
def a_predicate():
    with condition: condition.wait_for(lambda: False, 60)
def a_lock(): python_lock.acquire()
def a_handler(): handler.acquire()
def a_semaphore(): threading.Semaphore(0).acquire()
def an_end(): threading.main_thread().join()
def an_item(): queue.Queue().get()
def room():
    full = queue.Queue(1)
    full.put(1)
    full.put(2, timeout=70)
def all_work():
    some = queue.Queue()
    some.put(1)
    some.join()

waits = told_of(an_event, a_barrier, a_notice, a_predicate, a_lock, a_handler,
                a_semaphore, an_end, an_item, room, all_work)
for name, expected in {
    'an_event': 'a threading.Event, 50 s at most',
    'a_barrier': 'a threading.Barrier',
    'a_notice': r'a notify\\(\\) of a threading.Condition',
    'a_predicate': 'a condition .threading.Condition., 60 s at most',
    'a_lock': 'a threading.RLock held by thread MainThread',
    'a_handler': 'the lock of a logging.Handler held by thread MainThread',
    'a_semaphore': 'a threading.Semaphore',
    'an_end': 'the end of thread MainThread',
    'an_item': 'an item of a queue',
    'room': 'room in a queue, 70 s at most',
    'all_work': 'the end of all work in a queue',
}.items():
    assert re.fullmatch(expected, waits[name]), (name, waits[name])
print('OK', flush=True)
os._exit(0)
"""

OTHERS = """
never = concurrent.futures.Future()
child = subprocess.Popen(['sleep', '100'])
file = left.makefile('rb')

def a_future(): never.result(80)
def futures(): concurrent.futures.wait([never])
def a_child(): child.wait()
def a_connection(): listener.accept()
def a_file(): file.readline()

waits = told_of(a_future, futures, a_child, a_connection, a_file)
child.kill()
port = listener.getsockname()[1]
for name, expected in {
    'a_future': 'the result of a Future, 80 s at most',
    'futures': 'the results of Futures',
    'a_child': f'the end of process {child.pid}',
    'a_connection': 'a connection to listening socket 127.0.0.1:'
        f'{port} .fd {listener.fileno()}.',
    'a_file': f'read from UNIX socket .fd {left.fileno()}.',
}.items():
    assert re.fullmatch(expected, waits[name]), (name, waits[name])
print('OK', flush=True)
os._exit(0)
"""

IMPORTS = """
import tempfile
folder = tempfile.mkdtemp()
with open(f'{folder}/slow_module.py', 'w') as file:
    file.write('import time; time.sleep(1000)')
sys.path.insert(0, folder)

def imports(): importlib.import_module('slow_module')
def also(): importlib.import_module('slow_module')

threading.Thread(target=imports, name='imports', daemon=True).start()
while 'slow_module' not in sys.modules:
    time.sleep(0.01)
waits = told_of(also)
assert waits['also'] == 'the import of slow_module by thread imports', waits
print('OK', flush=True)
os._exit(0)
"""

GREEN = """
import eventlet
eventlet.monkey_patch()
import os, queue, re, select, socket, subprocess, sys, threading, time
from eventlet import event, semaphore, tpool
from eventlet import queue as green_queue
from osdbg.inspection import stacks

left, right = socket.socketpair()
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
lock = threading.RLock()
lock.acquire()
child = subprocess.Popen(['sleep', '100'])
pool = eventlet.GreenPool(1)
pool.spawn(time.sleep, 1000)
reader, writer = os.pipe()

def reads(): server.recv(1)
def reads_in_time(): client.settimeout(90); client.recv(1)
def writes():
    while True:
        left.send(bytes(1000000))
def accepts(): listener.accept()
def reads_a_pipe(): os.read(reader, 1)
quiet, _end = socket.socketpair()
def selects(): select.select([quiet], [], [], 95)
def gets(): green_queue.Queue().get()
def puts(): green_queue.Queue(0).put(1)
def sleeps(): time.sleep(1000)
def an_event(): event.Event().wait()
def a_thread_event(): threading.Event().wait(50)
def a_lock(): lock.acquire()
def a_semaphore(): semaphore.Semaphore(0).acquire()
def an_end(): eventlet.spawn(sleeps).wait()
def a_child(): child.wait()
def a_pool(): pool.spawn(int)
def a_call(): tpool.execute(eventlet.patcher.original('time').sleep, 20)

port, to = client.getsockname()[1], listener.getsockname()[1]
expected = {
    reads: f'read from socket 127.0.0.1:{port} .fd {server.fileno()}.',
    reads_in_time: f'read from socket 127.0.0.1:{to} .fd '
        f'{client.fileno()}., 90 s at most',
    writes: f'write to UNIX socket .fd {left.fileno()}.',
    accepts: f'a connection: read from listening socket 127.0.0.1:{to} '
        f'.fd {listener.fileno()}.',
    reads_a_pipe: f'read from pipe:.\\\\d+. .fd {reader}.',
    selects: f'select of socket:.\\\\d+. .fd {quiet.fileno()}., '
        '95 s at most',
    gets: 'an item of an eventlet queue',
    puts: 'room in an eventlet queue',
    sleeps: r'sleep of 1000 s, \\d+\\.\\d s left',
    an_event: 'an eventlet Event',
    a_thread_event: 'a threading.Event, 50 s at most',
    a_lock: 'a threading.RLock held by green thread MainThread',
    a_semaphore: 'a lock or semaphore',
    an_end: 'the end of a green thread',
    a_child: f'the end of process {child.pid}',
    a_pool: 'room in a GreenPool: a lock or semaphore',
    a_call: r'a call sleep\\(\\) in a native thread of eventlet.tpool',
}
for target in expected:
    eventlet.spawn(target)
time.sleep(0.2)

told = stacks.take(sys._getframe())
found = {}
for each in told['greenlets']:
    numbers = told['stacks'][each['stack']]
    name = told['frames'][numbers[each['entry']]][2]
    found.setdefault(name, []).append(str(each['waits']))
child.kill()
for target, words in expected.items():
    said = found.get(target.__name__, [])
    if not any(re.fullmatch(words, each) for each in said):
        print(target, said, words, flush=True)
print('OK', flush=True)
os._exit(0)
"""


class WaysTest(FreshTestCase):
    def test_threading(self):
        self.assert_ok(NATIVE + THREADING)

    def test_other_modules(self):
        self.assert_ok(NATIVE + OTHERS)

    def test_imports(self):
        self.assert_ok(NATIVE + IMPORTS)

    def test_green(self):
        self.assert_ok(GREEN)

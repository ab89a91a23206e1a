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

"""A program that loads a pydevd by hand, as its agent would.

It obeys lines on stdin: a function of this file and its arguments, and says
what came of it as a line of JSON. Lines that tests stop at end in
``# BREAK <name>``.
"""

import _socket
import json
import os
import sys
import threading
import time
import traceback

BACKEND, PATCH = sys.argv[1:]
if PATCH != 'none':
    import eventlet

    eventlet.monkey_patch(**({} if PATCH == 'all' else {'thread': False}))

from osdbg import backends  # noqa: E402
from osdbg import patching  # noqa: E402
from osdbg import settings  # noqa: E402

_thread = patching.native('_thread')
backend = None
running = True


class Agent:
    """A native thread that lives on, as the agent's does."""

    def __init__(self):
        self._asked = _thread.allocate_lock()
        self._done = _thread.allocate_lock()
        self._asked.acquire()
        self._done.acquire()
        _thread.start_new_thread(self._run, ())

    def _run(self):
        while True:
            self._asked.acquire()
            try:
                self._found = (self._call(), None)
            except BaseException as exc:
                self._found = (None, exc)
            self._done.release()

    def call(self, call):
        self._call = call
        self._asked.release()
        self._done.acquire()
        value, error = self._found
        if error is not None:
            raise error
        return value


agent = Agent()


def work(count=1):
    answer = 'unchanged'
    count += 1  # BREAK handler
    time.sleep(0.01)  # BREAK sleep
    count += 1  # BREAK after
    return answer, count


def turn():
    return running  # BREAK turn


def spin():
    """Be a thread that runs all the time."""
    while turn():
        time.sleep(0.01)


def start_spinning():
    threading.Thread(target=spin, name='spinner', daemon=True).start()


def work_in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def load(port, **options):
    global backend
    values = {'backend': BACKEND, 'port': port, **options}
    backend = backends.create(settings.Settings(values))
    backend.require()
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    sock.connect(('127.0.0.1', port))
    began = time.monotonic()
    agent.call(lambda: backend.load(sock))
    return time.monotonic() - began


def unload():
    began = time.monotonic()
    agent.call(backend.unload)
    return time.monotonic() - began


def stop_here():
    answer = 'unchanged'
    backend.break_here(sys._getframe())
    return answer  # BREAK here


def stop_on_exception():
    try:
        raise ValueError('asked to')  # BREAK raise
    except ValueError as exc:
        backend.break_on_exception(exc)
    return 'caught'


def settrace():
    """Call the debugger as a service's own code may."""
    try:
        sys.modules['pydevd'].settrace(suspend=False)
    except OSError as exc:
        return type(exc).__name__
    return 'done'


def fork():
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            backend.after_fork()
            work()
            work_in_thread()
            status = 3 if sys.gettrace() is None else 4
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] >> 8


def fork_and_load(port):
    global agent
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            backend.after_fork()
            agent = Agent()
            load(port)
            work()
            unload()
            status = 3
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] >> 8


def measure(calls=200000):
    """Return what so many calls cost this thread, in seconds."""

    def nothing():
        pass

    began = time.thread_time()
    for _ in range(calls):
        nothing()
    return time.thread_time() - began


def say(text):
    print(text)
    print(text, file=sys.stderr)
    sys.stdout.buffer.write(f'bytes {text}\n'.encode())
    sys.stdout.flush()


def state():
    return {
        'traced': repr(sys.gettrace()),
        'settrace': repr(sys.settrace),
        'excepthook': repr(sys.excepthook),
        'breakpointhook': repr(sys.breakpointhook),
        'stdout': repr(type(sys.stdout)),
        'stderr': repr(type(sys.stderr)),
        'stdin': repr(type(sys.stdin)),
        'sys': [
            name
            for name in ('stdout_original', '_pydevd_out_buffer_')
            if hasattr(sys, name)
        ],
        'environ': dict(os.environ),
        'path': sys.path,
        'meta_path': [repr(finder) for finder in sys.meta_path],
        'threads': sorted(thread.name for thread in threading.enumerate()),
        'tasks': len(os.listdir('/proc/self/task')),
        'descriptors': len(os.listdir('/proc/self/fd')),
        'start': repr(threading.Thread.start),
        'starters': [
            repr(getattr(threading, name, None))
            for name in ('_start_new_thread', '_start_joinable_thread')
        ],
        'trace_hook': repr(getattr(threading, '_trace_hook', None)),
        'profile': repr(sys.getprofile()),
        'monitoring': [
            sys.monitoring.get_tool(number)
            for number in range(6)
            if hasattr(sys, 'monitoring')
        ],
    }


def stacks():
    """Return where every thread is."""
    return {
        str(ident): ''.join(traceback.format_stack(frame))
        for ident, frame in sys._current_frames().items()
    }


def main():
    print(json.dumps('ready'), flush=True)
    for line in sys.stdin:
        name, words, options = json.loads(line)
        try:
            value = globals()[name](*words, **options)
            answer = {'value': value}
        except Exception as exc:
            answer = {'error': f'{type(exc).__name__}: {exc}'}
        sys.stdout.write('ANSWER ' + json.dumps(answer) + '\n')
        sys.stdout.flush()


main()

#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""The WSGI application of :mod:`api_service`: places to stop, and a mirror.

Lines that tests stop at end in ``# BREAK <name>``.
"""

import _thread
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

WATCHED_MODULES = (
    '_thread',
    'http.client',
    'http.server',
    'os',
    'queue',
    'select',
    'selectors',
    'socket',
    'socketserver',
    'ssl',
    'subprocess',
    'threading',
    'time',
    'xmlrpc.client',
)
DEBUGGER_FILES = {'pydevd.py', 'pydevd_comm.py', 'pydevd_daemon_thread.py'}


def sleep_blocking(seconds):
    """Sleep without yielding to green threads."""
    signal.sigtimedwait((), seconds)


def work(query):
    answer = query.get('answer', 'unchanged')
    count = int(query.get('count', 1))
    count += 1  # BREAK handler
    time.sleep(0.01)  # BREAK sleep
    count += 1  # BREAK after
    return {'answer': answer, 'count': count}


def add(left, right):
    return left + right  # BREAK add


def double(number):
    return number * 2  # BREAK double


GATES: dict[str, threading.Event] = {}


def gate(query):
    """Let a request go on that waits in a step."""
    GATES[query['name']].set()
    return {}


def gates(query):
    return {'closed': sorted(k for k, v in GATES.items() if not v.is_set())}


def wait(query):
    """Wait for somebody to open the gate."""
    name = query['name']
    gate = GATES[name] = threading.Event()
    gate.wait()
    return {'name': name}  # BREAK waited


def poll(query):
    """Look again and again whether the gate is open."""
    gate = GATES[query['name']] = threading.Event()
    turns = 0
    while not gate.is_set():
        time.sleep(0.02)
        turns += 1  # BREAK poll
    return {'name': query['name'], 'turns': turns}


def inner(name, gate):
    time.sleep(0.001)  # BREAK inner
    gate.wait()  # BREAK inner gate
    found = len(name)
    return found  # BREAK inner end


def walk(query):
    """Let others run in the middle of each step."""
    name = query['name']
    gate = GATES[name] = threading.Event()
    gate.set()
    total = 1  # BREAK walk
    time.sleep(0.001)
    gate.wait()  # BREAK walk gate
    total += inner(name, gate)  # BREAK walk call
    time.sleep(0.001)
    total += 1  # BREAK walk end
    return {'name': name, 'total': total}


def features(query):
    total = 0
    for number in range(5):
        total += number  # BREAK loop
    total = double(add(total, 1))  # BREAK call
    total = -1  # BREAK jump
    label = f'total {total}'  # BREAK landing
    print(label, flush=True)
    return {'label': label}


def child_turn(breaks):
    running = True
    if breaks:
        breakpoint()
    sleep_blocking(0.02)  # BREAK child
    return running


def child_work(seconds, breaks):
    """Run until told otherwise; tell the two ends apart by the result."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not child_turn(breaks):
            return 0
    return 3


def fork(query):
    seconds = float(query.get('seconds', 20))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = child_work(seconds, query.get('breaks'))
        finally:
            os._exit(status)
    return {'child': pid}


def reap(query):
    pid, status = os.waitpid(int(query['pid']), os.WNOHANG)
    if not pid:
        return {'exited': False}
    return {'exited': True, 'status': status}


def spawn(query):
    done = subprocess.run(
        [sys.executable, '-c', 'print(6 * 7)'],
        stdout=subprocess.PIPE,
        check=True,
    )
    return {'output': done.stdout.decode().strip()}


ENOUGH: list[bool] = []


def churn(query):
    """Work, and let others, until there is ENOUGH; have many objects."""
    del ENOUGH[:]
    turns = 0
    objects = [[number] for number in range(300_000)]
    while not ENOUGH:
        turns += sum(number % 2 for number in range(200_000))
        time.sleep(0)
    return {'turns': turns, 'objects': len(objects)}


def enough(query):
    ENOUGH.append(True)
    return {}


def spin(query):
    """Be busy for a time, or until a test has had ENOUGH."""
    del ENOUGH[:]
    deadline = time.monotonic() + float(query.get('seconds', 1))
    turns = 0
    while not ENOUGH and time.monotonic() < deadline:
        turns += 1  # BREAK spin
    return {'turns': turns}


def turn(number):
    return number + 1  # BREAK turn


def rounds(query):
    """Keep one thread busy until it has ENOUGH; say when it is."""
    del ENOUGH[:]
    deadline = time.monotonic() + float(query.get('seconds', 20))
    number = 0
    print('ROUNDS', flush=True)
    while not ENOUGH and time.monotonic() < deadline:
        number = turn(number)
    return {'enough': bool(ENOUGH)}


def raw_rounds(query):
    """Have a thread do them that ``threading`` knows nothing of."""
    _thread.start_new_thread(rounds, (query,))
    return {}


def fail(query):
    raise ValueError('asked to fail')  # BREAK raise


def perish(reason):
    witness = reason.upper()
    raise LookupError(witness)  # BREAK perish


def die_waiting(how):
    """Die when the hub has found that there is something to read."""
    here, there = socket.socketpair()
    with here, there:
        start(how, lambda reason: (here.recv(1), perish(reason)))
        time.sleep(0.01)
        there.sendall(b'.')
        time.sleep(0.01)


def die_parked(how):
    """Die when the gate is opened, which may be much later."""
    gate = GATES[how] = threading.Event()
    start(how, lambda reason: (gate.wait(), perish(reason)))


def start(how, function):
    reason = f'died in {how}'
    if how == 'thread':
        return threading.Thread(target=function, args=(reason,)).start()
    # Not in a service without it.
    from eventlet import greenpool
    from eventlet import greenthread

    pool = greenpool.GreenPool()
    thread = {
        'spawn': greenthread.spawn,
        'linked': greenthread.spawn,
        'spawn_n': greenthread.spawn_n,
        'pool': pool.spawn,
        'pool_n': pool.spawn_n,
    }[how](function, reason)
    if how == 'linked':
        thread.link(lambda thread: print('LINKED', flush=True))
    return thread


def die(query):
    """Have a thread die, of which nobody hears."""
    {
        'now': lambda how: start(how, perish),
        'waiting': die_waiting,
        'parked': die_parked,
    }[query.get('when', 'now')](query['how'])
    time.sleep(0.01)
    return {}


def die_in_turn(query):
    """Have one die of what another has died of, and wait for both."""
    inner = start('spawn', perish)
    outer = start('spawn', lambda reason: inner.wait())
    try:
        outer.wait()
    except LookupError as error:
        return {'caught': str(error)}
    return {}


def killed(query):
    """Have green threads end that are meant to."""
    from eventlet import greenthread

    for thread in (
        greenthread.spawn(time.sleep, 30),
        greenthread.spawn_n(time.sleep, 30),
    ):
        time.sleep(0)
        greenthread.kill(thread)
    return {'dead': bool(thread.dead)}


def stop_here(query):
    answer = 'unchanged'
    if query.get('kind') == 'osdbg':
        import osdbg

        osdbg.breakpoint()
    else:
        breakpoint()
    return {'answer': answer}  # BREAK breakpoint


def status(query):
    """Say what osdbg does in this worker."""
    import osdbg

    found = osdbg.status()
    return {'state': found.state if found else None}


def door(query):
    """Open or close this worker to clients, as the service itself may."""
    import osdbg

    status = osdbg.attach() if query.get('open') else osdbg.detach()
    return {'status': repr(status)}


def native_work():
    answer = 'unchanged'
    return answer  # BREAK native


def native(query):
    """Run ``native_work`` in another thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(native_work()))
    thread.start()
    thread.join()
    return {'answer': found[0]}


def pooled(query):
    """Run ``native_work`` in one of eventlet's native threads."""
    from eventlet import tpool

    return {'answer': tpool.execute(native_work)}


def raise_caught(query):
    try:
        fail(query)
    except ValueError as error:
        return {'caught': str(error)}


def thread(query):
    """Keep this thread from other requests for a while, and name it."""
    time.sleep(float(query.get('seconds', 0)))
    ident = threading.get_ident()
    traced = sys.gettrace() is not None
    return {'ident': ident, 'traced': traced}  # BREAK thread


def ping(query):
    return {}


def files_of(frame):
    while frame is not None:
        yield os.path.basename(frame.f_code.co_filename)
        frame = frame.f_back


def debugger_threads():
    """Return the stacks of threads that run debugger code."""
    stacks = (list(files_of(top)) for top in sys._current_frames().values())
    return [files for files in stacks if DEBUGGER_FILES.intersection(files)]


def traced_frames():
    """Return the functions, also of green threads, that are traced."""
    # Python 3.11 may crash where it does while it makes a frame of another.
    gc.disable()
    try:
        return list(names_of_traced_frames())
    finally:
        gc.enable()


def names_of_traced_frames():
    frames = list(sys._current_frames().values())
    kind = getattr(sys.modules.get('greenlet'), 'greenlet', ())
    frames += [
        each.gr_frame for each in gc.get_objects() if isinstance(each, kind)
    ]
    for frame in frames:
        while frame is not None:
            if frame.f_trace is not None:
                yield frame.f_code.co_name
            frame = frame.f_back


def monitoring_tools():
    monitoring = getattr(sys, 'monitoring', None)
    if monitoring is None:
        return []
    return [
        (monitoring.get_tool(tool), monitoring.get_events(tool))
        for tool in range(6)
        if monitoring.get_tool(tool)
    ]


def eventlet_files():
    """Return where the functions come from by which green threads end."""
    found = {}
    for name, cls in (
        ('eventlet.greenpool', 'GreenPool'),
        ('eventlet.greenthread', 'GreenThread'),
        ('eventlet.hubs.hub', 'BaseHub'),
    ):
        owner = getattr(sys.modules.get(name), cls, None)
        for key, value in vars(owner or object).items():
            code = getattr(value, '__code__', None)
            found[f'{cls}.{key}'] = code and code.co_filename
    return found


def state(query):
    """Everything a debugger could leave behind."""
    return {
        'threads': len(os.listdir('/proc/self/task')),
        'descriptors': sorted(os.listdir('/proc/self/fd'), key=int),
        'traced': repr(sys.gettrace()),
        'traced_frames': traced_frames(),
        'profiled': repr(sys.getprofile()),
        'threading_trace': repr(getattr(threading, '_trace_hook', None)),
        'monitoring': monitoring_tools(),
        'debugger_threads': debugger_threads(),
        'debugger_loaded': 'pydevd' in sys.modules,
        'osdbg': sorted(
            name
            for name in list(sys.modules)
            if name.partition('.')[0] == 'osdbg'
        ),
        'modules': {
            name: id(sys.modules[name])
            for name in WATCHED_MODULES
            if name in sys.modules
        },
        'breakpointhook': repr(sys.breakpointhook),
        'excepthook': repr(sys.excepthook),
        'output': [repr(sys.stdout), repr(sys.stderr)],
        'path': sys.path,
        # A debugger that is being imported sets some, and takes them away.
        'environ': {name: os.environ.get(name) for name in list(os.environ)},
        'os_fork': repr(os.fork),
        'eventlet': eventlet_files(),
        'signals': {
            number.name: repr(signal.getsignal(number))
            for number in sorted(signal.valid_signals())
            if isinstance(number, signal.Signals)
        },
    }


ROUTES = {
    '/': ping,
    '/breakpoint': stop_here,
    '/die': die,
    '/die_in_turn': die_in_turn,
    '/door': door,
    '/features': features,
    '/fork': fork,
    '/gate': gate,
    '/gates': gates,
    '/killed': killed,
    '/native': native,
    '/pid': ping,
    '/pooled': pooled,
    '/poll': poll,
    '/raise': fail,
    '/raise_caught': raise_caught,
    '/raw_rounds': raw_rounds,
    '/reap': reap,
    '/rounds': rounds,
    '/spawn': spawn,
    '/spin': spin,
    '/churn': churn,
    '/enough': enough,
    '/state': state,
    '/status': status,
    '/thread': thread,
    '/wait': wait,
    '/walk': walk,
    '/work': work,
}


def respond(environ):
    query = dict(urllib.parse.parse_qsl(environ.get('QUERY_STRING', '')))
    handler = ROUTES.get(environ['PATH_INFO'])
    if handler is None:
        return '404 Not Found', {}
    try:
        return '200 OK', handler(query)
    except Exception as error:
        return '500 Internal Server Error', {'error': repr(error)}


def application(environ, start_response):
    status, answer = respond(environ)
    body = json.dumps(dict(answer, pid=os.getpid())).encode()
    start_response(
        status,
        [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(body))),
        ],
    )
    return [body]

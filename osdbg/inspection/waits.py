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

"""What a thread, or green thread, waits for: a table of those who wait.

Only the variables of functions in this table are read. Up to Python 3.12 that
leaves a copy of them with the frame until it ends, and takes back what a
debugger is changing there at that moment: nobody changes variables of these.
"""

from __future__ import annotations

import _socket
import collections
from collections.abc import Callable
import sys
import types
from typing import Any

from osdbg import calls
from osdbg import waiting

# In epoll_wait() and the like, for all green threads of its native thread.
_HUB = 'its green threads'
# Further out is who called the library, not why it waits.
_MOST_FRAMES = 24

# Whose frames are looked through for it, from the innermost on.
_LIBRARIES = frozenset(
    'amqp asyncio cheroot concurrent contextlib cotyledon eventlet fasteners '
    'futurist http importlib kombu logging multiprocessing oslo_concurrency '
    'oslo_messaging pydevd pymysql queue requests select selectors socket '
    'socketserver sqlalchemy ssl subprocess threading urllib urllib3'.split()
)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if type(value) is str else '?'


def _held(call: calls.Call, lock: Any) -> str:
    owner = calls.owner(lock)
    return f' held by {call.waits.name(owner)}' if owner else ''


# What follows says of one function what it waits for, or None if it does not.


def _trampoline(call: calls.Call) -> str:
    action = 'write to' if call.local('write', bool) else 'read from'
    where = call.descriptor('fileno', 'fd')
    return f'{action} {where}{call.limit("timeout")}'


def _green_sleep(call: calls.Call) -> str:
    left = call.waits.left(call.any('hub'), call.any('timer'))
    return f'sleep{call.limit("seconds", " of {} s")}{left}'


def _green_select(call: calls.Call) -> str:
    wanted = call.local('ds', dict) or {}
    found = [
        calls.descriptor(each) for each in [*wanted][:3] if type(each) is int
    ]
    more = f' and {len(wanted) - 3} others' if len(wanted) > 3 else ''
    return f'select of {", ".join(found)}{more}{call.limit("timeout")}'


def _green_semaphore(call: calls.Call) -> str:
    found = call.fields('Semaphore') or {}
    waiters = found.get('_waiters')
    count = len(waiters) if type(waiters) is collections.deque else 0
    others = f' that {count} wait for' if count > 1 else ''
    return f'a lock or semaphore{others}{call.limit("timeout")}'


def _tpool(call: calls.Call) -> str:
    called = call.any('meth')
    known = type(called) in (types.FunctionType, types.BuiltinFunctionType)
    what = f' {called.__qualname__}()' if known else ''
    return f'a call{what} in a native thread of eventlet.tpool'


def _wait(call: calls.Call) -> str:
    """Say what threading's ``wait()`` is of: all its classes have one."""
    limit = call.limit('timeout')
    if call.fields('Event') is not None:
        return f'a threading.Event{limit}'
    if call.fields('Barrier') is not None:
        return f'a threading.Barrier{limit}'
    found = call.fields('Condition')
    if found is None:
        return f'another thread{limit}'
    # Told, it needs the lock, too.
    return f'a notify() of a threading.Condition{limit}'


def _acquire(call: calls.Call) -> str:
    limit = call.limit('timeout')
    if call.fields('_RLock') is not None:
        held = _held(call, call.any('self'))
        return f'a threading.RLock{held}{limit}'
    return f'a threading.Semaphore{limit}'


def _join(call: calls.Call) -> str:
    found = call.fields('Thread') or {}
    return f'the end of thread {_text(found, "_name")}{call.limit("timeout")}'


def _log(call: calls.Call) -> str:
    lock = (call.fields('Handler') or {}).get('lock')
    return f'the lock of a logging.Handler{_held(call, lock)}'


def _import(call: calls.Call) -> str:
    found = call.fields('_ModuleLock') or {}
    owner = found.get('owner')
    by = (
        f' by {call.waits.name(owner)}' if type(owner) is int and owner else ''
    )
    return f'the import of {_text(found, "name")}{by}'


def _child(call: calls.Call) -> str:
    pid = (call.fields('Popen') or {}).get('pid')
    which = f' {pid}' if type(pid) is int else ''
    return f'the end of process{which}{call.limit("timeout")}'


def _lockutils(call: calls.Call) -> str:
    return f'the oslo.concurrency lock "{call.local("name", str) or "?"}"'


def _reply(call: calls.Call) -> str:
    return f'the reply to RPC message {call.local("msg_id", str) or "?"}'


def _transport(call: calls.Call) -> str | None:
    sock = (call.fields('_AbstractTransport') or {}).get('sock')
    if not issubclass(type(sock), _socket.socket):
        return None  # a green one: it waits further in
    return f'read from {calls.descriptor(None, sock)}'


def _socket_file(call: calls.Call) -> str:
    sock = (call.fields('SocketIO') or {}).get('_sock')
    return f'read from {calls.descriptor(None, sock)}'


def _of_socket(action: str) -> Callable[[calls.Call], str]:
    return lambda call: f'{action} {calls.descriptor(None, call.any("self"))}'


def _says(what: str) -> Callable[[calls.Call], str]:
    return lambda call: what


def _limited(what: str, by: str = 'timeout') -> Callable[[calls.Call], str]:
    return lambda call: what + call.limit(by)


_WAYS: dict[tuple[str, str], Callable[[calls.Call], str | None]] = {
    ('concurrent.futures._base', 'result'): _limited('the result of a Future'),
    ('concurrent.futures._base', 'wait'): _limited('the results of Futures'),
    ('eventlet.event', 'wait'): _limited('an eventlet Event'),
    ('eventlet.green.select', 'select'): _green_select,
    ('eventlet.green.subprocess', 'wait'): _child,
    ('eventlet.greenpool', 'waitall'): _says('the end of a GreenPool'),
    ('eventlet.greenthread', 'sleep'): _green_sleep,
    ('eventlet.greenthread', 'wait'): _limited('the end of a green thread'),
    ('eventlet.hubs', 'trampoline'): _trampoline,
    ('eventlet.hubs.kqueue', 'wait'): _limited(_HUB, 'seconds'),
    ('eventlet.hubs.poll', 'wait'): _limited(_HUB, 'seconds'),
    ('eventlet.hubs.selects', 'wait'): _limited(_HUB, 'seconds'),
    ('eventlet.queue', 'get'): _limited('an item of an eventlet queue'),
    ('eventlet.queue', 'put'): _limited('room in an eventlet queue'),
    ('eventlet.semaphore', 'acquire'): _green_semaphore,
    ('eventlet.tpool', 'execute'): _tpool,
    ('importlib._bootstrap', 'acquire'): _import,
    ('logging', 'acquire'): _log,
    ('queue', 'get'): _limited('an item of a queue'),
    ('queue', 'join'): _says('the end of all work in a queue'),
    ('queue', 'put'): _limited('room in a queue'),
    ('selectors', 'select'): _limited('a file descriptor (select)'),
    ('socket', 'accept'): _of_socket('a connection to'),
    ('socket', 'readinto'): _socket_file,
    ('ssl', 'do_handshake'): _of_socket('a TLS handshake with'),
    ('ssl', 'read'): _of_socket('read from TLS'),
    ('subprocess', 'wait'): _child,
    ('threading', 'acquire'): _acquire,
    ('threading', 'join'): _join,
    ('threading', 'wait'): _wait,
    ('threading', 'wait_for'): _limited('a condition (threading.Condition)'),
    ('amqp.transport', '_read'): _transport,
}
# Why they do so, where that says more.
_REASONS: dict[tuple[str, str], Callable[[calls.Call], str]] = {
    ('amqp.connection', 'drain_events'): _limited('AMQP messages'),
    ('concurrent.futures.thread', '_worker'): _says('work'),
    ('eventlet.greenio.base', 'accept'): _says('a connection'),
    ('eventlet.greenpool', 'spawn'): _says('room in a GreenPool'),
    ('eventlet.greenpool', 'spawn_n'): _says('room in a GreenPool'),
    ('eventlet.tpool', 'tworker'): _says('work'),
    ('eventlet.wsgi', '_read_request_line'): _says('a request'),
    ('http.client', '_read_status'): _says('an HTTP response'),
    ('oslo_concurrency.lockutils', 'lock'): _lockutils,
    ('oslo_messaging._drivers.amqpdriver', 'get'): _reply,
    ('pydevd', 'do_wait_suspend'): _says('the debugger that has stopped it'),
    ('pymysql.connections', '_read_bytes'): _says('an answer of MySQL'),
    ('sqlalchemy.pool.impl', '_do_get'): _says('a connection of the pool'),
}


class Waits:
    """What threads wait for, at one moment."""

    def __init__(self, names: dict[int, str]) -> None:
        """Prepare.

        :param names: what threads, and green threads, are called
        """
        self._names = names
        self._due: dict[int, dict[int, float]] = {}

    def describe(self, chain: list[types.FrameType]) -> str | None:
        """Say what a thread waits for.

        :param chain: its frames, the innermost first
        :returns: None if it is at nothing that is known
        """
        way: str | None = None
        reason = ''
        for frame in chain[:_MOST_FRAMES]:
            module = calls.module_of(frame)
            if module.partition('.')[0] not in _LIBRARIES:
                break
            function = module, frame.f_code.co_name
            if function in _WAYS:
                way = _WAYS[function](calls.Call(frame, self)) or way
            elif way is not None and function in _REASONS:
                reason = _REASONS[function](calls.Call(frame, self))
        return f'{reason}: {way}' if way and reason else way

    def name(self, ident: int) -> str:
        """Return what a thread, or green thread, is called."""
        return self._names.get(ident) or f'thread {ident}'

    def left(self, hub: Any, timer: Any) -> str:
        """Return how long a timer has to go, in words.

        :param hub: eventlet's, which has it
        """
        due = self._due.get(id(hub))
        if due is None:
            due = self._due[id(hub)] = _timers(hub)
        if id(timer) not in due:
            return ''
        return f', {max(due[id(timer)] - waiting.monotonic(), 0):.1f} s left'


def _timers(hub: Any) -> dict[int, float]:
    """Return when the timers of a hub are due."""
    module: Any = sys.modules.get('eventlet.hubs.hub')
    has = calls.fields(hub, vars(module).get('BaseHub')) if module else None
    found = {}
    for name in ('timers', 'next_timers'):
        for when, timer in list((has or {}).get(name, ())):
            found[id(timer)] = when
    return found

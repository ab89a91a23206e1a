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

"""What a thread, a green thread or a task is busy with.

A request, an RPC call, a periodic task: people know those, and not the number
of a greenlet. It is read from the stack, and nothing of the service is run.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextvars
import functools
import types
from typing import Any, Optional

from osdbg import calls

# What oslo.middleware leaves there, and what clients and proxies send. The
# local id is made anew for each request; a global one the client may choose.
_WSGI_IDS = (
    'openstack.request_id',
    'openstack.global_request_id',
    'HTTP_X_OPENSTACK_REQUEST_ID',
    'HTTP_X_COMPUTE_REQUEST_ID',
    'HTTP_X_REQUEST_ID',
)
# The two headers that have no HTTP_ before their names there (PEP 3333).
_CGI = ('CONTENT_TYPE', 'CONTENT_LENGTH')
CONTEXT_IDS = ('request_id', 'global_request_id')
"""What a context calls the ids of its request."""
# keystonemiddleware's, and what it was before.
_WSGI_PROJECTS = ('HTTP_X_PROJECT_ID', 'HTTP_X_TENANT_ID')
_MOST_LETTERS = 100
_MOST_FUNCTIONS = 20_000
_CONTEXT_PROJECTS = ('project_id', 'project', 'tenant')


class Activity:
    """Something that has a title and no more."""

    stale: Any = None
    """The context that oslo_context had before: not that of this one."""

    def __init__(self, title: str) -> None:
        """Take what it is called."""
        self._title = title

    @property
    def title(self) -> str:
        """What people call it."""
        return readable(*self._title.split(' '))

    @property
    def path(self) -> str | None:
        """Of the URL, where it is a request."""
        return None

    def request_ids(self) -> Iterator[str]:
        """Return the ids of the request that it serves."""
        return iter(())

    @property
    def project_id(self) -> str | None:
        """For which project it is."""
        return None

    def header(self, name: str) -> str | None:
        """Return a header of the request.

        :param name: in small letters
        """
        return None


class WsgiRequest(Activity):
    """A request of a WSGI application."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        """Take what its server tells of it."""
        self._environ = environ

    @property
    def title(self) -> str:
        """As in a log: ``GET /v3/auth/tokens req-...``."""
        return _title(self._text('REQUEST_METHOD'), self)

    @property
    def path(self) -> str:
        """With what the application is mounted at."""
        return self._text('SCRIPT_NAME') + self._text('PATH_INFO')

    def _text(self, name: str) -> str:
        return _string(self._environ, name) or ''

    def request_ids(self) -> Iterator[str]:
        """Return the local one first, if any middleware has made one."""
        return _strings(self._environ, _WSGI_IDS)

    @property
    def project_id(self) -> str | None:
        """For which project it is, as keystonemiddleware says."""
        return next(_strings(self._environ, _WSGI_PROJECTS), None)

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        return _string(self._environ, _variable(name))


@functools.lru_cache
def _variable(header: str) -> str:
    found = header.upper().replace('-', '_')
    return found if found in _CGI else f'HTTP_{found}'


class AsgiRequest(Activity):
    """A request of an ASGI application."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        """Take what its server tells of it."""
        self._scope = scope

    @property
    def title(self) -> str:
        """As in a log."""
        kind = _string(self._scope, 'method') or _string(self._scope, 'type')
        return _title(kind or '', self)

    @property
    def path(self) -> str:
        """With what the application is mounted at."""
        return _string(self._scope, 'path') or ''

    def request_ids(self) -> Iterator[str]:
        """Return what the client or a proxy has sent."""
        for name in ('x-openstack-request-id', 'x-request-id'):
            found = self.header(name)
            if found is not None:
                yield found

    @property
    def project_id(self) -> str | None:
        """For which project it is."""
        return self.header('x-project-id')

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        wanted = name.encode()
        headers: Any = self._scope.get('headers')
        # No iterator, which the application could not read any more.
        for pair in headers if type(headers) in (list, tuple) else ():
            if type(pair) not in (list, tuple) or len(pair) != 2:
                continue
            found, value = pair
            if type(found) is type(value) is bytes and found == wanted:
                return value.decode('latin-1')
        return None


class RpcCall(Activity):
    """A call of an endpoint, through oslo.messaging."""

    def __init__(
        self, method: str, context: Mapping[str, Any], marked: bool = False
    ) -> None:
        """Take what the message says.

        :param method: of the endpoint
        :param context: the caller's, as it was sent
        :param marked: whether the request that it serves bears a token: see
            ``chosen.py``
        """
        self._method = method
        self._context = context
        self.marked = marked

    @property
    def title(self) -> str:
        """Return the name of the method, and whose request it serves."""
        return readable('RPC', self._method, *_first(self.request_ids()))

    def request_ids(self) -> Iterator[str]:
        """Return those that the caller has sent along."""
        return _strings(self._context, CONTEXT_IDS)

    @property
    def project_id(self) -> str | None:
        """For which project it is."""
        return next(_strings(self._context, _CONTEXT_PROJECTS), None)


def _string(values: Mapping[str, Any], name: str) -> str | None:
    found = values.get(name)
    return found if type(found) is str else None


def _strings(values: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        found = values.get(name)
        if type(found) is str and found:
            yield found


def _first(found: Iterator[str]) -> list[str]:
    return [one for one in [next(found, None)] if one is not None]


def readable(*words: str) -> str:
    """Return words as one line that a person may be shown.

    They may come from whoever calls the service: as long as they like, and
    with what an IDE or a terminal would obey.
    """
    cut = (
        word if len(word) <= _MOST_LETTERS else f'{word[:_MOST_LETTERS]}...'
        for word in words
        if word
    )
    return ' '.join(
        ''.join(letter if letter.isprintable() else '?' for letter in word)
        for word in cut
    )


def _title(method: str, request: Activity) -> str:
    return readable(method, request.path or '', *_first(request.request_ids()))


# What follows says of one function what it is busy with, or None.


def _eventlet_wsgi(call: calls.Call) -> Activity | None:
    protocol = call.fields('HttpProtocol') or {}
    environ = protocol.get('environ')
    return WsgiRequest(environ) if type(environ) is dict else None


def _rpc(call: calls.Call) -> Activity | None:
    method, context = call.local('method', str), call.any('ctxt')
    if method is None:
        return None
    return RpcCall(method, context if type(context) is dict else {})


def _periodic(call: calls.Call) -> Activity | None:
    name = call.local('full_task_name', str) or call.local('task_name', str)
    return None if name is None else Activity(f'periodic task {name}')


def _looping(call: calls.Call) -> Activity | None:
    function = (call.fields('LoopingCallBase') or {}).get('f')
    if type(function) is types.MethodType:
        function = function.__func__
    if type(function) is not types.FunctionType:
        return None
    return Activity(f'looping call {function.__qualname__}')


_KNOWN: dict[tuple[str, str], Callable[[calls.Call], Activity | None]] = {
    ('eventlet.wsgi', 'handle_one_response'): _eventlet_wsgi,
    ('oslo_messaging.rpc.dispatcher', '_do_dispatch'): _rpc,
    ('oslo_service.periodic_task', 'run_periodic_tasks'): _periodic,
}
_LOOPS = ('_run_loop', '_run_once', '_start')


def _known(
    frame: types.FrameType,
) -> Callable[[calls.Call], Activity | None] | None:
    module, name = calls.module_of(frame), frame.f_code.co_name
    if name in _LOOPS and module.startswith('oslo_service.'):
        return _looping
    return _KNOWN.get((module, name))


def _takes(code: types.CodeType, *names: str) -> str | None:
    """Return which of these a function takes as an argument."""
    taken = code.co_varnames[: code.co_argcount]
    return next((name for name in names if name in taken), None)


def _asked(call: calls.Call, name: str) -> Activity | None:
    """Return the request that an application is called with."""
    told = call.any(name)
    if type(told) is not dict:
        return None
    if name == 'environ' and 'REQUEST_METHOD' in told:
        return WsgiRequest(told)
    if name == 'scope' and _string(told, 'type') in ('http', 'websocket'):
        return AsgiRequest(told)
    return None


# How a function tells what its thread is busy with: by what is known of it, by
# an argument that it takes, or not at all.
_Ways = tuple[
    Optional[Callable[[calls.Call], Optional[Activity]]], Optional[str]
]
# By the numbers of functions, which stay theirs as long as they are kept: to
# hash one takes five times as long as to go on to the next frame.
_silent: dict[int, types.CodeType] = {}
_telling: dict[int, tuple[types.CodeType, _Ways]] = {}


def _ways(frame: types.FrameType) -> _Ways:
    code = frame.f_code
    found = _telling.get(id(code))
    if found is not None:
        return found[1]
    ways = _known(frame), _takes(code, 'environ', 'scope')
    if len(_silent) + len(_telling) >= _MOST_FUNCTIONS:
        _silent.clear()
        _telling.clear()
    if ways == (None, None):
        _silent[id(code)] = code
    else:
        _telling[id(code)] = code, ways
    return ways


def tells(frame: types.FrameType) -> bool:
    """Tell whether a function may say what its thread is busy with."""
    return id(frame.f_code) not in _silent and _ways(frame) != (None, None)


def _of_one(frame: types.FrameType, own: bool = False) -> Activity | None:
    known, told = _ways(frame)
    if known is None and told is None:
        return None
    call = calls.Call(frame, variables=frame.f_locals if own else None)
    found = known(call) if known is not None else None
    if found is None and told is not None:
        found = _asked(call, told)
    return found


def of(chain: Iterable[types.FrameType]) -> Activity | None:
    """Return what a thread is busy with, as far as its stack tells.

    :param chain: its frames, the innermost first: the innermost counts
    """
    for frame in chain:
        if id(frame.f_code) not in _silent:
            found = _of_one(frame)
            if found is not None:
                return found
    return None


def of_stack(top: types.FrameType | None) -> Activity | None:
    """Do as ``of()`` for a stack of this thread: for each breakpoint's sake.

    :param top: the innermost frame
    """
    while top is not None:
        if id(top.f_code) not in _silent:
            found = _of_one(top, own=True)
            if found is not None:
                return found
        top = top.f_back
    return None


# Where somebody has said it: it is inherited by green threads, native threads
# and tasks as their libraries have it with contextvars.
current: contextvars.ContextVar[Activity | None] = contextvars.ContextVar(
    'osdbg.activities.current', default=None
)

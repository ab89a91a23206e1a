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

"""Find in a stack what its thread is busy with.

It is read from the variables of known functions, and nothing of the service is
run.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
import types
from typing import Optional

from osdbg import activities
from osdbg import calls

_MOST_FUNCTIONS = 20_000
# Of what an application is called for; another is that it begins and ends.
_ASGI_KINDS = ('http', 'websocket')


# What follows says of one function what it is busy with, or None.


def _eventlet_wsgi(call: calls.Call) -> activities.Activity | None:
    protocol = call.fields('HttpProtocol') or {}
    environ = protocol.get('environ')
    return activities.WsgiRequest(environ) if type(environ) is dict else None


def _rpc(call: calls.Call) -> activities.Activity | None:
    method, context = call.local('method', str), call.any('ctxt')
    if method is None:
        return None
    return activities.RpcCall(method, context if type(context) is dict else {})


def _periodic(call: calls.Call) -> activities.Activity | None:
    name = call.local('full_task_name', str) or call.local('task_name', str)
    return (
        None if name is None else activities.Activity(f'periodic task {name}')
    )


def _looping(call: calls.Call) -> activities.Activity | None:
    function = (call.fields('LoopingCallBase') or {}).get('f')
    if type(function) is types.MethodType:
        function = function.__func__
    if type(function) is not types.FunctionType:
        return None
    return activities.Activity(f'looping call {function.__qualname__}')


_KNOWN: dict[
    tuple[str, str], Callable[[calls.Call], activities.Activity | None]
] = {
    ('eventlet.wsgi', 'handle_one_response'): _eventlet_wsgi,
    ('oslo_messaging.rpc.dispatcher', '_do_dispatch'): _rpc,
    ('oslo_service.periodic_task', 'run_periodic_tasks'): _periodic,
}
_LOOPS = ('_run_loop', '_run_once', '_start')


def _known(
    frame: types.FrameType,
) -> Callable[[calls.Call], activities.Activity | None] | None:
    module, name = calls.module_of(frame), frame.f_code.co_name
    if name in _LOOPS and module.startswith('oslo_service.'):
        return _looping
    return _KNOWN.get((module, name))


def _takes(code: types.CodeType, *names: str) -> str | None:
    """Return which of these a function takes as an argument."""
    taken = code.co_varnames[: code.co_argcount]
    return next((name for name in names if name in taken), None)


def _asked(call: calls.Call, name: str) -> activities.Activity | None:
    """Return the request that an application is called with."""
    told = call.any(name)
    if type(told) is not dict:
        return None
    if name == 'environ' and 'REQUEST_METHOD' in told:
        return activities.WsgiRequest(told)
    kind = told.get('type')
    if name == 'scope' and type(kind) is str and kind in _ASGI_KINDS:
        return activities.AsgiRequest(told)
    return None


# How a function tells what its thread is busy with: by what is known of it, by
# an argument that it takes, or not at all.
_Ways = tuple[
    Optional[Callable[[calls.Call], Optional[activities.Activity]]],
    Optional[str],
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


def _of_one(
    frame: types.FrameType, own: bool = False
) -> activities.Activity | None:
    known, told = _ways(frame)
    if known is None and told is None:
        return None
    call = calls.Call(frame, variables=frame.f_locals if own else None)
    found = known(call) if known is not None else None
    if found is None and told is not None:
        found = _asked(call, told)
    return found


def of(chain: Iterable[types.FrameType]) -> activities.Activity | None:
    """Return what a thread is busy with, as far as its stack tells.

    :param chain: its frames, the innermost first: the innermost counts
    """
    for frame in chain:
        if id(frame.f_code) not in _silent:
            found = _of_one(frame)
            if found is not None:
                return found
    return None


def of_stack(top: types.FrameType | None) -> activities.Activity | None:
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

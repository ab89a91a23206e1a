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

"""The names of threads and green threads, and which belong together."""

from __future__ import annotations

from collections.abc import Collection
import io
import os
import sys
import types
from typing import Any

from osdbg import calls
from osdbg import frames
from osdbg import patching
from osdbg import waiting

Known = dict[str, Any]
"""What ``threading`` knows of one."""


def known() -> dict[int, Known]:
    """Return what is known of threads, by their numbers.

    A green one has that of its greenlet in memory. Its table is not that of
    the native ones, which eventlet keeps for its tpool.
    """
    found = {}
    original = sys.modules.get('__original_module_threading')
    for module in filter(None, (patching.service_threading, original)):
        names = vars(module)
        for thread in list(names['_active'].values()):
            has = calls.fields(thread, _class_of(thread))
            if has is not None and type(has.get('_ident')) is int:
                found[has['_ident']] = _take(
                    has, thread is names['_main_thread']
                )
    return found


def names(
    threads: dict[int, Known], native: Collection[int]
) -> dict[int, str]:
    """Return what to call threads and green threads, by their numbers.

    :param threads: what is known of them
    :param native: which of them are native, but for this one
    """
    here = waiting.get_ident()
    return {
        ident: f'{"" if ident in native or ident == here else "green "}thread '
        f'{has["name"] or ident}'
        for ident, has in threads.items()
    }


def own() -> Known:
    """Return what is known of this thread, which is none of the service's."""
    return {'native_id': waiting.get_native_id(), 'daemon': True}


def _class_of(thread: Any) -> Any:
    """Return its ``Thread``, of which there are three with eventlet."""
    for base in type(thread).__mro__:
        if (base.__module__, base.__name__) == ('threading', 'Thread'):
            return base
    return None


def _take(has: dict[str, Any], main: bool) -> Known:
    name, native = has.get('_name'), has.get('_native_id')
    return {
        'name': name if type(name) is str else None,
        'daemon': has.get('_daemonic') is True,
        'main': main,
        # It may have been copied by a fork.
        'native_id': os.getpid() if main else native,
    }


def describe(ident: int, known: Known) -> dict[str, Any]:
    """Return what is to be told of a native thread.

    :param known: what is known of it, if anything is
    :returns: ``state`` as in ps(1), and ``cpu`` in seconds, beside that
    """
    native = known.get('native_id')
    state, cpu = _use(native) if type(native) is int else (None, None)
    return {
        'name': known.get('name'),
        'ident': ident,
        'native_id': native if state else None,
        'daemon': known.get('daemon'),
        'main': known.get('main', False),
        'owner': None,
        'state': state,
        'cpu': cpu,
    }


def _use(native: int) -> tuple[str | None, float | None]:
    """Return the state of a thread, and the CPU time that it has used."""
    try:
        # Not open(), which eventlet may have replaced.
        with io.FileIO(f'/proc/self/task/{native}/stat') as file:
            found = file.read().rpartition(b')')[2].split()
    except OSError:
        return None, None
    ticks = int(found[11]) + int(found[12])
    return found[0].decode(), ticks / os.sysconf('SC_CLK_TCK')


def hub_of(chain: list[types.FrameType]) -> Any:
    """Return the hub's greenlet, if it is what runs in a native thread.

    :param chain: the frames of the thread
    """
    module: Any = sys.modules.get('eventlet.hubs.hub')
    kind = vars(module).get('BaseHub') if module else None
    for frame in chain if kind else ():
        if frame.f_code.co_name == 'run':
            if calls.module_of(frame).startswith('eventlet.hubs.'):
                hub = frames.variables(frame).get('self')
                return (calls.fields(hub, kind) or {}).get('greenlet')
    return None

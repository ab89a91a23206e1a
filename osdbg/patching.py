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

"""What eventlet has patched, and what it has left.

eventlet itself is never imported (nova and cinder refuse to run if it is):
what it has patched is read from ``sys.modules``.
"""

from __future__ import annotations

import importlib
import sys
import threading
import types
from typing import Any

# To keep: eventlet takes it out of sys.modules for a moment.
service_threading: Any = threading

# The keyword of eventlet.monkey_patch() that patches each of these in place.
GROUPS = {
    'os': 'os',
    '_thread': 'thread',
    'threading': 'thread',
    'queue': 'thread',
    'time': 'time',
    'select': 'select',
    'socket': 'socket',
    'subprocess': 'subprocess',
}


def patched() -> list[str]:
    """Return the names of the modules that eventlet has patched by now."""
    return [name for name, group in GROUPS.items() if _is_patched(group)]


def _is_patched(group: str) -> bool:
    patcher: Any = sys.modules.get('eventlet.patcher')
    # Another thread may be importing it at this moment.
    ask = getattr(patcher, 'is_monkey_patched', None)
    return ask is not None and bool(ask(group))


def gevent_patched() -> list[str]:
    """Return the names of the modules that gevent has patched by now."""
    monkey: Any = sys.modules.get('gevent.monkey')
    ask = getattr(monkey, 'is_module_patched', None)
    return [] if ask is None else [name for name in GROUPS if ask(name)]


def monkey_patch(*, threads: bool, **on: bool) -> None:
    """Call ``eventlet.monkey_patch()``.

    :param threads: whether ``thread`` is patched when the caller does not say
    :param on: as for ``eventlet.monkey_patch()``
    :raises: RuntimeError when the service has not imported eventlet
    """
    eventlet = sys.modules.get('eventlet')
    if eventlet is None:
        raise RuntimeError(
            'osdbg.monkey_patch() needs eventlet, which this program has not '
            'imported: put "import eventlet" before it'
        )
    if not threads:
        on.setdefault('thread', False)
    eventlet.monkey_patch(**on)


def native(name: str) -> Any:
    """Return a module whose functions block the thread, not the hub.

    Functions taken from it stay what they are when the service is patched
    later: eventlet replaces attributes of modules, never the functions.

    :param name: one of the modules that eventlet patches
    """
    if _is_patched(GROUPS[name]):
        return sys.modules['eventlet.patcher'].original(name)
    module = importlib.import_module(name)
    if name not in gevent_patched():
        return module
    copy = types.ModuleType(name)
    copy.__dict__.update(module.__dict__)
    copy.__dict__.update(sys.modules['gevent.monkey'].saved[name])
    return copy

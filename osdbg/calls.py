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

"""What may be read of a function of another thread, without running anything.

Of what its variables hold, only what has exactly the type that is expected is
used: to ask an object of the service for an attribute, or to compare it, may
run code of the service.
"""

from __future__ import annotations

import _socket
import os
import re
import sys
import types
from typing import Any

from osdbg import frames
from osdbg import patching

_RLOCK: type = patching.native('_thread').RLock
# Not by way of a metaclass, which may be the service's.
_MRO = type.__dict__['__mro__'].__get__
_NAMES = type.__dict__['__dict__'].__get__
_OWNER = re.compile(r'owner=(\d+)')


class Call:
    """A frame of a function that is known."""

    def __init__(
        self, frame: types.FrameType, waits: Any = None, variables: Any = None
    ) -> None:
        """Take a frame; its variables are read when they are needed.

        :param waits: who else waits, where that is asked for
        :param variables: what they are, where the thread is this one
        """
        self._frame = frame
        self._variables = variables
        self.waits = waits

    def any(self, name: str) -> Any:
        """Return a variable, whatever it holds: not to be asked."""
        if self._variables is None:
            self._variables = frames.variables(self._frame)
        return self._variables.get(name)

    def local(self, name: str, kind: type) -> Any:
        """Return a variable; None unless it has exactly this type."""
        value = self.any(name)
        return value if type(value) is kind else None

    def limit(self, name: str, words: str = ', {} s at most') -> str:
        """Return how long it waits at most by a variable, in words."""
        value: Any = self.any(name)
        if type(value) not in (int, float) or value < 0:
            return ''
        return words.format(f'{value:.4g}')

    def fields(self, kind: str, name: str = 'self') -> dict[str, Any] | None:
        """Return the attributes of an object; None if it is of another kind.

        :param kind: a class, as the module of the function calls it
        :param name: of the variable that holds the object
        """
        cls = dict.get(self._frame.f_globals, kind)
        return fields(self.any(name), cls)

    def descriptor(self, number: str, file: str) -> str:
        """Say what a file descriptor is.

        :param number: the variable that holds it
        :param file: the variable that may hold a socket for it
        """
        found = self.local(number, int)
        return descriptor(found, self.any(file))


def fields(value: Any, cls: Any) -> dict[str, Any] | None:
    """Return the attributes of an object, without asking it.

    :param cls: what it has to be an instance of, or of a subclass of
    """
    bases = _MRO(type(value))
    if not any(base is cls for base in bases):
        return None
    for base in bases:
        getter = _NAMES(base).get('__dict__')
        if type(getter) is types.GetSetDescriptorType:
            found = getter.__get__(value)
            return found if type(found) is dict else None
    return None


def descriptor(number: int | None, file: Any = None) -> str:
    """Say what a file descriptor is.

    :param number: None if it is not known
    :param file: a socket, if it is known to be one
    """
    file = _native_socket(file)
    if issubclass(type(file), _socket.socket):
        place = _address(file)
        number = _socket.socket.fileno(file) if number is None else number
    else:
        place = _link(number)
    return place if number is None else f'{place} (fd {number})'


def _native_socket(sock: Any) -> Any:
    """Return the socket inside of a green one, or what it is given."""
    module: Any = sys.modules.get('eventlet.greenio.base')
    kind = vars(module).get('GreenSocket') if module else None
    while (has := fields(sock, kind)) is not None:
        sock = has.get('fd')
    return sock


def _link(number: int | None) -> str:
    if number is None:
        return 'a file descriptor'
    try:
        return os.readlink(f'/proc/self/fd/{number}')
    except OSError:
        return 'a file descriptor'


def _address(sock: Any) -> str:
    """Return the other end of a socket, or its own if there is no other."""
    for what, ask in (
        ('socket', _socket.socket.getpeername),
        ('listening socket', _socket.socket.getsockname),
    ):
        try:
            found = ask(sock)
        except OSError:
            continue
        if type(found) is tuple and len(found) >= 2:
            host, port = found[:2]
            host = f'[{host}]' if ':' in str(host) else host
            return f'{what} {host}:{port}'
        if type(found) is bytes:
            found = '@' + found.decode(errors='replace').lstrip('\0')
        return f'UNIX {what} {found}'.rstrip()
    return 'socket'


def owner(lock: Any) -> int:
    """Return the number of the thread that holds a lock, or 0.

    :param lock: only an RLock has an owner
    """
    if type(lock) is _RLOCK:
        match = _OWNER.search(repr(lock))  # in C
        return int(match[1]) if match else 0
    kind = getattr(sys.modules['threading'], '_RLock', None)
    found = (fields(lock, kind) or {}).get('_owner')
    return found if type(found) is int else 0


def module_of(frame: types.FrameType) -> str:
    """Return the name of the module of a function.

    It may have any globals, also such as run code when they are asked.
    """
    found = dict.get(frame.f_globals, '__name__')
    return found if type(found) is str else ''

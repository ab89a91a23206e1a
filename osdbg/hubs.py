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

"""Have eventlet's hub do something, from another native thread.

A hub that has nothing to do waits in the kernel, up to a minute. Whoever wants
its thread to run Python has to wake it.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from typing import Any

from osdbg import greenlets
from osdbg import patching

# eventlet takes it out of the module.
_select: Any = patching.native('select')
_EPOLL = getattr(_select, 'epoll', None)
_calls: list[_Call] = []


def find() -> list[Any]:
    """Return eventlet's hubs that run, one for each thread that has one."""
    return [hub for hub in greenlets.hubs() if getattr(hub, 'running', False)]


def call_soon(hub: Any, call: Callable[[], None]) -> None:
    """Have a hub call something in its own thread, as soon as it can.

    :param hub: one of ``find()``
    :param call: must not raise
    """
    loop = getattr(hub, 'loop', None)
    poll = getattr(hub, 'poll', None)
    if loop is not None:  # eventlet's hub on asyncio
        loop.call_soon_threadsafe(call)
    elif _EPOLL is not None and isinstance(poll, _EPOLL):
        _Call(hub, call).begin()
    else:
        # It does not wake up for that, but does it next.
        hub.schedule_call_global(0, call)


def forget() -> None:
    """Call nothing any more: this is a fork of who wanted it."""
    while _calls:
        # What epoll listens to it shares with its parent, which goes on.
        _calls.pop().close(unregister=False)


class _Call:
    """A listener of the hub's, for a socket that has something to read.

    epoll(7) may be told of another descriptor while a thread waits in it.
    """

    def __init__(self, hub: Any, call: Callable[[], None]) -> None:
        self._hub = hub
        self._call = call
        self._ours, self._theirs = _socket.socketpair()
        # What eventlet knows of a listener; see FdListener in its hub.py.
        self.evtype = hub.READ
        self.fileno = self._ours.fileno()
        self.tb = self.mark_as_closed = None
        self.spent = False
        self.greenlet = hub.greenlet

    def begin(self) -> None:
        _calls.append(self)
        self._theirs.send(b'.')
        self._hub.listeners[self.evtype][self.fileno] = self
        self._hub.poll.register(self.fileno, _select.EPOLLIN)

    def cb(self, fileno: int) -> None:
        """Be called by the hub."""
        if self in _calls:
            _calls.remove(self)
            self.close()
            self._call()

    def defang(self) -> None:
        """Be told by the hub that the descriptor is another's now."""

    def close(self, unregister: bool = True) -> None:
        self._hub.listeners[self.evtype].pop(self.fileno, None)
        if unregister:
            try:
                self._hub.poll.unregister(self.fileno)
            except OSError:
                pass  # somebody has closed what is not theirs
        self._ours.close()
        self._theirs.close()

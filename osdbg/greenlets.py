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

"""Green threads, where a service has them: who runs, and how it waits."""

from __future__ import annotations

from collections.abc import Callable
import sys
import types
from typing import Any
import weakref

from osdbg import frames
from osdbg import objects
from osdbg import patching
from osdbg import signals
from osdbg import waiting

_NAP_SECONDS = 0.05


def current() -> Any:
    """Return the running greenlet; None if the service has none."""
    ask = getattr(sys.modules.get('greenlet'), 'getcurrent', None)
    return None if ask is None else ask()


def trampoline() -> Any:
    """Return eventlet's, where a green thread may wait for a descriptor.

    Not in the hub itself, where that raises, nor in a native thread (tpool),
    which would get a hub of its own for life. Not in a signal handler either:
    what it has interrupted may hold a lock that the others would share.

    :returns: None where a wait has to block the thread
    """
    hubs = sys.modules.get('eventlet.hubs')
    found = getattr(hubs, 'trampoline', None)
    if found is None or 'socket' not in patching.patched():
        return None
    hub = getattr(hubs._threadlocal, 'hub', None)  # type: ignore[union-attr]
    if hub is None or hub.greenlet is current():
        return None
    return None if signals.in_handler() else found


def nap() -> bool:
    """Wait a moment.

    :returns: whether other green threads of this thread could run meanwhile
    """
    green = trampoline() is not None
    sleep = getattr(sys.modules.get('eventlet.greenthread'), 'sleep', None)
    if green and sleep is not None:
        sleep(_NAP_SECONDS)
    else:
        waiting.pause(_NAP_SECONDS)
    return green


def everyone() -> list[weakref.ref[Any]]:
    """Return references to all greenlets, whatever they are at."""
    return objects.instances(
        getattr(sys.modules.get('greenlet'), 'greenlet', None)
    )


def parked_at(greenlet: Any) -> types.FrameType | None:
    """Return where a greenlet waits; None if it runs, or never has.

    :param greenlet: of whatever subclass, which is not asked itself
    """
    root: Any = sys.modules['greenlet'].greenlet
    frame: types.FrameType | None = vars(root)['gr_frame'].__get__(greenlet)
    return frame


def parent_of(greenlet: Any) -> Any:
    """Return the greenlet that runs when one has ended; None for a main one.

    :param greenlet: of whatever subclass, which is not asked itself
    """
    root: Any = sys.modules['greenlet'].greenlet
    return vars(root)['parent'].__get__(greenlet)


def hubs() -> list[Any]:
    """Return eventlet's hubs, one for each thread that has green threads.

    By ``gc``: each hub is its own thread's local.
    """
    kind = getattr(sys.modules.get('eventlet.hubs.hub'), 'BaseHub', None)
    return list(objects.referred(objects.instances(kind)))


def waits_to_write(descriptor: int, among: list[Any]) -> bool:
    """Tell whether a green thread waits until it can write more.

    :param descriptor: to what
    :param among: the hubs that are asked
    """
    return any(descriptor in hub.listeners['write'] for hub in among)


def native_socket(sock: Any) -> Any:
    """Return the socket inside a green one, or the same if it is not."""
    kind = getattr(sys.modules.get('eventlet.greenio'), 'GreenSocket', None)
    return sock.fd if kind is not None and isinstance(sock, kind) else sock


class Owner:
    """The thread, or green thread, that something belongs to."""

    def __init__(self) -> None:
        """Take the one that is running."""
        self.thread = waiting.get_ident()
        self._greenlet = current()

    def is_current(self) -> bool:
        """Tell whether it is the one that is running."""
        if self.thread != waiting.get_ident():
            return False
        return self._greenlet is None or self._greenlet is current()

    def is_here(self) -> bool:
        """Tell whether it is of the native thread that is running."""
        return bool(self.thread == waiting.get_ident())

    def throw(
        self, what: type[BaseException], unless: Callable[[], bool]
    ) -> None:
        """Have the hub raise an exception where this one is parked.

        From another green thread of the same thread.

        :param what: the exception
        :param unless: says, when it comes to that, that it is not wanted
        """
        hubs = sys.modules.get('eventlet.hubs')
        hub = getattr(getattr(hubs, '_threadlocal', None), 'hub', None)

        def throw() -> None:
            if not unless() and not self.is_dead():
                self._greenlet.throw(what)

        if hub is not None:
            hub.schedule_call_global(0, throw)

    def frame(self) -> Any:
        """Return where it is: the caller's own frame, or where it parks."""
        if self.is_current():
            return sys._getframe(1)
        return getattr(self._greenlet, 'gr_frame', None)

    def is_dead(self) -> bool:
        """Tell whether it has ended."""
        if self._greenlet is not None and self._greenlet.dead:
            return True
        return self.thread not in frames.current()

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
import contextvars
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
    if hub() is None or in_hub():
        return None
    return None if signals.in_handler() else found


def hub() -> Any:
    """Return eventlet's hub of this native thread; None if it has none."""
    local = getattr(sys.modules.get('eventlet.hubs'), '_threadlocal', None)
    return getattr(local, 'hub', None)


def in_hub() -> bool:
    """Tell whether it is eventlet's hub that runs in this native thread."""
    found = hub()
    return found is not None and found.greenlet is current()


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


def kinds() -> list[type]:
    """Return the class of greenlets; none where there are none."""
    found = getattr(sys.modules.get('greenlet'), 'greenlet', None)
    return [] if found is None else [found]


def everyone() -> list[weakref.ref[Any]]:
    """Return references to all greenlets, whatever they are at."""
    return objects.all_instances(kinds())


def parked_at(greenlet: Any) -> types.FrameType | None:
    """Return where a greenlet waits; None if it runs, or never has.

    :param greenlet: of whatever subclass, which is not asked itself
    """
    root: Any = sys.modules['greenlet'].greenlet
    frame: types.FrameType | None = vars(root)['gr_frame'].__get__(greenlet)
    return frame


def runs(greenlet: Any) -> bool:
    """Return whether a greenlet that is parked nowhere has begun, not ended.

    :param greenlet: of whatever subclass, which is not asked itself
    """
    root: Any = sys.modules['greenlet'].greenlet
    active: bool = vars(root)['__bool__'](greenlet)
    return active


def context_of(greenlet: Any) -> contextvars.Context | None:
    """Return the context variables of a greenlet, if it has any.

    :param greenlet: of whatever subclass, which is not asked itself
    """
    root: Any = sys.modules['greenlet'].greenlet
    ask = vars(root).get('gr_context')  # since greenlet 1.0
    found: contextvars.Context | None = ask and ask.__get__(greenlet)
    return found


def parent_of(greenlet: Any) -> Any:
    """Return the greenlet that runs when one has ended; None for a main one.

    :param greenlet: of whatever subclass, which is not asked itself
    """
    root: Any = sys.modules['greenlet'].greenlet
    return vars(root)['parent'].__get__(greenlet)


def main_of(greenlet: Any) -> Any:
    """Return the main greenlet of the native thread that one is of."""
    while (parent := parent_of(greenlet)) is not None:
        greenlet = parent
    return greenlet


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


class follow_switches:  # noqa: N801  (reads as what it does)
    """Be told of each switch between green threads of this native thread."""

    def __init__(self, tell: Callable[[Any, Any], None]) -> None:
        """Begin to; whoever was told before goes on being told.

        :param tell: called with who ran and with who runs now, in the latter,
            while nothing is traced there
        """
        self._tell: Callable[[Any, Any], None] | None = tell
        # greenlet takes a function, and one for each native thread.
        self._before = sys.modules['greenlet'].settrace(self._call)
        # One that is over is still there if nothing has switched since.
        owner = getattr(self._before, '__self__', None)
        while isinstance(owner, follow_switches) and owner._tell is None:
            self._before = owner._before
            owner = getattr(self._before, '__self__', None)

    def _call(self, event: str, args: Any) -> None:
        tell = self._tell
        if tell is not None:
            try:
                tell(*args)
            except Exception:
                # Whoever runs now would get it (greenlet, TGreenlet.cpp).
                self._tell = None
        elif sys.modules['greenlet'].gettrace() == self._call:
            # Not before: another native thread has another function.
            sys.modules['greenlet'].settrace(self._before)
        if self._before is not None:
            self._before(event, args)

    def end(self) -> None:
        """Be told no more, from any thread."""
        self._tell = None


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
        here = hub()

        def throw() -> None:
            if not unless() and not self.is_dead():
                self._greenlet.throw(what)

        if here is not None:
            here.schedule_call_global(0, throw)

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

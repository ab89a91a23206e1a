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

"""The debugger of a process, while one is loaded, and when it may be forked.

The service's threads come here, too, to be stopped by it. A child that is
forked in the middle of an import inherits a lock that nobody will release: a
fork waits for a load or an unload in progress.
"""

from __future__ import annotations

from collections.abc import Callable
import types
from typing import Any

from osdbg import backends
from osdbg import exceptions
from osdbg.gateway import protocol
from osdbg import settings as settings_
from osdbg import stops
from osdbg import waiting

_FORK_GATE_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class Debugger:
    """Comes and goes on the gateway's order."""

    def __init__(self, told: stops.Stops, guard: Callable[..., None]) -> None:
        """Load nothing yet.

        :param told: is told of each thread that stops
        :param guard: calls a backend, and lets nothing of its own out
        """
        self._stops = told
        self._guard = guard
        self.backend: backends.Backend | None = None
        # Whether a client is.
        self.attached = False
        # Held also for what a child must have whole, or not at all.
        self.gate = waiting.allocate_lock()
        # The thread that is forking and holds the gate.
        self._forker = 0

    @property
    def version(self) -> str:
        """What the loaded one calls its version; empty without one."""
        return self.backend.version if self.backend is not None else ''

    def load(
        self,
        settings: settings_.Settings,
        channel: protocol.Channel,
        ticket: str,
    ) -> str | None:
        """Load it, and connect it to the gateway.

        :param settings: the options that name it
        :param channel: the agent's, to the gateway
        :param ticket: what the gateway knows the connection by
        :returns: what went wrong: None if nothing did; empty if only the
            gateway has gone
        """
        with self.gate:
            try:
                backend = backends.create(settings)
                backend.stops = self._stops
                backend.require()
                try:
                    sock = channel.connect()
                except protocol.ABSENT:
                    return ''
                sock.sendall(protocol.encode({'join': ticket}))
                backend.load(sock)
            except exceptions.OsdbgError as exc:
                return str(exc)
            except BaseException as exc:  # the agent's thread has to live on
                return f'{type(exc).__name__}: {exc}'
            self.backend = backend
            return None

    def unload(self) -> bool:
        """Unload it.

        :returns: whether it was loaded
        """
        self.attached = False
        # Before: what is evaluated may hold a lock that unloading needs.
        self._stops.end_late()
        with self.gate:
            backend, self.backend = self.backend, None
            if backend is not None:
                backend.unload()
        return backend is not None

    def wait_unloaded(self) -> None:
        """Block until it is unloaded, but no longer than a fork would."""
        for _ in range(int(_FORK_GATE_SECONDS / _LOOK_SECONDS)):
            if self.backend is None:
                return
            waiting.pause(_LOOK_SECONDS)

    def break_here(self, frame: types.FrameType | None) -> bool:
        """Stop this thread, if a client is attached.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        :returns: whether one is
        """
        backend = self.backend
        if backend is None or not self.attached:
            return False
        self._guard(backend, backend.break_here, frame)
        return True

    def break_on_exception(self, exc: BaseException) -> None:
        """Stop this thread on what it has caught, if a client is attached.

        :param exc: with its traceback
        """
        backend = self.backend
        if backend is not None and self.attached:
            backend.break_on_exception(exc)

    def trace_this_thread(self, served: Any = None) -> None:
        """Let this thread stop at breakpoints, if a client is attached.

        :param served: the request it does so for, where others may not stop
        """
        backend = self.backend
        if backend is not None and self.attached:
            backend.trace_this_thread(served)

    def spare_this_thread(self) -> None:
        """Have this thread run as if nobody were attached, where it may.

        It has begun to serve a request that may not stop at breakpoints.
        """
        backend = self.backend
        if backend is not None and self.attached:
            backend.spare_this_thread()

    def end_step(self) -> None:
        """Have this thread not stop for a step any more."""
        backend = self.backend
        if backend is not None and self.attached:
            backend.end_step()

    def before_fork(self) -> None:
        """Close the gate, unless it takes too long."""
        if self.gate.acquire(True, _FORK_GATE_SECONDS):
            self._forker = waiting.get_ident()

    def after_fork_in_parent(self) -> None:
        """Open the gate again, if it is this thread that has closed it.

        Several threads may fork at once, and not all of them hold it.
        """
        if self._forker == waiting.get_ident():
            self._forker = 0
            self.gate.release()

    def after_fork_in_child(self) -> None:
        """Leave it to the parent of this child, which needs another."""
        backend = self.backend
        if backend is not None:
            self._guard(backend, backend.after_fork)

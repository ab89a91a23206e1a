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

"""A worker that stands still obeys signals."""

from __future__ import annotations

from collections.abc import Callable
import functools
import signal
import sys
import types
from typing import Any, ClassVar

from osdbg import program
from osdbg import waiting

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
# A partial of a method of an object of ...; more may be one that has no end.
_MAX_WRAPPERS = 16


class obeying_signals:  # noqa: N801  (reads as a statement)
    """Let the process go on when a signal asks it to stop or to reload.

    The handlers of oslo.service only make a note for the main loop, and there
    is none while the main thread stands at a breakpoint or waits for a
    client: ``systemctl stop`` would wait for the IDE.
    """

    def __init__(self, resume: Callable[[int], None]) -> None:
        """Prepare to.

        :param resume: called with the signal, before the service's handler
        """
        self._resume = resume
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> obeying_signals:
        if not _belong_to_python():
            return self
        for signum in _STOP_SIGNALS:
            handler = signal.getsignal(signum)
            if callable(handler):
                try:
                    signal.signal(signum, self._handle)
                except ValueError:
                    break  # not the main thread
                self._handlers[signum] = handler
        return self

    def __exit__(self, *exc_info: object) -> None:
        for signum, handler in self._handlers.items():
            # Unless the service has set another meanwhile.
            if signal.getsignal(signum) == self._handle:
                signal.signal(signum, handler)

    def interrupted_by(self, frame: types.FrameType | None) -> bool:
        """Tell whether a handler runs already, and resume if so.

        A main thread that was waiting when another thread stopped is itself
        stopped on the first line it runs: that of the handler.
        """
        codes = {
            _code(handler): signum
            for signum, handler in self._handlers.items()
        }
        codes.pop(None, None)
        while frame is not None:
            if frame.f_code in codes:
                self._resume(codes[frame.f_code])
                return True
            frame = frame.f_back
        return False

    def _handle(self, signum: int, frame: Any) -> None:
        self._resume(signum)
        self._handlers[signum](signum, frame)


class obeying_together:  # noqa: N801  (reads as a statement)
    """``obeying_signals`` for green threads, which do not leave in order.

    One that left before another that came later would leave the handlers of
    the process as they were in between.
    """

    _here: ClassVar[dict[int, list[obeying_together]]] = {}
    _handlers: ClassVar[dict[int, obeying_signals]] = {}

    def __init__(self, resume: Callable[[], None]) -> None:
        """Prepare to.

        :param resume: called before the service's handler
        """
        self._resume = resume
        self._thread = waiting.get_ident()

    def __enter__(self) -> None:
        here = self._here.setdefault(self._thread, [])
        here.append(self)
        if len(here) == 1:
            handlers = obeying_signals(lambda signum: _resume_all(here))
            self._handlers[self._thread] = handlers
            handlers.__enter__()

    def __exit__(self, *exc_info: object) -> None:
        here = self._here.get(self._thread, [])
        if self in here:
            here.remove(self)
        if not here:
            self._here.pop(self._thread, None)
            handlers = self._handlers.pop(self._thread, None)
            if handlers is not None:
                handlers.__exit__()


def _resume_all(those: list[obeying_together]) -> None:
    for one in list(those):
        one._resume()


def in_handler() -> bool:
    """Tell whether this thread is in a signal handler just now."""
    signals = signal.valid_signals()
    codes = {_code(signal.getsignal(signum)) for signum in signals}
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code in codes:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _code(handler: Any) -> types.CodeType | None:
    """Return what a handler runs first that is Python, if anything is."""
    for _ in range(_MAX_WRAPPERS):
        if handler is None or isinstance(handler, int):
            break
        try:
            code = getattr(handler, '__code__', None)
            if isinstance(code, types.CodeType):
                return code
            if isinstance(handler, functools.partial):
                handler = handler.func
                continue
            for name in ('__wrapped__', '__func__'):
                if hasattr(handler, name):
                    handler = getattr(handler, name)
                    break
            else:
                handler = type(handler).__call__
        except Exception:
            break  # an object of the service that cannot be looked into
    return None


class _Urgent:
    """What handles SIGURG."""

    def __init__(
        self, call: Callable[[types.FrameType | None], object], before: Any
    ) -> None:
        self.call: Callable[[types.FrameType | None], object] | None = call
        self.before = before

    def __call__(self, signum: int, frame: types.FrameType | None) -> None:
        if self.call is not None:
            self.call(frame)


def take_urgent(call: Callable[[types.FrameType | None], object]) -> bool:
    """Have something called in the main thread on SIGURG.

    It is the one signal that hardly anybody else takes, and that does no harm
    to a process that has no handler for it (SIGUSR1 and SIGUSR2 end it).

    :param call: with the frame that the main thread was at
    :returns: whether that can be; a handler of the service stays
    """
    if not _belong_to_python():
        return False
    before = signal.getsignal(signal.SIGURG)
    if isinstance(before, _Urgent):
        before.call = call
        return True
    if before not in (signal.SIG_DFL, signal.SIG_IGN):
        return False  # None is a handler, too: one that is not Python's
    try:
        signal.signal(signal.SIGURG, _Urgent(call, before))
    except ValueError:
        return False  # not the main thread
    return True


def release_urgent() -> None:
    """Undo ``take_urgent``, unless the service has set another meanwhile.

    In another thread than the main thread, do nothing on SIGURG instead.
    """
    handler = signal.getsignal(signal.SIGURG)
    if not isinstance(handler, _Urgent):
        return
    handler.call = None
    try:
        signal.signal(signal.SIGURG, handler.before)
    except ValueError:
        pass  # not the main thread


def _belong_to_python() -> bool:
    """Tell whether it is Python that handles the signals of this process.

    In uWSGI or Apache it is the server, behind Python's back: to set and
    reset a handler would take it away from them, for good. And theirs end
    the process without a turn of the thread that stands at a breakpoint.
    """
    return not program.is_embedded() and not hasattr(
        sys.modules.get('uwsgi'), 'worker_id'
    )

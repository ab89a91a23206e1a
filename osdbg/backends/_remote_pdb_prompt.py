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

"""The prompt: pdb, told that it is a guest in a service.

Imported only when a prompt opens, since it is what imports remote-pdb.
"""

from __future__ import annotations

import bdb
from collections.abc import Callable
import logging
import pdb  # noqa: T100
import sys
import types
from typing import Any

from osdbg.backends._remote_pdb_guest import Guest
from osdbg.backends import _remote_pdb_line
from osdbg.backends._remote_pdb_terminal import Terminal
from osdbg import evaluation
from osdbg import greenlets
from osdbg import journal
from osdbg import signals
from osdbg import stops as stops_
from osdbg import waiting

_LOOK_SECONDS = 1.0
_BREAKPOINTS_LEFT = (
    'osdbg: it runs to the next of your breakpoints in this thread; end the '
    'connection to detach'
)


class _Nested(Guest):
    """The debugger of the command ``debug``."""

    def __init__(self, outer: Prompt) -> None:
        super().__init__(outer.terminal)
        self._outer = outer
        self.prompt = f'({outer.prompt.strip()}) '

    def trace_dispatch(self, frame: Any, event: str, arg: Any) -> Any:
        if not self._outer.owner.is_current():
            return None
        return super().trace_dispatch(frame, event, arg)

    def do_quit(self, arg: str) -> Any:
        """Quit: end this debugger."""
        return pdb.Pdb.do_quit(self, arg)

    do_q = do_exit = do_quit


class Prompt(Guest):
    """One session: from a breakpoint until its client is let go."""

    def __init__(
        self,
        line: _remote_pdb_line.Line,
        owner: greenlets.Owner,
        leave: Callable[[], None],
        stops: stops_.Stops,
    ) -> None:
        """Prepare a session; ``begin`` begins it.

        :param line: where the client is
        :param owner: the thread that is debugged, alone
        :param leave: called when the session is over
        :param stops: is told when it stops
        """
        super().__init__(Terminal(line, owner))
        self._stops = stops
        self.owner = owner
        self.talking = False
        self._line = line
        self._leave = leave
        self._over = False
        self._arrived = False
        self._traced_before = sys.gettrace()
        self._frames: dict[Any, tuple[Any, bool, bool]] = {}
        self._look = 0.0
        self._had_breakpoints = bool(bdb.Breakpoint.bplist)

    def begin(self, frame: types.FrameType, into: bool = False) -> None:
        """Stop at the next line of a frame of this thread.

        :param into: or at the first line of what it is about to call
        """
        self._arrived = False
        caller: types.FrameType | None = frame
        while caller is not None:
            if caller not in self._frames:
                self._frames[caller] = (
                    caller.f_trace,
                    caller.f_trace_lines,
                    caller.f_trace_opcodes,
                )
            caller = caller.f_back
        if signals.in_handler():
            self._begin_at_once(frame)
        else:
            self.set_trace(frame)
            if into:
                self.set_step()
                self._arrived = self.steps_into = True

    def _begin_at_once(self, frame: types.FrameType) -> None:
        """Open the prompt here: the frame may never come to a next line."""
        self.set_trace(frame)
        sys.settrace(self._traced_before)
        try:
            self.interaction(frame, None)
        except BaseException:
            self.finish()
            raise
        if not self._over:
            sys.settrace(self.trace_dispatch)

    def trace_dispatch(self, frame: Any, event: str, arg: Any) -> Any:
        """Do as pdb does, in one thread or green thread alone.

        eventlet runs all green threads in one thread, and what one of them
        traces is traced in all.
        """
        if self._over:
            if self.owner.is_here():
                self._restore()
            return None
        if not self.owner.is_current():
            # It may be parked for ever, and all of them are traced meanwhile.
            if event == 'call' and not self.talking:
                self._is_left_alone()
            return None
        if event == 'call' and (not self._arrived or self._is_left_alone()):
            return None  # on the way back to the caller of breakpoint()
        try:
            result = super().trace_dispatch(frame, event, arg)
        except BaseException as exc:
            self.finish()
            if isinstance(exc, Exception) and exc is not self._line.thrown:
                self._complain(exc)
                return None
            raise
        if event == 'return' and frame is self.botframe:
            self.finish()  # nothing is left to debug
        return None if self._over else result

    def _is_left_alone(self) -> bool:
        """Finish if the client has gone while nothing was asked of it."""
        now = waiting.monotonic()
        if now > self._look:
            self._look = now + _LOOK_SECONDS
            if self._line.is_gone():
                self.finish()
        return self._over

    def _complain(self, exc: Exception) -> None:
        journal.write(
            logging.WARNING,
            'osdbg: the prompt has failed (%r) and the request goes on; '
            'please report it',
            exc,
        )

    def interaction(self, frame: Any, *args: Any) -> None:
        """Ask the client what to do, and do it."""
        self._arrived = True
        self.steps_into = False
        self.talking = True
        number = self._stops.enter(
            f'{frame.f_code.co_filename}:{frame.f_lineno}'
        )
        try:
            with signals.obeying_together(self._line.hang_up):
                super().interaction(frame, *args)
        finally:
            self.talking = False
            self._stops.leave(number, not self._over)

    def onecmd(self, line: str) -> Any:
        """Do a command, which may be code that never returns."""
        return evaluation.run(super().onecmd, line)

    def finish(self) -> None:
        """Detach, and let the client go; called twice, do nothing.

        From any thread. Another than the one that is debugged undoes its
        tracing itself, at the next event.
        """
        if self._over:
            return
        self._over = True
        if self.owner.is_here():
            self._restore()
        self._leave()

    def _restore(self) -> None:
        """Make the tracing of this thread what it was before."""
        if getattr(sys.gettrace(), '__self__', None) is self:
            sys.settrace(self._traced_before)
        frames, self._frames = self._frames, {}
        frame: types.FrameType | None = self.owner.frame()
        while frame is not None:
            frames.setdefault(frame, (None, True, False))
            frame = frame.f_back
        for frame, (trace, lines, opcodes) in frames.items():
            if getattr(frame.f_trace, '__self__', None) is self:
                frame.f_trace = trace
                if frame.f_trace_lines != lines:
                    frame.f_trace_lines = lines
                if frame.f_trace_opcodes != opcodes:
                    frame.f_trace_opcodes = opcodes
        if not self._had_breakpoints:
            _clear_breakpoints()
        self.breaks: dict[str, list[int]] = {}
        if getattr(pdb.Pdb, '_last_pdb_instance', None) is self:
            pdb.Pdb._last_pdb_instance = None  # type: ignore[attr-defined]
        self._line.close()

    def set_continue(self) -> None:
        """Let the client go, unless it has set breakpoints."""
        if self.breaks:
            self.message(_BREAKPOINTS_LEFT)
            super().set_continue()
        else:
            self.finish()

    def set_quit(self) -> None:
        """Detach: nothing is raised, and the request goes on."""
        self.finish()

    def do_quit(self, arg: str) -> bool:
        """Quit: detach; the service goes on."""
        self.finish()
        return True

    do_q = do_exit = do_quit

    def do_EOF(self, arg: str) -> bool:
        """Detach, as q(uit) does: the client has gone."""
        return self.do_quit(arg)

    def do_debug(self, arg: str) -> None:
        """Debug code: step through a statement in a debugger of its own."""
        nested = _Nested(self)
        frame = self.curframe
        self.message('ENTERING RECURSIVE DEBUGGER')
        sys.settrace(None)
        try:
            sys.call_tracing(
                nested.run, (arg, frame.f_globals, frame.f_locals)
            )
        except Exception:
            self.error(repr(sys.exc_info()[1]))
        finally:
            if not self._over:
                sys.settrace(self.trace_dispatch)
        self.message('LEAVING RECURSIVE DEBUGGER')
        self.lastcmd = nested.lastcmd


def _clear_breakpoints() -> None:
    """Forget the client's: pdb keeps them for all debuggers to come."""
    bdb.Breakpoint.next = 1
    bdb.Breakpoint.bplist = {}
    bdb.Breakpoint.bpbynumber = [None]

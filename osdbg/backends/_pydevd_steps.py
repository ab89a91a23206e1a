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

"""A step belongs to the green thread in which it was asked for.

pydevd keeps it with the native thread, where the next request that comes to a
breakpoint takes it away, and where any other may end it. So it is taken out of
there when another green thread runs, and put back when it is its turn again.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
import re
import sys
from typing import Any, ClassVar
import weakref

from osdbg.backends import _pydevd_stops as stops
from osdbg import greenlets
from osdbg import waiting

# What pydevd and its two descendants know of a step.
_STEP = re.compile(
    r'pydev_(original_)?(step|smart|use_scoped|next_line|func_name)'
    r'|step_in_initial_location|suspend_type|target_id_to_smart'
)
# How many are remembered that ran: the last may have ended.
_LAST = 16
_NO_STEP = -1
_SUSPEND = 105  # with another thread, which has stopped
_STEP_OVER = 108
# Commands of pydevd's, each with the one that passes over libraries.
_IN = (107, 144)
_OUT = (109, 160)


class _Pending:
    """A step that waits for its green thread."""

    __slots__ = ('_greenlet', 'step')

    def __init__(self, greenlet: Any, step: Any) -> None:
        self._greenlet = weakref.ref(greenlet)
        self.step = step

    def is_of(self, greenlet: Any) -> bool:
        return self._greenlet() is greenlet

    def is_alive(self) -> bool:
        greenlet = self._greenlet()
        return greenlet is not None and not greenlet.dead


class GreenThreads:
    """The green threads of the native thread that makes this."""

    def __init__(self, pydevd: Any, info: Any) -> None:
        """Begin to follow who runs.

        :param pydevd: the module
        :param info: what it knows of the native thread
        """
        self._pydevd = pydevd
        self._info = info
        self._fields = tuple(name for name in dir(info) if _STEP.match(name))
        self._pending: dict[int, _Pending] = {}
        # Whether it was asked for a step of the one that runs.
        self._asked = False
        self._ran: collections.deque[weakref.ref[Any]] = collections.deque(
            maxlen=_LAST
        )
        self._marker: Any = None
        self._tell: Callable[[Any], None] | None = None
        self._follow = greenlets.follow_switches(self._switched)

    def is_of(self, info: Any) -> bool:
        """Tell whether it is what pydevd knows of the native thread now."""
        return self._info is info

    def _switched(self, origin: Any, target: Any) -> None:
        """Take note of a switch, and move what belongs to either."""
        self._ran.append(weakref.ref(origin))
        if self._pending or self._info.pydev_step_cmd != _NO_STEP:
            self._exchange(origin, target)
        else:
            self._asked = False
        if self._tell is not None:
            self._tell(target)

    def tell(self, tell: Callable[[Any], None]) -> None:
        """Have something told of who runs, in that one, at each switch.

        :param tell: the only one who is
        """
        self._tell = tell

    def _exchange(self, origin: Any, target: Any) -> None:
        if not self._goes_on():
            return
        if self._info.pydev_step_cmd != _NO_STEP:
            if not self._asked:
                return  # it is being suspended: that sets the step first
            # What has ended has nothing left to step over.
            self._put_aside(None if origin.dead else origin)
        self._take_back(target)

    def _goes_on(self) -> bool:
        """Tell whether nothing suspends the thread, whoever runs in it."""
        runs: bool = self._info.pydev_state == self._pydevd.STATE_RUN
        return runs and self._info.pydev_step_cmd != _SUSPEND

    def _take_back(self, greenlet: Any) -> None:
        pending = self._pending.pop(id(greenlet), None)
        if pending is not None and pending.is_of(greenlet):
            self._copy(pending.step, self._info)
            self._asked = True

    def _put_aside(self, greenlet: Any) -> None:
        kind = type(self._info)
        step = kind()
        self._copy(self._info, step)
        if step.pydev_step_cmd == _SUSPEND:
            return  # since this moment
        self._copy(kind(), self._info)
        self._asked = False
        if self._info.pydev_state != self._pydevd.STATE_RUN:
            self._info.pydev_step_cmd = _SUSPEND  # else it is passed over
        if greenlet is not None:
            self._pending[id(greenlet)] = _Pending(greenlet, step)

    def _copy(self, source: Any, target: Any) -> None:
        for name in self._fields:
            setattr(target, name, getattr(source, name))

    def ran_last(self) -> Any:
        """Return the green thread that ran last, if it is known.

        None of those that have ended, and not the hub.
        """
        for reference in reversed(self._ran):
            greenlet = reference()
            if greenlet is not None and greenlet is not greenlets.current():
                if greenlets.parked_at(greenlet) is not None:
                    return greenlet
        return None

    def ask(self, py_db: Any, greenlet: Any, command: int) -> None:
        """Ask for a step of a green thread that is parked; then ``settle()``.

        :param py_db: pydevd's debugger, which is connected
        :param greenlet: which
        :param command: pydevd's, for a step over, into or out
        """
        top = greenlets.parked_at(greenlet)
        if top is None:
            return
        info = self._info
        frame = stops.shown_first(py_db, top)
        if command in _OUT:
            frame = _outermost_hidden(py_db, frame, command == _OUT[1])
        info.pydev_original_step_cmd = info.pydev_step_cmd = command
        info.pydev_step_stop = None if command in _IN else frame
        if command in _IN and 'step_in_initial_location' in self._fields:
            # Not there once more, when what it waits in returns.
            info.step_in_initial_location = frame, frame.f_lineno
        py_db.set_trace_for_frame_and_parents(waiting.get_ident(), top)

    def settle(self, greenlet: Any) -> None:
        """Have the step that was just asked for wait for a green thread.

        :param greenlet: which is parked; None for the one that runs
        """
        goes_on = self._goes_on()  # and is not to be suspended once more
        self._asked = goes_on and self._info.pydev_step_cmd != _NO_STEP
        if self._asked and greenlet is not None:
            self._put_aside(greenlet)
        elif goes_on and not self._asked:
            # It has become its turn while all were suspended.
            self._take_back(greenlets.current())
        self._pending = {
            number: pending
            for number, pending in self._pending.copy().items()
            if pending.is_alive()
        }
        self._mark(self._asked or self.has_steps())

    def has_steps(self) -> bool:
        """Tell whether any step waits for its turn."""
        return bool(self._pending)

    def _mark(self, on: bool) -> None:
        """Have pydevd look at each line as long as any step is pending.

        On Python 3.12 and later it has Python forget the lines that no thread
        steps over. It looks for such threads in a table, where this is one.
        """
        table = vars(sys.modules[type(self._info).__module__])
        if on == (self._marker is not None) or (
            'add_additional_info' not in table
        ):
            return
        if on:
            self._marker = type(self._info)()
            self._marker.weak_thread = self._info.weak_thread
            self._marker.pydev_step_cmd = _STEP_OVER
            table['add_additional_info'](self._marker)
        else:
            table['remove_additional_info'](self._marker)
            self._marker = None

    def end(self) -> None:
        """Follow no more, and forget all steps."""
        self._follow.end()
        self._pending.clear()
        self._ran.clear()
        self._mark(False)


def _outermost_hidden(py_db: Any, frame: Any, forced: bool) -> Any:
    """Return the last frame before one that is shown, for a step out.

    As PyDB._do_wait_suspend() has it, for one that runs.
    """
    if forced or py_db.is_files_filter_enabled:
        while frame.f_back is not None:
            back = frame.f_back
            if not py_db.apply_files_filter(
                back, back.f_code.co_filename, forced
            ):
                break
            frame = back
    return frame


class _Session:
    """The session of this process; there is one at a time."""

    threads: ClassVar[dict[int, GreenThreads]] = {}
    """Native threads that have green ones, by their identifiers."""


def here(pydevd: Any, info: Any) -> GreenThreads | None:
    """Return the green threads of this native thread; None if it has none.

    :param pydevd: the module
    :param info: what it knows of the native thread
    """
    if greenlets.current() is None:
        return None
    ident = waiting.get_ident()
    found = _Session.threads.get(ident)
    if found is None or not found.is_of(info):
        if found is not None:
            found.end()  # of a thread that had this number, or was forgotten
        found = _Session.threads[ident] = GreenThreads(pydevd, info)
    return found


def has_steps() -> bool:
    """Tell whether the step of any green thread waits for its turn."""
    return any(each.has_steps() for each in list(_Session.threads.values()))


def end() -> None:
    """Forget all steps: the client has left."""
    while _Session.threads:
        _Session.threads.popitem()[1].end()

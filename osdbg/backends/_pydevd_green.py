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

"""Stops of a native thread that has green ones.

All of them wait in its hub. Where none runs, a pause would show the hub, once
that wakes up, and nothing could be evaluated before. So it is woken, and what
is shown is the green thread that ran last.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import sys
from typing import Any

from osdbg.backends import _pydevd_parked as shown
from osdbg.backends import _pydevd_steps as steps
from osdbg.backends import _pydevd_stops as stops
from osdbg import greenlets
from osdbg import harmless
from osdbg import hubs
from osdbg import parked


class _Session:
    """The session of this process; there is one at a time."""

    pausing = False
    """Whether the client has asked for a pause."""


def apply(pydevd: Any) -> None:
    """Have stops be those of green threads.

    :param pydevd: the module, just imported
    """
    suspend = pydevd.PyDB.set_suspend
    wait = pydevd.PyDB.do_wait_suspend

    def set_suspend(py_db: Any, thread: Any, *args: Any, **kwargs: Any) -> Any:
        found = suspend(py_db, thread, *args, **kwargs)
        if kwargs.get('is_pause'):
            _Session.pausing = True
            harmless.call(_wake, functools.partial(_stop_here, pydevd, py_db))
        return found

    def do_wait_suspend(
        py_db: Any, thread: Any, frame: Any, *args: Any, **kwargs: Any
    ) -> None:
        info, green = thread.additional_info, None
        # Else it is turned back (_pydevd_limits.py), or the client has left.
        if info.pydev_state != pydevd.STATE_RUN and not py_db.pydb_disposed:
            green = harmless.call(steps.here, pydevd, info)
        if green is None:
            wait(py_db, thread, frame, *args, **kwargs)
            return
        reason = getattr(thread, 'stop_reason', None)
        # pydevd 3.5 takes a pause for a step, from Python 3.12 on.
        along = reason == pydevd.CMD_THREAD_SUSPEND or _Session.pausing
        other = harmless.call(_other, green) if along else None
        with shown.as_thread(other):
            if other is not None:
                frame = greenlets.parked_at(other) or frame
            if along:  # wherever it was, and not where the client sees it
                frame = stops.shown_first(py_db, frame)
            wait(py_db, thread, frame, *args, **kwargs)
        _Session.pausing = False
        if py_db.pydb_disposed:
            return
        wish = shown.take_wish(pydevd.get_current_thread_id(thread))
        if wish is not None:
            other, command = wish
            harmless.call(green.ask, py_db, other, command)
        harmless.call(green.settle, other)

    pydevd.PyDB.set_suspend = set_suspend
    pydevd.PyDB.do_wait_suspend = do_wait_suspend


def own_step(pydevd: Any) -> None:
    """Have the step that this thread was just given be its green thread's.

    :param pydevd: the module, connected
    """
    info = pydevd.set_additional_thread_info(pydevd.threadingCurrentThread())
    with stops.untraced(pydevd, info):
        green = harmless.call(steps.here, pydevd, info)
        if green is not None:
            harmless.call(green.settle, None)


def _other(green: steps.GreenThreads) -> Any:
    """Return the green thread to show in place of the hub, if that runs."""
    if not greenlets.in_hub():
        return None
    last = green.ran_last()
    if last is not None:
        return last
    for one in parked.find(1):
        if one.kind == 'greenlet':
            return one.reference()
    return None


def _stop_here(pydevd: Any, py_db: Any) -> None:
    """Stop this thread, in its hub, if it is to stop and has not."""
    thread = pydevd.threadingCurrentThread()
    info = pydevd.set_additional_thread_info(thread)
    with stops.untraced(pydevd, info):
        if info.pydev_state != pydevd.STATE_RUN and not py_db.pydb_disposed:
            frame = sys._getframe(2)
            py_db.do_wait_suspend(thread, frame, 'line', None)


def _wake(call: Callable[[], None]) -> None:
    """Have each hub call something."""
    for hub in hubs.find():
        hubs.call_soon(hub, functools.partial(harmless.call, call))


def begin(pydevd: Any) -> None:
    """Begin to follow who runs, where there are green threads already.

    Elsewhere that begins with the first stop.

    :param pydevd: the module, connected
    """

    def follow() -> None:
        thread = pydevd.threadingCurrentThread()
        info = pydevd.set_additional_thread_info(thread)
        with stops.untraced(pydevd, info):
            if pydevd.get_global_debugger() is not None:
                steps.here(pydevd, info)

    harmless.call(_wake, follow)


def after_fork() -> None:
    """Forget what was the parent's."""
    hubs.forget()
    forget()


def forget() -> None:
    """Begin a session, or a process, without what was before."""
    _Session.pausing = False
    shown.begin()

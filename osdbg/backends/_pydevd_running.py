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

"""Functions that were running before the client came stop, too.

pydevd looks for those at each change of breakpoints, on the stacks of threads
that it knows. A green thread that is parked is on no stack: the loop of a
periodic task would never stop. Nor would, on Python 3.12 and later, that of a
thread that was not started by ``threading``, a coroutine, or a generator.
Before, those are traced as they go on, as if they were called.

Nor would, up to Python 3.11, one that was at that moment in pydevd's trace
function, whose answer, by the old breakpoints, is not to be called again:
CPython heeds it when it comes, which is after the change. Hence a second look,
when such an answer has long been given. Not with ``sys.monitoring``, where
pydevd forgets with its caches that a thread in a stop has just been told to
step (``update_monitor_events()``).
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import importlib
import inspect
import sys
import types
from typing import Any

from osdbg.backends import _pydevd_modules as modules
from osdbg.backends import _pydevd_steps as steps
from osdbg import frames
from osdbg import harmless
from osdbg import parked
from osdbg import waiting

# To look at all objects takes as long as a garbage collection: of the time no
# more than this part, however many breakpoints an IDE sets one by one.
_PART = 0.1
# Seconds from a change of breakpoints to the second look after it.
_SETTLED = 0.05
# Whose functions trace for it.
_TRACERS = ('pydevd', '_pydevd', 'osdbg.')


class _Looks:
    """The looks of one session."""

    def __init__(self) -> None:
        self.last = 0.0
        """When the last was over."""
        self.pause = 0.0
        """For how many seconds it has to be the last."""
        self.changed = 0.0
        """When breakpoints have changed last."""
        self.waits = False
        """Whether somebody is about to look."""

    @property
    def due(self) -> float:
        """When to look again at the earliest."""
        return self.last + self.pause


class _Session:
    """The session of this process; there is one at a time."""

    looks = _Looks()


def begin() -> None:
    """Begin a session, whose first look is not late."""
    _Session.looks = _Looks()


def apply(pydevd: Any) -> None:
    """Have pydevd look further.

    :param pydevd: the module, just imported
    """
    follow = pydevd.PyDB.set_tracing_for_untraced_contexts

    def set_tracing_for_untraced_contexts(
        py_db: Any, *args: Any, **kwargs: Any
    ) -> None:
        follow(py_db, *args, **kwargs)
        harmless.call(_look_soon, pydevd, py_db)

    pydevd.PyDB.set_tracing_for_untraced_contexts = (
        set_tracing_for_untraced_contexts
    )
    api = getattr(pydevd, 'PyDevdAPI', None)
    if api is not None:
        _look_before_it_begins(pydevd, api)


def _look_before_it_begins(pydevd: Any, api: Any) -> None:
    """Have nothing left to look at when the client has been told it may go on.

    Its breakpoints come one by one, and the first look is at none.
    """
    run = api.run

    def run_when_looked(caller: Any, py_db: Any) -> Any:
        if _Session.looks.waits:
            harmless.call(_look, pydevd, py_db, _Session.looks)
        return run(caller, py_db)

    api.run = run_when_looked


def end() -> bool:
    """Leave nothing of pydevd's in frames that run on.

    It would not be used any more, but kept as long as they last.

    :returns: whether there was anything, and may be more
    """
    if modules.monitoring():
        return False
    found = False
    for top in _all_there_are():
        for frame, _ in frames.stack(top):
            if is_pydevds(frame.f_trace):
                found = True
                frame.f_trace = None
    return found


def is_pydevds(trace: Any) -> bool:
    """Tell whether a trace function is of the debugger, or ours for it."""
    trace = getattr(trace, 'func', trace)  # of a partial
    module = getattr(trace, '__module__', None) or type(trace).__module__
    return str(module).startswith(_TRACERS)


def _look_soon(pydevd: Any, py_db: Any) -> None:
    """Look now, unless it is too soon; once more when it has settled."""
    looks = _Session.looks
    looks.changed = waiting.monotonic()
    if looks.waits:
        return
    if looks.due <= looks.changed:
        _look(pydevd, py_db, looks)
        if modules.monitoring():
            return
    # A thread that pydevd does not suspend.
    daemons: Any = importlib.import_module(
        '_pydevd_bundle.pydevd_daemon_thread'
    )
    looks.waits = True
    try:
        daemons.run_as_pydevd_daemon_thread(
            py_db, harmless.call, _look_when_settled, pydevd, py_db, looks
        )
    except BaseException:
        looks.waits = False  # no thread can be started
        raise


def _look_when_settled(pydevd: Any, py_db: Any, looks: _Looks) -> None:
    while True:
        with py_db._main_lock:  # breakpoints change under it
            due = max(looks.changed + _SETTLED, looks.due)
            wait = due - waiting.monotonic()
            if wait <= 0:
                looks.waits = False
                if py_db.pydb_disposed:
                    return  # what it has cached is the next one's by now
                if modules.monitoring() and looks.last > looks.changed:
                    return  # somebody has looked, and a second look does harm
                if not modules.monitoring():
                    _forget_skips(py_db)
                break
        waiting.pause(wait)
    _look(pydevd, py_db, looks)


def _forget_skips(py_db: Any) -> None:
    """Have pydevd forget where it needs not stop: it may be outdated, too."""
    for name in ('_clear_caches', 'clear_skip_caches'):  # or PyCharm's
        if hasattr(py_db, name):
            getattr(py_db, name)()


def _look(pydevd: Any, py_db: Any, looks: _Looks) -> None:
    if py_db.pydb_disposed:
        return
    start = waiting.monotonic()
    trace = _tracer(py_db)
    try:
        if not hasattr(sys, 'monitoring'):
            for frame in parked.running_frames():
                trace(frame)
        elif modules.monitoring():
            _restart(pydevd.pydevd_sys_monitoring, trace)
        else:
            _instrument(trace)
    except ValueError:
        if not py_db.pydb_disposed:
            raise  # else its number is free, and events of it are refused
    looks.last = waiting.monotonic()
    looks.pause = (looks.last - start) / _PART


def _restart(monitoring: Any, trace: Callable[[Any], None]) -> None:
    """Have functions that run tell of lines again, on Python 3.12 and later.

    ``sys.monitoring.restart_events()`` takes effect when a function is
    entered, and to set the events that are set already does nothing. So those
    that had no breakpoint for a while would never tell of one again.
    """
    # It has counted the steps of native threads only.
    if steps.has_steps():
        monitoring.update_monitor_events(suspend_requested=True)
    monitor = sys.monitoring  # type: ignore[attr-defined]
    tool = monitor.DEBUGGER_ID
    if monitor.get_tool(tool) is None:
        return  # the client has just left

    def set_anew(code: types.CodeType) -> None:
        events = monitor.get_local_events(tool, code)
        if events:  # those of a step that waits, too
            monitor.set_local_events(tool, code, 0)
            monitor.set_local_events(tool, code, events)

    _for_all(set_anew, trace)
    monitoring.restart_events()


def _instrument(trace: Callable[[Any], None]) -> None:
    """Have functions that run tell ``sys.settrace()`` of lines (PyCharm's).

    From Python 3.12 on they begin to when they are entered, or when any tool
    asks for an event of theirs.
    """
    monitor = sys.monitoring  # type: ignore[attr-defined]
    tool = monitor.PROFILER_ID
    if monitor.get_tool(tool) is not None:
        return  # somebody else's

    def ask_once(code: types.CodeType) -> None:
        monitor.set_local_events(tool, code, monitor.events.LINE)
        monitor.set_local_events(tool, code, 0)

    monitor.use_tool_id(tool, 'osdbg')
    try:
        _for_all(ask_once, trace)
    finally:
        monitor.free_tool_id(tool)


def _for_all(
    do: Callable[[types.CodeType], None], trace: Callable[[Any], None]
) -> None:
    """Do something with each function that runs or is parked; trace it."""
    done = {}  # by their numbers: those of two modules may be equal
    for top in _all_there_are():
        for frame, _ in frames.stack(top):
            code = frame.f_code
            if id(code) not in done:
                done[id(code)] = code
                do(code)
        trace(top)


def _all_there_are() -> Iterator[types.FrameType]:
    yield from parked.running_frames()
    yield from parked.suspended_frames()


def _tracer(py_db: Any) -> Callable[[types.FrameType], None]:
    """Return what has a frame, and those that have called it, traced."""
    trace = py_db.set_trace_for_frame_and_parents
    first: tuple[Any, ...] = ()
    if 'thread_ident' in inspect.signature(trace).parameters:
        # It only asks whether that one steps. PyCharm's does not.
        first = (modules.environment().threading().main_thread().ident,)

    def trace_with_parents(frame: types.FrameType) -> None:
        if not py_db.pydb_disposed:
            trace(*first, frame)

    return trace_with_parents

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

"""Threads that are not traced while they serve what may stop nowhere.

Up to Python 3.11 to be traced makes a thread three times slower, and most of
that falls on its server, between the requests. So where one request is chosen
(``chosen.py``), a thread that begins to serve another is spared from then on,
until it serves one that may stop, or until anybody is to stop wherever it is.
Of green threads only those are traced then that may stop. What is spared goes
on while others stand.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import sys
from typing import Any, ClassVar
import weakref

from osdbg import activities
from osdbg.backends import _pydevd_modules as modules
from osdbg.backends import _pydevd_running as running
from osdbg.backends import _pydevd_steps as steps
from osdbg import chosen
from osdbg import greenlets
from osdbg import harmless
from osdbg import parked
from osdbg import patching
from osdbg import waiting

_NO_STEP = -1


class _Thread:
    """A native thread that serves requests."""

    def __init__(self) -> None:
        self.spared = False
        self.has_looked = False
        # What has it traced: requests that may stop, as long as a task or
        # thread of theirs is left; and who serves one that began before.
        # By their numbers: to hash another's object runs code of the service.
        self._kept: weakref.WeakValueDictionary[int, Any] = (
            weakref.WeakValueDictionary()
        )
        self._trace: Any = None

    def keep(self, one: Any) -> None:
        self._kept[id(one)] = one

    def keeps_any(self) -> bool:
        return len(self._kept) > 0

    def spare(
        self, info: Any, trace: Any, set_trace: Callable[[Any], None]
    ) -> None:
        self._info, self._trace, self._set_trace = info, trace, set_trace
        self.spared = True
        self._set(None)

    def has_no_step(self) -> bool:
        return self.spared and bool(self._info.pydev_step_cmd == _NO_STEP)

    def switched(self, target: Any) -> None:
        """Trace the green thread that runs now, or do not."""
        if self.spared:
            wanted = self._trace if self._may_stop(target) else None
            if (wanted is None) != (sys.gettrace() is None):
                self._set(wanted)

    def _may_stop(self, target: Any) -> bool:
        if self._info.pydev_step_cmd != _NO_STEP:
            return True
        if not self.keeps_any():
            return False
        served = activities.current.get()
        return id(served) in self._kept or id(target) in self._kept

    def _set(self, trace: Any) -> None:
        self._set_trace(trace)
        if not self.spared:  # since this moment
            self._set_trace(self._trace)

    def end(self) -> None:
        """Let whoever has it traced do so."""
        self.spared = self.has_looked = False

    def forget(self) -> None:
        """Have nothing traced that the client has left behind."""
        self._trace = None
        self.end()


class _Session:
    """The session of this process; there is one at a time."""

    threads: ClassVar[dict[int, _Thread]] = {}
    """By their identifiers, of which the next thread may have the same."""
    local: Any = None
    """Has the one that runs."""
    retrace: Callable[[], object] | None = None
    """Has all traced again."""
    can_end = False
    """Whether a thread can be traced from another, as a pause has to."""


def begin(pydevd: Any, retrace: Callable[[], object]) -> None:
    """Begin a session, where nobody is spared.

    :param pydevd: the module
    :param retrace: calls ``end()``, unless the client is just leaving
    """
    _Session.local = patching.native('_thread')._local()
    _Session.retrace = retrace
    _Session.can_end = _can_trace_all(pydevd.pydevd_tracing)
    chosen.retrace_by(retrace)


def forget() -> None:
    """End the session, before its trace functions are taken away."""
    _Session.retrace = _Session.local = None
    while _Session.threads:
        _Session.threads.popitem()[1].forget()


def apply(pydevd: Any) -> None:
    """Have a pause reach those that are spared, too.

    :param pydevd: the module, just imported
    """
    suspend = pydevd.PyDB.set_suspend

    @functools.wraps(suspend)
    def set_suspend(py_db: Any, thread: Any, *args: Any, **kwargs: Any) -> Any:
        found = suspend(py_db, thread, *args, **kwargs)
        if kwargs.get('is_pause') and _Session.retrace is not None:
            harmless.call(_Session.retrace)
        return found

    pydevd.PyDB.set_suspend = set_suspend


def keep(served: activities.Activity) -> None:
    """Have this thread traced while a request is served, and what it begins.

    :param served: the request, which may stop
    """
    thread = _here()
    if thread is not None:
        thread.keep(served)


def is_at_rest() -> bool:
    """Tell whether this thread is spared, and is not to step either."""
    thread = getattr(_Session.local, 'thread', None)
    return thread is not None and thread.has_no_step()


def spare(pydevd: Any) -> None:
    """Trace this thread, or green thread, no more, if it may stop nowhere.

    :param pydevd: the module, connected
    """
    thread, trace = _here(), sys.gettrace()
    if thread is None or not _Session.can_end:
        return
    if trace is None:
        # C code has started it, and pydevd does not know it.
        trace = pydevd.get_global_debugger().trace_dispatch
    if not running.is_pydevds(trace):
        return
    green = greenlets.hub() is not None
    if not thread.has_looked:
        if green or parked.tasks_run_here():
            _keep_earlier(thread)
        thread.has_looked = True
    info = pydevd.set_additional_thread_info(pydevd.threadingCurrentThread())
    if green:
        here = steps.here(pydevd, info)
        if here is not None:
            here.tell(thread.switched)
    elif thread.keeps_any():
        return  # a task, whose turn may be next; or who has called this one
    if _is_free(pydevd, info):
        thread.spare(info, trace, pydevd.pydevd_tracing._original_settrace)
        if not _is_free(pydevd, info):  # since this moment
            end(pydevd)


def _here() -> _Thread | None:
    local = _Session.local
    found: _Thread | None = getattr(local, 'thread', None)
    if found is None and local is not None:
        found = local.thread = _Thread()
        _Session.threads[waiting.get_ident()] = found
    return found


def _can_trace_all(tracing: Any) -> bool:
    if hasattr(sys, '_settraceallthreads'):
        return True
    # pydevd has that library for some platforms only; PyCharm's comes first.
    for name in ('load_python_helper_lib', '_load_python_helper_lib'):
        if hasattr(tracing, name):
            return getattr(tracing, name)() is not None
    return False


def _is_free(pydevd: Any, info: Any) -> bool:
    """Tell whether it is not to stop wherever it is, nor to step."""
    goes_on: bool = info.pydev_state == pydevd.STATE_RUN
    return goes_on and info.pydev_step_cmd == _NO_STEP


def _keep_earlier(thread: _Thread) -> None:
    """Keep it traced for requests that began before the client has chosen."""
    for owner, activity in parked.serving():
        if not chosen.is_out(activity):
            thread.keep(owner)


def end(pydevd: Any) -> None:
    """Trace all again that were spared, from any thread.

    :param pydevd: the module, connected
    """
    py_db = pydevd.get_global_debugger()
    spared = []
    for ident, each in _Session.threads.copy().items():
        if each.spared:
            spared.append(ident)
        each.end()
    if not spared:
        return
    tracing = pydevd.pydevd_tracing
    table = tracing.threading._active
    idents = [
        ident
        for ident in spared
        if not getattr(table.get(ident), 'pydev_do_not_trace', False)
    ]
    # PyCharm's knows but all threads.
    only = modules.probed(
        tracing.set_trace_to_threads,
        thread_idents=idents,
        create_dummy_thread=False,
    )
    if idents:
        tracing.set_trace_to_threads(py_db.trace_dispatch, **only)
    # Functions that have begun meanwhile, also those that are parked.
    py_db.set_tracing_for_untraced_contexts()

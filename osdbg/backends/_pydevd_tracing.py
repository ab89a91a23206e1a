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

"""When pydevd traces a thread by another one's doing, up to Python 3.11.

Loading sets the trace function in the threads that are running. One that is
just beginning runs pydevd's own code then, with locks that tracing takes as
well and that cannot be taken twice: it would wait for itself, and so would who
has started it, and unloading, for ever. Or it would be traced under the name
of a dummy, which pydevd makes of a thread that is not in the table yet, and
could not be told to go on from a breakpoint. It traces itself as soon as it is
through; nobody else does before.

It traces its own threads as well, for it has hidden them from itself. What it
does in them for a client would take three times as long.

Python does not hold the trace function that it is about to call, and collects
garbage meanwhile, up to Python 3.11 for the object of a frame alone. Then
finalizers run, which are traced, and other threads: who takes its place there
would be the end of it, and of the service (``call_trace()`` in ceval.c, and
``call_trampoline()`` in sysmodule.c). So what is replaced is kept for a while.
"""

from __future__ import annotations

import collections
import functools
import importlib
import inspect
import sys
import types
from typing import Any

from osdbg.backends import _pydevd_modules as modules
from osdbg import frames
from osdbg import waiting

# How the names of modules begin that pydevd runs by itself.
_OWN = ('pydevd', '_pydev', 'osdbg.thread_table', 'osdbg.threads')
# A call takes less than to replace so many.
_replaced: collections.deque[Any] = collections.deque(maxlen=1000)
# None, or of a module, such as pydevd's that does nothing.
_LASTING = (type(None), types.FunctionType)
_MOST_FILES = 10_000
# Below it is a program that pydevd has started.
_PROGRAM = '_pydevd_bundle.pydevd_runpy'


def apply(pydevd: Any) -> None:
    """Trace others only outside of pydevd's code.

    :param pydevd: the module, just imported
    """
    tracing = pydevd.pydevd_tracing
    set_trace = tracing.set_trace_to_threads
    is_inside = _inside()

    @functools.wraps(set_trace)
    def set_trace_to_threads(trace: Any, *args: Any, **kwargs: Any) -> Any:
        def trace_outside(frame: Any, event: str, arg: Any) -> Any:
            if not is_inside(frame):
                return trace(frame, event, arg)
            thread = tracing.threading._active.get(waiting.get_ident())
            if getattr(thread, 'pydev_do_not_trace', False):
                tracing._original_settrace(None)
            return None

        itself = args or kwargs.get('thread_idents')
        given = trace if itself else trace_outside
        keep(given)
        return set_trace(given, *args, **kwargs)

    tracing.set_trace_to_threads = set_trace_to_threads
    _keep_of_frames(pydevd)
    _remember_names()


def keep(trace: Any) -> None:
    """Keep a trace function while threads may be about to call it.

    :param trace: that will be replaced, or will replace one
    """
    _replaced.append(trace)


def forget() -> None:
    """Keep none: nothing is traced any more."""
    _replaced.clear()


def _keep_of_frames(pydevd: Any) -> None:
    """Keep those that functions have which run in other threads.

    And have ``frames.stack()`` ask for the frames first, where it can do harm.
    """
    replace = pydevd.PyDB.set_trace_for_frame_and_parents

    @functools.wraps(replace)
    def set_trace_for_frame_and_parents(
        py_db: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if not modules.monitoring():
            for frame, _ in frames.stack(args[-1]):
                if not isinstance(frame.f_trace, _LASTING):
                    keep(frame.f_trace)
        return replace(py_db, *args, **kwargs)

    pydevd.PyDB.set_trace_for_frame_and_parents = (
        set_trace_for_frame_and_parents
    )


def _remember_names() -> None:
    """Have pydevd take the name of each file apart once.

    From Python 3.12 on it does so for the whole stack whenever an exception
    leaves a function: half of the time of a request, where some do.
    """
    for name in ('_pydevd_sys_monitoring_cython', '_pydevd_sys_monitoring'):
        module = sys.modules.get(f'_pydevd_sys_monitoring.{name}')
        for function in ('basename', 'splitext'):
            original = getattr(module, function, None)
            if original is not None and not hasattr(original, 'cache_info'):
                cached = functools.lru_cache(_MOST_FILES)(original)
                setattr(module, function, cached)


def go_by_thread(pydevd: Any, py_db: Any) -> None:
    """Have functions traced that ran before, also those of green ``Thread``s.

    pydevd looks for the thread of such a function at the bottom of its stack.
    There it finds the ``threading.Thread`` that eventlet has made green, which
    is none, and the beginning of it, where it traces nothing.

    :param pydevd: the module
    :param py_db: its debugger, which nothing has been traced by yet
    """
    trace = vars(py_db).get('trace_dispatch')
    if trace is None:
        return  # PyCharm's, which does not look

    held, is_inside = _keeping(), _inside()
    threading = pydevd.pydevd_tracing.threading

    def trace_dispatch(frame: types.FrameType, event: str, arg: Any) -> Any:
        known = threading._active.get(waiting.get_ident())
        if isinstance(known, (type(None), threading._DummyThread)):
            if is_inside(frame):
                return None  # it is just beginning
        thread = pydevd.threadingCurrentThread()
        info = getattr(thread, 'additional_info', None)
        tracer = getattr(info, 'thread_tracer', None)
        if tracer is None or tracer._args[0] is not py_db:
            return trace(frame, event, arg)
        return held(tracer)(frame, event, arg)

    py_db.trace_dispatch = trace_dispatch


def stop(pydevd: Any) -> None:
    """Take the trace functions out of every thread.

    ``pydevd.stoptrace()`` reaches only the thread it is called in before
    Python 3.12; the others would go on at a third of their speed.

    :param pydevd: the module
    """
    if modules.monitoring():
        pydevd.pydevd_sys_monitoring.stop_monitoring(all_threads=True)
        return
    tracing = pydevd.pydevd_tracing
    settrace = tracing._original_settrace
    modules.environment().threading().settrace(None)
    reach_all = inspect.unwrap(tracing.set_trace_to_threads)
    reach_all(
        _remover(settrace),
        **modules.probed(reach_all, create_dummy_thread=False),
    )
    settrace(None)


@functools.lru_cache
def _remover(settrace: Any) -> Any:
    """Return what ends tracing where it is called; it is not let go of."""

    def remove(frame: Any, event: str, arg: Any) -> None:
        settrace(None)

    return remove


def _keeping() -> Any:
    """Return what wraps a tracer so that none is freed while it runs.

    CPython does not keep the trace function of a frame while it calls it, and
    another thread may set that of this frame: Cython's used what was gone,
    raised from it into the service, or crashed it.
    """
    dispatch: Any = importlib.import_module(
        '_pydevd_bundle.pydevd_trace_dispatch'
    )
    if not dispatch.USING_CYTHON:
        return lambda tracer: tracer
    cython: Any = importlib.import_module(dispatch.trace_dispatch.__module__)
    return cython.SafeCallWrapper


def _inside() -> Any:
    """Return what tells whether a frame is pydevd's, or called by it."""
    monkey: Any = importlib.import_module('_pydev_bundle.pydev_monkey')
    beginnings = {
        begin.__call__.__code__
        for begin in (
            monkey._NewThreadStartupWithTrace,
            monkey._NewThreadStartupWithoutTrace,
        )
    }

    def is_inside(frame: types.FrameType | None) -> bool:
        while frame is not None:
            name = dict.get(frame.f_globals, '__name__')
            caller = frame.f_back
            if name == _PROGRAM:
                return False
            begins = caller is not None and caller.f_code in beginnings
            if begins and name == 'threading':
                # It asks who it is, or goes on to what it was begun for.
                return frame.f_code.co_name != '_bootstrap'
            ours = isinstance(name, str) and name.startswith(_OWN)
            if ours and frame.f_code not in beginnings:
                return True
            frame = caller
        return False

    return is_inside

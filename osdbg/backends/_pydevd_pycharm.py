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

"""pydevd-pycharm, for PyCharm's Python Debug Server.

It has parted from PyDev's pydevd years ago: no ``PyDevdAPI``, no use of
``sys.monitoring`` unless it is asked to, and threads that it cannot reach
since Python 3.12, where Python itself can trace all of them.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
import types
from typing import Any

from osdbg.backends import _pydevd_changes as changes
from osdbg.backends import _pydevd_line as line
from osdbg.backends import _pydevd_modules as modules
from osdbg.backends import _pydevd_tracing as tracing
from osdbg import journal
from osdbg import waiting

_CMD_VERSION = 501
_BUILD = re.compile(r'(?:PY-|PC-)?((\d{3})\.\d[\d.]*)')
_JOINABLE = '_start_joinable_thread'


class PydevdPycharmBackend(line.LineSession):
    """JetBrains' pydevd, in one process."""

    name = 'pydevd_pycharm'
    module = 'pydevd_pycharm'
    roots = (
        'pydevd_pycharm',
        'pydevd_concurrency_analyser',
        '_pydev_imps',
        *modules.ROOTS,
    )

    def _adapt(self, pydevd: Any) -> None:
        super()._adapt(pydevd)
        # input() is the service's.
        pydevd.patch_stdin = lambda py_db: None
        comm: Any = importlib.import_module('_pydevd_bundle.pydevd_comm')
        process_command = comm.ReaderThread.process_command

        def process(reader: Any, cmd: int, seq: int, text: str) -> None:
            if cmd == _CMD_VERSION:
                compare_builds(text.partition('\t')[0], comm.VERSION_STRING)
            process_command(reader, cmd, seq, text)

        comm.ReaderThread.process_command = process
        read = comm.ReaderThread._on_run

        def read_to_the_end(reader: Any) -> None:
            read(reader)
            # After a reset it would leave the stopped threads alone.
            py_db = reader.py_db
            if py_db is not None and not py_db.pydb_disposed:
                py_db.dispose_and_kill_all_pydevd_threads(wait=False)

        comm.ReaderThread._on_run = read_to_the_end
        # Named by three modules; called when a client begins and ends.
        patch_threads = pydevd.PyDB.patch_threads

        def patch(py_db: Any) -> None:
            patch_threads(py_db)
            start_traced()

        pydevd.PyDB.patch_threads = patch
        enable = pydevd.PyDB.enable_tracing

        def enable_tracing(
            py_db: Any, trace: Any = None, *args: Any, **kwargs: Any
        ) -> None:
            tracing.keep(trace)  # or it is kept until the thread has another
            enable(py_db, trace, *args, **kwargs)

        pydevd.PyDB.enable_tracing = enable_tracing
        # It would go through a library that has no way for 3.12 and later.
        if can_reach_all():
            pydevd.pydevd_tracing.set_trace_to_threads = trace_all

    def _reset(self, pydevd: Any) -> None:
        super()._reset(pydevd)
        pydevd.connected = False
        dispatch: Any = importlib.import_module(
            '_pydevd_bundle.pydevd_trace_dispatch'
        )
        for cache in ('global_cache_skips', 'global_cache_frame_skips'):
            getattr(dispatch, cache).clear()

    def _dispose(self, pydevd: Any, py_db: Any) -> None:
        changes.resume_all(pydevd, py_db, leave=True)
        super()._dispose(pydevd, py_db)

    def _forget(self, pydevd: Any) -> None:
        start_untraced()
        super()._forget(pydevd)

    def _stop_tracing(self, pydevd: Any) -> None:
        # Or it would put None for this thread into the service's table.
        modules.environment().threading().current_thread()
        if not can_reach_all():
            super()._stop_tracing(pydevd)
            return
        modules.environment().threading().settrace(None)
        sys._settraceallthreads(None)  # type: ignore[attr-defined]

    def _renew(self, pydevd: Any) -> None:
        pydevd._set_trace_lock = waiting.allocate_lock()
        for name in ('cython', 'additional_thread_info_regular'):
            module: Any = sys.modules.get(f'_pydevd_bundle.pydevd_{name}')
            if module is not None:
                module._set_additional_thread_info_lock = (
                    waiting.allocate_lock()
                )
        modules.constants()._thread_id_lock = waiting.allocate_lock()
        pydevd.pydevd_tracing.TracingFunctionHolder._lock = (
            waiting.allocate_lock()
        )
        pydevd.custom_frames_container_init()
        threading = modules.environment().threading()
        threading.current_thread().additional_info = None
        if pydevd.clear_thread_local_info is not None:
            pydevd.clear_thread_local_info()

    def _suspend(self, frame: types.FrameType | None) -> None:
        pydevd = self._pydevd
        pydevd.settrace(
            suspend=frame is not None,
            trace_only_current_thread=True,
            stop_at_frame=frame,
        )
        if frame is None:
            info = pydevd.set_additional_thread_info(
                pydevd.threadingCurrentThread()
            )
            info.pydev_state = pydevd.STATE_RUN
            info.suspend_type = pydevd.PYTHON_SUSPEND
            info.pydev_step_stop = None
            info.pydev_step_cmd = pydevd.CMD_STEP_INTO

    def _trace_this_thread(self) -> None:
        self._pydevd.settrace(suspend=False, trace_only_current_thread=True)

    def _stop_on(self, py_db: Any, exc: BaseException) -> None:
        pydevd = self._pydevd
        thread = pydevd.threadingCurrentThread()
        info = pydevd.set_additional_thread_info(thread)
        frame, frames = raised_in(pydevd, exc.__traceback__)
        if frame is None:
            return
        thread_id = pydevd.get_current_thread_id(thread)
        raised = (type(exc), exc, exc.__traceback__)
        info.is_tracing = True
        pydevd.pydevd_vars.add_additional_frame_by_id(thread_id, frames)
        pydevd.add_exception_to_frame(frame, raised)
        try:
            py_db.set_suspend(thread, pydevd.CMD_ADD_EXCEPTION_BREAK)
            py_db.do_wait_suspend(
                thread, frame, 'exception', raised, is_unhandled_exception=True
            )
        finally:
            pydevd.remove_exception_from_frame(frame)
            pydevd.pydevd_vars.remove_additional_frame_by_id(thread_id)
            info.is_tracing = False


def raised_in(pydevd: Any, trace: Any) -> tuple[Any, dict[int, Any]]:
    """Return the innermost frame that is the service's, and all by number."""
    innermost = None
    frames: dict[int, Any] = {}
    while trace is not None:
        frame = trace.tb_frame
        paths = pydevd.get_abs_path_real_path_and_base_from_frame(frame)
        if pydevd.get_file_type(paths[-1]) is None:
            innermost = frame
        while frame is not None:
            frames[id(frame)] = frame
            frame = frame.f_back
        trace = trace.tb_next
    return innermost, frames


def compare_builds(theirs: str, ours: str) -> None:
    """Say what to install if the IDE is of another branch than the package.

    PyCharm itself says "0.1", and compares the answer; other IDEs of
    JetBrains', and later ones, may say more.

    :param theirs: what the IDE says it is
    :param ours: the package's build
    """
    found, own = _BUILD.fullmatch(theirs), _BUILD.fullmatch(ours)
    if found and own and found.group(2) != own.group(2):
        journal.write(
            logging.WARNING,
            'the IDE is of build %s, and pydevd-pycharm of %s: if they do '
            "not get along, type: pip install 'pydevd-pycharm~=%s'",
            found.group(1),
            ours,
            found.group(1),
        )


def can_reach_all() -> bool:
    """Tell whether Python itself traces threads that run already (3.12)."""
    return hasattr(sys, '_settraceallthreads')


def trace_all(function: Any) -> int:
    """Trace all threads but pydevd's own, which find out by themselves.

    :returns: 0, as pydevd's own
    """
    threading = modules.environment().threading()
    settrace = sys.modules['pydevd_tracing']._original_settrace

    def begin(frame: Any, event: str, arg: Any) -> Any:
        thread = threading.current_thread()
        if getattr(thread, 'pydev_do_not_trace', False):
            settrace(None)
            return None
        settrace(function)
        return function(frame, event, arg)

    sys._settraceallthreads(begin)  # type: ignore[attr-defined]
    return 0


def start_traced() -> None:
    """Have threads traced that are started as they are since Python 3.13."""
    threading = modules.environment().threading()
    start = threading.__dict__.get(_JOINABLE)
    if start is None or hasattr(start, 'osdbg_starts'):
        return
    monkey: Any = importlib.import_module('_pydev_bundle.pydev_monkey')

    def start_joinable_thread(
        function: Any, *, handle: Any = None, daemon: bool = True
    ) -> Any:
        startup = monkey._UseNewThreadStartup(function, (), {})
        return start(startup, handle=handle, daemon=daemon)

    start_joinable_thread.osdbg_starts = start  # type: ignore[attr-defined]
    setattr(threading, _JOINABLE, start_joinable_thread)


def start_untraced() -> None:
    """Undo it."""
    threading = modules.environment().threading()
    start = threading.__dict__.get(_JOINABLE)
    if hasattr(start, 'osdbg_starts'):
        setattr(threading, _JOINABLE, start.osdbg_starts)

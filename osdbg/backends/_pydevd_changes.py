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

"""What is changed in pydevd, in the process it has been imported into."""

from __future__ import annotations

from collections.abc import Callable
import signal
import sys
import types
from typing import Any

from osdbg.backends import _pydevd_conditions as conditions
from osdbg.backends import _pydevd_green as green
from osdbg.backends import _pydevd_limits as limits
from osdbg.backends import _pydevd_notices as notices
from osdbg.backends import _pydevd_parked as parked
from osdbg.backends import _pydevd_running as running
from osdbg.backends import _pydevd_spared as spared
from osdbg.backends import _pydevd_tracing as tracing
from osdbg.backends import _pydevd_wake as wake
from osdbg import frames
from osdbg.signals import obeying_signals
from osdbg import waiting

_ASIDE_SECONDS = 0.2


def apply(pydevd: Any, protocol: str) -> None:
    """Change what pydevd does for programs it starts.

    :param pydevd: the module, just imported
    :param protocol: what it speaks with its client
    """
    # This thread ends the session when no non-daemon thread is left, which
    # is always so in oslo.service's threading backend (cotyledon forks its
    # workers from a daemon thread), and it makes an exit wait for it.
    pydevd.PyDB._create_check_output_thread = lambda py_db: None
    enable_tracing = pydevd.PyDB.enable_tracing

    def enable_tracing_unless_disposed(
        py_db: Any, *args: Any, **kwargs: Any
    ) -> None:
        # A thread on its way out of a breakpoint would trace itself again.
        if not py_db.pydb_disposed:
            enable_tracing(py_db, *args, **kwargs)

    pydevd.PyDB.enable_tracing = enable_tracing_unless_disposed
    _leave_dummies()
    _ask_for_frames()
    tracing.apply(pydevd)
    suspend = pydevd.PyDB.do_wait_suspend

    def go_on(signum: int) -> None:
        py_db = pydevd.get_global_debugger()
        if py_db is not None:
            leave = signum != signal.SIGHUP
            _aside(lambda: resume(pydevd, py_db, leave=leave))

    def do_wait_suspend(
        py_db: Any, thread: Any, frame: Any, *args: Any, **kwargs: Any
    ) -> None:
        try:
            with obeying_signals(go_on) as signals:
                if not py_db.pydb_disposed:
                    if not signals.interrupted_by(frame):
                        suspend(py_db, thread, frame, *args, **kwargs)
        except Exception:
            # Disposed in the middle it has no writer any more; whatever is
            # raised here is raised in the service.
            if not py_db.pydb_disposed:
                raise
        finally:
            if py_db.pydb_disposed:
                limits.go_on(pydevd, thread)  # or it stops in the next session

    pydevd.PyDB.do_wait_suspend = do_wait_suspend
    wake.apply(pydevd)
    limits.apply(pydevd)
    conditions.apply(pydevd)
    running.apply(pydevd)
    if protocol == 'dap':  # the others are told of each thread, by default
        notices.apply(pydevd)
        parked.apply(pydevd)
    green.apply(pydevd)
    spared.apply(pydevd)


def _ask_for_frames() -> None:
    """Replace what was kept by a pydevd that the service has imported."""
    for module in _modules('pydevd', '_pydev'):
        frames.replace(module, '_current_frames')
        frames.replace(module, '_tid_to_frame_for_dump_threads')


def _leave_dummies() -> None:
    """Leave them in the table of threads on Python 3.12 as well.

    For the reason that ``threads.share()`` has to do so on 3.13.
    """
    for module in _modules('_pydevd_sys_monitoring.'):
        if '_DeleteDummyThreadOnDel' in vars(module):
            vars(module)['_DeleteDummyThreadOnDel'] = lambda thread: None


def _modules(*prefixes: str) -> list[types.ModuleType]:
    """Return what is imported under names that begin so."""
    return [
        module
        for name, module in sys.modules.copy().items()
        if name.startswith(prefixes) and isinstance(module, types.ModuleType)
    ]


def _aside(call: Callable[[], None]) -> None:
    """Call something in a thread of its own, and give it a moment.

    For a signal handler: what it has interrupted may hold a lock of pydevd's
    that resuming takes, and none of them may be taken twice.
    """
    done = waiting.Event()

    def run() -> None:
        try:
            call()
        finally:
            done.set()

    waiting.start_new_thread(run, ())
    done.wait(_ASIDE_SECONDS)


def resume(pydevd: Any, py_db: Any, *, leave: bool) -> None:
    """Resume all threads.

    :param leave: whether they shall stop nowhere any more
    """
    if not hasattr(pydevd, 'PyDevdAPI'):
        resume_all(pydevd, py_db, leave=leave)
    elif leave:
        pydevd.PyDevdAPI().request_disconnect(py_db, resume_threads=True)
    else:
        pydevd.PyDevdAPI().request_resume_thread('*')


def resume_all(pydevd: Any, py_db: Any, *, leave: bool) -> None:
    """Do what pydevd's API would, in a pydevd that has none yet (PyCharm's).

    :param leave: whether they shall stop nowhere any more
    """
    if leave:
        for breakpoints in (
            'breakpoints',
            'file_to_id_to_line_breakpoint',
            'file_to_id_to_plugin_breakpoint',
            'break_on_uncaught_exceptions',
            'break_on_caught_exceptions',
        ):
            setattr(py_db, breakpoints, {})
        py_db.on_breakpoints_changed(removed=True)
    for thread in pydevd.pydevd_utils.get_non_pydevd_threads():
        limits.go_on(pydevd, thread)

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

"""What the debuggers that descend from pydevd have in common.

pydevd is given a socket that is already connected, and starts on it; when
the client leaves, it is undone down to the last trace function.
"""

from __future__ import annotations

import abc
import atexit
from collections.abc import Callable
import functools
import importlib
import sys
import types
from typing import Any, ClassVar

from osdbg.backends import _pydevd_changes as changes
from osdbg.backends import _pydevd_green as green
from osdbg.backends import _pydevd_limits as limits
from osdbg.backends import _pydevd_modules as modules
from osdbg.backends import _pydevd_notices as notices
from osdbg.backends import _pydevd_running as running
from osdbg.backends import _pydevd_spared as spared
from osdbg.backends import _pydevd_steps as steps
from osdbg.backends import _pydevd_stops as stops
from osdbg.backends import _pydevd_tracing as tracing
from osdbg.backends import base
from osdbg import chosen
from osdbg import frames
from osdbg import isolation
from osdbg import patching
from osdbg import settings as settings_
from osdbg import threads
from osdbg import waiting

_SETTLE_SECONDS = 0.05
_MOST_LOOKS = 20
_DOOR_SECONDS = 1.0
# What pydevd knows of a function holds as long as this number of its does.
# From Python 3.12 on it keeps that from session to session, and begins each
# at 0: the next one would stop at the breakpoints of the last.
_mtime = 0


class PydevdSession(base.Backend):
    """A debugger that descends from pydevd, in one process."""

    roots: ClassVar[tuple[str, ...]] = modules.ROOTS
    """The top-level names of its own modules."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Take the options; nothing is imported yet."""
        super().__init__(settings)
        self._pydevd: Any = None
        self._py_db: Any = None
        self._sock: Any = None
        # Held while a thread of the service is made to stop.
        self._door = waiting.allocate_lock()
        self._open = True
        self._undo: list[Callable[[], None]] = []

    @abc.abstractmethod
    def _import(self) -> Any:
        """Import the debugger, in isolation, and return pydevd."""

    @abc.abstractmethod
    def _settrace(self, pydevd: Any, sock: Any) -> None:
        """Have pydevd connect by ``start_client``."""

    @abc.abstractmethod
    def _read_version(self) -> str:
        """Return the version of the package that is loaded."""

    def _isolate(
        self, names: tuple[str, ...] | dict[str, str]
    ) -> isolation.Isolation:
        return isolation.Isolation(self.roots, names)

    def load(self, sock: Any) -> None:
        """Import pydevd in isolation and connect it."""
        self._sock = sock
        ignored = self.settings.eventlet == 'ignore'
        names = () if ignored else patching.GROUPS
        modules.isolated(lambda: self._isolate(names)).enter()
        self._undo.append(frames.protect())
        try:
            with isolation.residue():
                self._pydevd = self._import()
                self._start(self._pydevd, sock)
        except BaseException:
            self.unload()
            raise
        self.version = self._read_version()

    def _start(self, pydevd: Any, sock: Any) -> None:
        # The agent's thread is no thread to debug, nor one to show.
        thread = modules.environment().threading().current_thread()
        thread.name = 'osdbg agent'
        thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
        self._reset(pydevd)
        modules.forget_threads(pydevd)
        limits.begin(self.stops, self.settings.stop_policy == 'one_worker')
        running.begin()
        notices.begin()
        green.forget()
        spared.begin(pydevd, self._retrace)

        def start_client(host: str, port: int) -> Any:
            self._py_db = pydevd.get_global_debugger()
            self._py_db.mtime = _mtime
            tracing.go_by_thread(pydevd, self._py_db)
            return sock

        pydevd.start_client = start_client
        try:
            self._settrace(pydevd, sock)
        finally:
            # The service may call settrace(), too: never again on its own.
            pydevd.start_client = _refuse
        # pydevd's own would wait for its threads at the end of the process.
        atexit.unregister(pydevd.stoptrace)
        atexit.register(self._stop_tracing, pydevd)
        if not modules.monitoring():
            pydevd.pydevd_tracing.SetTrace(None)  # only this thread's
            self._watch_strangers()
        green.begin(pydevd)

    def _reset(self, pydevd: Any) -> None:
        """Have the next ``settrace()`` connect, whatever has been before."""
        pydevd.SetupHolder.setup = None
        modules.constants().GlobalDebuggerHolder.global_dbg = None

    def _watch_strangers(self) -> None:
        """Trace the threads that C code will start, up to Python 3.11."""
        if 'threading' not in patching.patched():
            end = threads.watch_strangers(
                patching.service_threading, self.trace_this_thread
            )
            self._undo.append(end)

    def unload(self) -> None:
        """Detach pydevd from the client and from every thread."""
        pydevd = self._pydevd
        self._close_door()
        if self._sock is None:
            return  # never loaded, or unloaded already
        spared.forget()
        try:
            if pydevd is not None:
                # None if it has noticed by itself that the gateway is gone.
                py_db = pydevd.get_global_debugger()
                if py_db is not None:
                    # They refer to it weakly, and complain when it is gone.
                    for thread in list(py_db.created_pydb_daemon_threads):
                        thread.osdbg_keeps = py_db
                    self._dispose(pydevd, py_db)
                self._end_late_thread()
                # Also of those that its reader has disposed of by itself.
                for thread in modules.environment().threading().enumerate():
                    limits.go_on(pydevd, thread)
                # Its reader may be disposing it, too, and that waits.
                modules.constants().GlobalDebuggerHolder.global_dbg = None
                pydevd.stoptrace()
                self._stop_tracing(pydevd)
                if not modules.monitoring():
                    self._settle(pydevd)
        finally:
            self._forget(pydevd)
            threading = modules.environment().threading()
            threading._active.pop(threading.get_ident(), None)

    def _settle(self, pydevd: Any) -> None:
        """End tracing also where a thread was just about to begin or answer.

        What a trace function returns is the next one of its frame.
        """
        for _ in range(_MOST_LOOKS):
            waiting.pause(_SETTLE_SECONDS)
            self._stop_tracing(pydevd)
            if not running.end():
                break

    def _end_late_thread(self) -> None:
        """End the one thread that pydevd starts after it is connected.

        It forgets to, if the client has left just before.
        """
        thread = getattr(self._py_db, 'py_db_command_thread', None)
        if thread is not None:
            thread.osdbg_keeps = self._py_db
            thread.do_kill_pydev_thread()

    def _dispose(self, pydevd: Any, py_db: Any) -> None:
        """Resume the threads, and end pydevd's own without waiting."""
        pydevd.PyDevdAPI().request_disconnect(py_db, resume_threads=True)
        # Its threads wait for each other, half a second long.
        py_db.dispose_and_kill_all_pydevd_threads(wait=False)

    def _close_door(self) -> None:
        held = self._door.acquire(True, _DOOR_SECONDS)
        self._open = False
        if held:
            self._door.release()

    def _forget(self, pydevd: Any) -> None:
        global _mtime
        if self._py_db is not None:
            _mtime = self._py_db.mtime + 1
        if pydevd is not None:
            self._reset(pydevd)
            atexit.unregister(pydevd.stoptrace)
        atexit.unregister(self._stop_tracing)
        while self._undo:
            self._undo.pop()()
        steps.end()
        chosen.forget()
        tracing.forget()
        self._sock.close()
        self._sock = None
        modules.environment().leave()

    def resume(self, why: str) -> None:
        """Resume all threads, and tell the client."""
        py_db = self._pydevd.get_global_debugger()
        if py_db is not None and not py_db.pydb_disposed:
            limits.say(py_db, why)
            changes.resume(self._pydevd, py_db, leave=False)

    def after_fork(self) -> None:
        """Make the child as if the debugger had never been connected.

        A child left as it is hangs for ever on the first line with a
        breakpoint: it suspends, and no thread is there to be told to go on.
        """
        pydevd = self._pydevd
        if pydevd is None:
            return
        modules.environment().renew()
        green.after_fork()
        spared.forget()
        pydevd.pydevd_tracing._original_settrace(None)
        py_db = pydevd.get_global_debugger()
        if py_db is not None:
            py_db.pydb_disposed = True
        self._renew(pydevd)
        # It has the number of the parent in it, and that is another process.
        modules.constants().clear_cached_thread_id(
            modules.environment().threading().current_thread()
        )
        importlib.import_module(
            '_pydev_bundle.pydev_monkey'
        ).undo_patch_thread_modules()
        self._stop_tracing(pydevd)
        pydevd.pydevd_tracing.restore_sys_set_trace_func()
        self._forget(pydevd)

    def _renew(self, pydevd: Any) -> None:
        """Free what threads of the parent may have held, in its child."""
        modules.constants().after_fork()
        pydevd.settrace_forked(setup_tracing=False)
        # It would go on with what it has kept of the thread that has forked.
        modules.forget_threads(pydevd)

    def _stop_tracing(self, pydevd: Any) -> None:
        """Take the trace functions out of every thread."""
        tracing.stop(pydevd)

    def break_here(self, frame: types.FrameType | None) -> None:
        """Stop the calling thread, unless the client is just leaving."""
        self._call(lambda: self._break(frame))

    def _break(self, frame: types.FrameType | None) -> None:
        self._suspend(frame)
        green.own_step(self._pydevd)

    def _suspend(self, frame: types.FrameType | None) -> None:
        if frame is None:
            stops.stop_at_next_line(self._pydevd)
            return
        self._pydevd.settrace(
            suspend=True,
            trace_only_current_thread=True,
            patch_multiprocessing=False,
            notify_stdin=False,
            stop_at_frame=frame,
        )

    def break_on_exception(self, exc: BaseException) -> None:
        """Stop as for an exception that nobody has caught."""
        if self._pydevd is None or not self._open:
            return
        py_db = self._pydevd.get_global_debugger()
        if py_db and not py_db.pydb_disposed:
            self._stop_on(py_db, exc)

    def _stop_on(self, py_db: Any, exc: BaseException) -> None:
        stops.stop_on_exception(self._pydevd, py_db, exc)

    def trace_this_thread(self, served: Any = None) -> None:
        """Trace a thread that pydevd has not heard of, up to Python 3.11."""
        if self._pydevd is None or modules.monitoring():
            return
        if served is not None:
            spared.keep(served)
        if sys.gettrace() is None:
            self._call(self._trace_this_thread)

    def spare_this_thread(self) -> None:
        """Have the calling thread run untraced, up to Python 3.11."""
        pydevd = self._pydevd
        if pydevd is None or modules.monitoring():
            return
        if sys.gettrace() is not None or not spared.is_at_rest():
            self._call(functools.partial(spared.spare, pydevd))

    def _retrace(self) -> None:
        self._call(functools.partial(spared.end, self._pydevd))

    def end_step(self) -> None:
        """Forget a step of this thread that has not come to its end."""
        pydevd = self._pydevd
        if pydevd is None or not self._open:
            return
        if spared.is_at_rest():
            return  # to ask pydevd takes longer
        thread = pydevd.threadingCurrentThread()
        info = getattr(thread, 'additional_info', None)
        if info is not None and info.pydev_state == pydevd.STATE_RUN:
            if info.pydev_step_cmd != -1:
                limits.go_on(pydevd, thread)

    def _trace_this_thread(self) -> None:
        stops.trace_this_thread(self._pydevd)

    def _call(self, function: Any) -> None:
        """Call a function of pydevd's, unless the client is just leaving."""
        if self._pydevd is None:
            return
        # Not for long: we may be in a signal handler of one who has it.
        if not self._door.acquire(True, _DOOR_SECONDS):
            return
        py_db = None
        try:
            py_db = self._open and self._pydevd.get_global_debugger()
            if py_db and not py_db.pydb_disposed:
                function()
        except Exception:
            # The gateway went away this moment, and pydevd tried to connect
            # anew: nothing of that is for the service.
            if self._pydevd.get_global_debugger() is not py_db:
                modules.constants().GlobalDebuggerHolder.global_dbg = None
        finally:
            self._door.release()


def _refuse(host: str, port: int) -> Any:
    raise ConnectionRefusedError('no debugger is attached to this process')

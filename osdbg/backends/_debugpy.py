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

"""debugpy: the Debug Adapter Protocol, without debugpy's adapter process.

debugpy's own ``listen()`` starts an adapter per process and leaves tracing on
until the process ends. Here pydevd, which debugpy vendors, is given a socket
that is already connected to the gateway, where it speaks DAP itself (debugpy
has this mode in public as ``in_process_debug_adapter``). When the client
leaves, it is undone down to the last trace function.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import signal
import sys
import types
from typing import Any

from osdbg.backends._debugpy_stops import stop_at_next_line
from osdbg.backends._debugpy_stops import stop_on_exception
from osdbg.backends._debugpy_stops import trace_this_thread
from osdbg.backends import base
from osdbg import exceptions
from osdbg import isolation
from osdbg import patching
from osdbg import settings as settings_
from osdbg.signals import obeying_signals
from osdbg import threads
from osdbg import waiting

_ROOTS = (
    'debugpy',
    'pydevd',
    'pydevconsole',
    'pydevd_file_utils',
    'pydevd_plugins',
    'pydevd_tracing',
    'pydev_ipython',
    '_pydev_bundle',
    '_pydev_runfiles',
    '_pydevd_bundle',
    '_pydevd_frame_eval',
    '_pydevd_sys_monitoring',
)
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Nobody wants to step into these; the demo and the tests are not among them.
# pydevd itself calls some of it: stopped there, it would wait for itself.
_HIDDEN = tuple(
    os.path.join(_PACKAGE, name)
    for name in (
        '_site',
        'agent',
        'backends',
        'bootstrap',
        'exceptions',
        'gateway',
        'integrations',
        'isolation',
        'journal',
        'opts',
        'patching',
        'program',
        'settings',
        'signals',
        'sources',
        'threads',
        'values',
        'waiting',
    )
)
_NEEDED = ('socket', 'threading')
_SETTLE_SECONDS = 0.05
_DOOR_SECONDS = 1.0
_isolation: isolation.Isolation | None = None


class DebugpyBackend(base.Backend):
    """debugpy, in one process."""

    name = 'debugpy'
    protocol = 'dap'
    abilities = frozenset(
        (
            base.Ability.LISTEN,
            base.Ability.CONNECT,
            base.Ability.BREAKPOINTS,
            base.Ability.RUNNING_THREADS,
            base.Ability.PAUSE,
            base.Ability.EXCEPTIONS,
            base.Ability.EAGER,
            base.Ability.WAIT,
            base.Ability.LOG,
        )
    )

    def __init__(self, settings: settings_.Settings) -> None:
        """Take the options; nothing is imported yet."""
        super().__init__(settings)
        self._pydevd: Any = None
        self._sock: Any = None
        # Held while a thread of the service is made to stop.
        self._door = waiting.allocate_lock()
        self._open = True
        self._end_watch: Any = list  # nothing to end

    def require(self) -> None:
        """Look whether debugpy is installed, and could run here."""
        _refuse_gevent()
        if importlib.util.find_spec('debugpy') is None:
            raise exceptions.BackendNotInstalled('debugpy', 'debugpy')

    def load(self, sock: Any) -> None:
        """Import pydevd in isolation and connect it."""
        self._sock = sock
        environment = _isolate(self.settings)
        environment.enter()
        try:
            with isolation.residue():
                self._pydevd = _import_pydevd(self.settings)
                self._start(self._pydevd, environment.threading(), sock)
        except BaseException:
            self.unload()
            raise
        self.version = sys.modules['debugpy'].__version__

    def _start(self, pydevd: Any, threading: Any, sock: Any) -> None:
        # The agent's thread is no thread to debug, nor one to show.
        thread = threading.current_thread()
        thread.name = 'osdbg agent'
        thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
        pydevd.SetupHolder.setup = None
        _constants().GlobalDebuggerHolder.global_dbg = None
        pydevd.start_client = lambda host, port: sock
        pydevd.settrace(
            host='gateway',
            port=0,
            suspend=False,
            patch_multiprocessing=False,
            block_until_connected=True,
            wait_for_ready_to_run=False,
            notify_stdin=False,
            dont_trace_start_patterns=(*_HIDDEN, _debugpy_directory()),
        )
        # The service may call settrace(), too: never again on its own.
        pydevd.start_client = _refuse
        # pydevd's own would wait for its threads at the end of the process.
        atexit.unregister(pydevd.stoptrace)
        atexit.register(_stop_tracing, pydevd)
        if not _monitoring():
            pydevd.pydevd_tracing.SetTrace(None)  # only this thread's
            self._watch_strangers()

    def _watch_strangers(self) -> None:
        """Trace the threads that C code will start, up to Python 3.11."""
        if 'threading' not in patching.patched():
            self._end_watch = threads.watch_strangers(
                patching.service_threading, self.trace_this_thread
            )

    def unload(self) -> None:
        """Detach pydevd from the client and from every thread."""
        assert _isolation is not None  # noqa: S101
        pydevd = self._pydevd
        self._close_door()
        try:
            if pydevd is not None:
                # None if it has noticed by itself that the gateway is gone.
                py_db = pydevd.get_global_debugger()
                if py_db is not None:
                    # They refer to it weakly, and complain when it is gone.
                    for thread in list(py_db.created_pydb_daemon_threads):
                        thread.osdbg_keeps = py_db
                    api = pydevd.PyDevdAPI()
                    api.request_disconnect(py_db, resume_threads=True)
                    # Its threads wait for each other, half a second long.
                    py_db.dispose_and_kill_all_pydevd_threads(wait=False)
                pydevd.stoptrace()
                _stop_tracing(pydevd)
                if not _monitoring():
                    # For a thread that was just about to trace itself.
                    waiting.pause(_SETTLE_SECONDS)
                    _stop_tracing(pydevd)
        finally:
            self._forget(pydevd)
            threading = _isolation.threading()
            threading._active.pop(threading.get_ident(), None)

    def _close_door(self) -> None:
        held = self._door.acquire(True, _DOOR_SECONDS)
        self._open = False
        if held:
            self._door.release()

    def _forget(self, pydevd: Any) -> None:
        if pydevd is not None:
            pydevd.SetupHolder.setup = None
            _constants().GlobalDebuggerHolder.global_dbg = None
            atexit.unregister(pydevd.stoptrace)
        atexit.unregister(_stop_tracing)
        self._end_watch()
        self._sock.close()
        if _isolation is not None:
            _isolation.leave()

    def after_fork(self) -> None:
        """Make the child as if the debugger had never been connected.

        A child left as it is hangs for ever on the first line with a
        breakpoint: it suspends, and no thread is there to be told to go on.
        """
        pydevd = self._pydevd
        assert _isolation is not None  # noqa: S101
        _isolation.renew()
        pydevd.pydevd_tracing._original_settrace(None)
        py_db = pydevd.get_global_debugger()
        if py_db is not None:
            py_db.pydb_disposed = True
        _constants().after_fork()
        pydevd.settrace_forked(setup_tracing=False)
        importlib.import_module(
            '_pydev_bundle.pydev_monkey'
        ).undo_patch_thread_modules()
        _stop_tracing(pydevd)
        pydevd.pydevd_tracing.restore_sys_set_trace_func()
        self._forget(pydevd)

    def break_here(self, frame: types.FrameType | None) -> None:
        """Stop the calling thread, unless the client is just leaving."""
        self._call(lambda: self._suspend(frame))

    def _suspend(self, frame: types.FrameType | None) -> None:
        if frame is None:
            stop_at_next_line(self._pydevd)
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
        py_db = self._open and self._pydevd.get_global_debugger()
        if py_db and not py_db.pydb_disposed:
            stop_on_exception(self._pydevd, py_db, exc)

    def trace_this_thread(self) -> None:
        """Trace a thread that pydevd has not heard of, up to Python 3.11."""
        if sys.gettrace() is None and not _monitoring():
            self._call(lambda: trace_this_thread(self._pydevd))

    def _call(self, function: Any) -> None:
        """Call a function of pydevd's, unless the client is just leaving."""
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
                _constants().GlobalDebuggerHolder.global_dbg = None
        finally:
            self._door.release()


def _refuse_gevent() -> None:
    """Refuse what would hang: there is no isolation from gevent yet.

    :raises: OsdbgError
    """
    names = [n for n in patching.gevent_patched() if n in _NEEDED]
    if names:
        raise exceptions.OsdbgError(
            f'gevent has patched {" and ".join(names)}, and osdbg does not '
            f'support that: run the service with eventlet or with threads, '
            f'such as gunicorn -k gthread'
        )


def _refuse(host: str, port: int) -> Any:
    raise ConnectionRefusedError('no debugger is attached to this process')


def _isolate(settings: settings_.Settings) -> isolation.Isolation:
    global _isolation
    if _isolation is None:
        names = () if settings.eventlet == 'ignore' else patching.GROUPS
        _isolation = isolation.Isolation(_ROOTS, names)
    return _isolation


def _import_pydevd(settings: settings_.Settings) -> Any:
    loaded = sys.modules.get('pydevd')
    # Frozen modules (all of Python's own since 3.11) cannot be debugged, and
    # pydevd says so on stderr, which is the service's log.
    os.environ.setdefault('PYDEVD_DISABLE_FILE_VALIDATION', '1')
    if settings.log_dir:
        os.environ.setdefault('DEBUGPY_LOG_DIR', settings.log_dir)
    importlib.import_module('debugpy.server')
    pydevd: Any = importlib.import_module('pydevd')
    if loaded is None:
        _adapt(pydevd)
    return pydevd


def _adapt(pydevd: Any) -> None:
    """Change what pydevd does for programs it starts, once per process."""
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
    suspend = pydevd.PyDB.do_wait_suspend

    def resume(signum: int) -> None:
        py_db = pydevd.get_global_debugger()
        if py_db is None:
            return
        if signum == signal.SIGHUP:
            pydevd.PyDevdAPI().request_resume_thread('*')  # it may live on
        else:
            pydevd.PyDevdAPI().request_disconnect(py_db, resume_threads=True)

    def do_wait_suspend(
        py_db: Any, thread: Any, frame: Any, *args: Any, **kwargs: Any
    ) -> None:
        try:
            with obeying_signals(resume) as signals:
                if not py_db.pydb_disposed:
                    if not signals.interrupted_by(frame):
                        suspend(py_db, thread, frame, *args, **kwargs)
        except Exception:
            # Disposed in the middle it has no writer any more; whatever is
            # raised here is raised in the service.
            if not py_db.pydb_disposed:
                raise

    pydevd.PyDB.do_wait_suspend = do_wait_suspend


def _monitoring() -> bool:
    """Tell whether pydevd uses sys.monitoring (PEP 669, debugpy 1.8.1)."""
    return bool(getattr(_constants(), 'PYDEVD_USE_SYS_MONITORING', False))


def _constants() -> Any:
    return importlib.import_module('_pydevd_bundle.pydevd_constants')


def _debugpy_directory() -> str:
    package: Any = sys.modules['debugpy']
    return os.path.dirname(str(package.__file__)) + os.sep


def _stop_tracing(pydevd: Any) -> None:
    """Take the trace functions out of every thread.

    ``pydevd.stoptrace()`` reaches only the thread it is called in before
    Python 3.12; the others would go on at a third of their speed.
    """
    if _monitoring():
        monitoring = pydevd.pydevd_sys_monitoring
        monitoring.stop_monitoring(all_threads=True)
        return
    tracing = pydevd.pydevd_tracing
    settrace = tracing._original_settrace

    def remove(frame: Any, event: str, arg: Any) -> None:
        settrace(None)

    assert _isolation is not None  # noqa: S101
    _isolation.threading().settrace(None)
    tracing.set_trace_to_threads(remove, create_dummy_thread=False)
    settrace(None)

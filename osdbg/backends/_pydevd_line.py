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

"""The debuggers that speak pydevd's own protocol, in lines, to an IDE.

The IDE listens, speaks first, sets its breakpoints, and says when the program
may run: until then ``settrace()`` waits, here for a limited time.
"""

from __future__ import annotations

import _socket
import importlib
import os
import socket
from typing import Any

from osdbg.backends import _pydevd_modules as modules
from osdbg.backends import _pydevd_output as output
from osdbg.backends import _pydevd_packages as packages
from osdbg.backends import _pydevd_paths as paths
from osdbg.backends import _pydevd_quiet as quiet
from osdbg.backends import _pydevd_session as session
from osdbg.backends import base
from osdbg import exceptions
from osdbg import isolation
from osdbg import settings as settings_
from osdbg import waiting

ABILITIES = frozenset(
    (
        base.Ability.CONNECT,
        base.Ability.BREAKPOINTS,
        base.Ability.RUNNING_THREADS,
        base.Ability.PAUSE,
        base.Ability.EXCEPTIONS,
        base.Ability.EAGER,
        base.Ability.WAIT,
        base.Ability.REDIRECT_OUTPUT,
        base.Ability.PATH_MAPPINGS,
        base.Ability.RESUME,
        base.Ability.TURNS,
        base.Ability.LOG,
    )
)
_RUN_SECONDS = 10.0
_DISPOSE_SECONDS = 0.1
_PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT
# In the environment of a service they would change the debugger.
_FOREIGN = ('GEVENT_SUPPORT', 'USE_LOW_IMPACT_MONITORING')
_EVERYTHING = 3  # pydevd's level of its log


class LineSession(session.PydevdSession):
    """A pydevd that speaks with an IDE in lines."""

    protocol = 'pydevd'
    abilities = ABILITIES

    def __init__(self, settings: settings_.Settings) -> None:
        """Take the options; nothing is imported yet."""
        super().__init__(settings)
        self._output = output.Redirection(self._send_output)
        self._loading = 0
        self._deadline = 0.0
        self._hanging_up = False
        self._own: Any = None
        self._mappings: list[Any] | None = None

    def require(self) -> None:
        """Look which pydevd is installed, and whether it could run here."""
        modules.refuse_gevent()
        packages.require(self.name)
        packages.refuse_strange(self.name)

    def _isolate(self, names: Any) -> isolation.Isolation:
        directory, log = self.settings.log_dir, None
        if directory:
            log = os.path.join(directory, self.name)
        return quiet.QuietIsolation(self.roots, names, log)

    def _import(self) -> Any:
        # Frozen modules (all of Python's own since 3.11) cannot be debugged,
        # and pydevd takes its time to say so.
        os.environ.setdefault('PYDEVD_DISABLE_FILE_VALIDATION', '1')
        # Up to Python 3.10: it does not survive the end of a session.
        os.environ['PYDEVD_USE_FRAME_EVAL'] = 'NO'
        kept = {name: os.environ.pop(name, None) for name in _FOREIGN}
        try:
            pydevd: Any = importlib.import_module('pydevd')
        finally:
            for name, value in kept.items():
                if value is not None:
                    os.environ[name] = value
        environment: Any = modules.environment()
        environment.hush_compiled()
        if modules.adapt(pydevd, self.protocol):
            self._adapt(pydevd)
        if self.settings.log_dir:
            modules.constants().DebugInfoHolder.DEBUG_TRACE_LEVEL = _EVERYTHING
        return pydevd

    def _adapt(self, pydevd: Any) -> None:
        """Change what only these do, once per process."""
        # Its waits for CMD_RUN look at this, and at nothing else.
        pydevd.PyDB.ready_to_run = _Ready()
        hide(pydevd)

    def _settrace(self, pydevd: Any, sock: Any) -> None:
        files: Any = importlib.import_module('pydevd_file_utils')
        self._mappings = files._last_client_server_paths_set
        if self.settings.path_mappings:
            paths.map_paths(self.settings.path_mappings)
        self._redirect(pydevd)
        _Ready.session = self
        self._loading = waiting.get_ident()
        self._deadline = waiting.monotonic() + _RUN_SECONDS
        try:
            pydevd.settrace(
                **modules.probed(
                    pydevd.settrace,
                    host='gateway',
                    port=0,
                    suspend=False,
                    patch_multiprocessing=False,
                    block_until_connected=True,
                    wait_for_ready_to_run=True,
                    notify_stdin=False,
                    stdout_to_server=self.settings.redirect_output,
                    stderr_to_server=self.settings.redirect_output,
                )
            )
        finally:
            self._loading = 0

    def _reset(self, pydevd: Any) -> None:
        super()._reset(pydevd)
        # Held for ever if this process was forked while another loaded it.
        lock = getattr(modules.constants(), 'ForkSafeLock', None)
        pydevd._set_trace_lock = (lock or waiting.allocate_lock)()

    def _redirect(self, pydevd: Any) -> None:
        """Stand in for pydevd's redirection, which is never undone."""
        for prefix in ('init', '_init'):
            for name in ('stdout', 'stderr'):
                function = f'{prefix}_{name}_redirect'
                if hasattr(pydevd, function):
                    setattr(pydevd, function, self._beginner(name))

    def _beginner(self, name: str) -> Any:
        def begin(*args: Any) -> None:
            if self._open:
                self._output.begin(name)

        return begin

    def _send_output(self, text: str, number: int) -> None:
        py_db = self._pydevd.get_global_debugger()
        if py_db is not None and not py_db.pydb_disposed:
            py_db.writer.add_command(
                py_db.cmd_factory.make_io_message(text, number)
            )

    def check_ready(self, py_db: Any) -> None:
        """Give up when the IDE is never going to say that it is ready.

        :raises: OsdbgError
        """
        if self._loading != waiting.get_ident():
            return
        why = ''
        if py_db.pydb_disposed or is_closed(self._sock):
            why = 'has gone away'
        elif waiting.monotonic() > self._deadline:
            why = f'has sent no CMD_RUN in {_RUN_SECONDS:g} s'
        if why:
            raise exceptions.OsdbgError(
                f'[remote_debug] backend = {self.name}: whoever listens on '
                f'{self.settings.address} {why}, which an '
                f'IDE does when its debug server is ready: start that of '
                f'your IDE there, or correct host and port'
            )

    def load(self, sock: Any) -> None:
        """Import pydevd in isolation and connect it."""
        self._own = _socket.socket(fileno=os.dup(sock.fileno()))
        super().load(sock)

    def unload(self) -> None:
        """Detach pydevd from the IDE and from every thread."""
        self._hanging_up = True  # for a forked child it is not to
        super().unload()

    def _dispose(self, pydevd: Any, py_db: Any) -> None:
        if hasattr(pydevd, 'PyDevdAPI'):
            pydevd.PyDevdAPI().request_disconnect(py_db, resume_threads=True)
        py_db.dispose_and_kill_all_pydevd_threads(
            wait=False, timeout=_DISPOSE_SECONDS
        )

    def _forget(self, pydevd: Any) -> None:
        self._output.end()
        if pydevd is not None:
            pydevd.connected = False
        if self._mappings is not None:
            files: Any = importlib.import_module('pydevd_file_utils')
            files.setup_client_server_paths(self._mappings)
        self._hang_up()
        super()._forget(pydevd)

    def _hang_up(self) -> None:
        """End the connection, of which pydevd may have closed its end.

        It closes it without a ``shutdown()``: its reader then waits for ever
        in ``recv()``, and the IDE is told nothing.
        """
        if self._own is None:
            return
        if self._hanging_up:
            try:
                self._own.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # by the IDE
        self._own.close()

    def _read_version(self) -> str:
        return packages.version(self.name)


class _Ready:
    """``PyDB.ready_to_run``: set when the IDE says that it is ready."""

    session: LineSession | None = None

    def __get__(self, py_db: Any, owner: Any = None) -> Any:
        if py_db is None:
            return self
        ready = py_db.__dict__.get('ready_to_run', False)
        if not ready and self.session is not None:
            self.session.check_ready(py_db)
        return ready

    def __set__(self, py_db: Any, value: bool) -> None:
        py_db.__dict__['ready_to_run'] = value


def is_closed(sock: Any) -> bool:
    """Tell whether the other side has closed a connection."""
    try:
        return not sock.recv(1, _PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True


def hide(pydevd: Any) -> None:
    """Have osdbg's own files taken for the debugger's.

    Those are told by their base names alone, so osdbg's are given another.
    """
    files: Any = importlib.import_module('pydevd_file_utils')
    for start in modules.HIDDEN:
        for path in _sources(start):
            files.NORM_PATHS_AND_BASE_CONTAINER[path] = (
                path,
                path,
                'pydevd_tracing.py',
            )


def _sources(start: str) -> list[str]:
    """Return the file of a module, or all those of a package."""
    found = [start + '.py']
    for directory, _folders, names in os.walk(start):
        found += [os.path.join(directory, name) for name in names]
    return [path for path in found if path.endswith('.py')]

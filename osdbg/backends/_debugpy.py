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
has this mode in public as ``in_process_debug_adapter``).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

from osdbg.backends import _pydevd_modules as modules
from osdbg.backends import _pydevd_packages as packages
from osdbg.backends import _pydevd_paths as paths
from osdbg.backends import _pydevd_session as session
from osdbg.backends import base
from osdbg import exceptions


class DebugpyBackend(session.PydevdSession):
    """debugpy, in one process."""

    name = 'debugpy'
    module = 'debugpy'
    protocol = 'dap'
    roots = ('debugpy', '_pydevd_sys_monitoring', *modules.ROOTS)
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
            base.Ability.PATH_MAPPINGS,
            base.Ability.RESUME,
            base.Ability.TURNS,
            base.Ability.LOG,
        )
    )
    instead = {
        base.Ability.REDIRECT_OUTPUT: (
            'remove redirect_output and ask the client for it, '
            '"redirectOutput": true in a launch.json'
        ),
    }

    def require(self) -> None:
        """Look whether debugpy is installed, and could run here."""
        modules.refuse_gevent()
        if importlib.util.find_spec('debugpy') is None:
            raise exceptions.BackendNotInstalled('debugpy', 'debugpy')
        packages.refuse_another(self.name)

    def _import(self) -> Any:
        # Frozen modules (all of Python's own since 3.11) cannot be debugged,
        # and pydevd says so on stderr, which is the service's log.
        os.environ.setdefault('PYDEVD_DISABLE_FILE_VALIDATION', '1')
        if self.settings.log_dir:
            os.environ.setdefault('DEBUGPY_LOG_DIR', self.settings.log_dir)
        importlib.import_module('debugpy.server')
        pydevd: Any = importlib.import_module('pydevd')
        modules.adapt(pydevd, self.protocol)
        return pydevd

    def _settrace(self, pydevd: Any, sock: Any) -> None:
        # Until a client comes with its own, as pathMappings.
        paths.map_paths(self.settings.path_mappings)
        pydevd.settrace(
            host='gateway',
            port=0,
            suspend=False,
            patch_multiprocessing=False,
            block_until_connected=True,
            wait_for_ready_to_run=False,
            notify_stdin=False,
            dont_trace_start_patterns=(*modules.HIDDEN, _directory()),
        )

    def _forget(self, pydevd: Any) -> None:
        try:
            if pydevd is not None:
                self._undo_wishes(pydevd)
        finally:
            super()._forget(pydevd)

    def _undo_wishes(self, pydevd: Any) -> None:
        """Undo what the client has asked for, which pydevd never does."""
        output: Any = importlib.import_module('_pydevd_bundle.pydevd_io')
        for name in ('stdout', 'stderr'):
            setattr(pydevd, f'_global_redirect_{name}_to_server', False)
            output.stop_redirect_stream_to_pydb_io_messages(name)
        paths.map_paths(())

    def _read_version(self) -> str:
        return str(sys.modules['debugpy'].__version__)


def _directory() -> str:
    package: Any = sys.modules['debugpy']
    return os.path.dirname(str(package.__file__)) + os.sep

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

"""The modules of the pydevd of this process, and what they run among.

Only one of those that descend from it can be in a process: they share their
modules' names.
"""

from __future__ import annotations

from collections.abc import Callable
import importlib
import inspect
import os
import sys
from typing import Any

from osdbg.backends import _pydevd_changes as changes
from osdbg import exceptions
from osdbg import isolation
from osdbg import patching

ROOTS = (
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
)
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Nobody wants to step into it, but for the demo, which is below cli. pydevd
# itself calls some of it: stopped there, it would wait for itself.
HIDDEN = tuple(
    os.path.join(_PACKAGE, name.partition('.')[0])
    for name in sorted(os.listdir(_PACKAGE))
    if name != 'cli'
)
_NEEDED = ('socket', 'threading')
_isolation: isolation.Isolation | None = None


def refuse_gevent() -> None:
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


def isolated(make: Callable[[], isolation.Isolation]) -> isolation.Isolation:
    """Return the modules that the debugger of this process is given.

    :param make: prepares them for the first one that is loaded here
    """
    global _isolation
    if _isolation is None:
        _isolation = make()
    return _isolation


def environment() -> isolation.Isolation:
    """Return the modules that the debugger of this process was given."""
    assert _isolation is not None  # noqa: S101
    return _isolation


def adapt(pydevd: Any, protocol: str) -> bool:
    """Change what pydevd does for programs it starts, once per process.

    :param protocol: what it speaks with its client
    :returns: whether this was the first time
    """
    if vars(pydevd).get('osdbg_adapted'):
        return False
    pydevd.osdbg_adapted = True
    changes.apply(pydevd, protocol)
    return True


def constants() -> Any:
    """Return pydevd's constants; some of them vary."""
    name = '_pydevd_bundle.pydevd_constants'
    # To ask for a module that is there takes a microsecond.
    return sys.modules.get(name) or importlib.import_module(name)


def monitoring() -> bool:
    """Tell whether pydevd uses sys.monitoring (PEP 669, debugpy 1.8.1)."""
    return bool(getattr(constants(), 'PYDEVD_USE_SYS_MONITORING', False))


def forget_threads(pydevd: Any) -> None:
    """Have pydevd make up its mind anew about each thread, on 3.12 and later.

    A dummy that it holds on to may be in no table of threads any more, and
    then nobody reads the commands for it.
    """
    tracing: Any = getattr(pydevd, 'pydevd_sys_monitoring', None)
    if hasattr(tracing, 'reset_thread_local_info'):
        tracing.reset_thread_local_info()


def probed(function: Any, **wishes: Any) -> dict[str, Any]:
    """Return the arguments that a function takes.

    :param wishes: all that it could be given
    """
    parameters = inspect.signature(function).parameters
    return {
        name: value for name, value in wishes.items() if name in parameters
    }

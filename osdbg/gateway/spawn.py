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

"""Start a gateway that owes nothing to the service that needed it."""

from __future__ import annotations

import os
import sys
from typing import Any

from osdbg import exceptions
from osdbg import patching

# "python -m osdbg.gateway", but for the service's working directory: "-m"
# looks there first, for its own modules too; PYTHONSAFEPATH came with 3.11.
_RUN = (
    'import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); '
    'runpy.run_module("osdbg.gateway", run_name="__main__", alter_sys=True)'
)
_PACKAGES = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
_KEPT = ('PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH')

# eventlet's green waitpid() would put the agent's thread on a hub.
_waitpid: Any = patching.native('os').waitpid


def interpreter() -> str:
    """Return a Python that can run the gateway.

    Not simply ``sys.executable``: embedded in uWSGI that is uwsgi itself
    (debugpy issue 458), in mod_wsgi it may be empty.

    :raises: GatewayUnavailable
    """
    version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    names = (version, 'python3', 'python')
    candidates = [sys.executable or '']
    for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix):
        candidates += [os.path.join(prefix, 'bin', name) for name in names]
    for path in os.environ.get('PATH', '').split(os.pathsep):
        candidates.append(os.path.join(path, version))
    for candidate in candidates:
        if os.path.basename(candidate).startswith('python'):
            if os.access(candidate, os.X_OK):
                return candidate
    raise exceptions.GatewayUnavailable(
        'a Python interpreter',
        f'is neither sys.executable ({sys.executable!r}) nor below '
        f'{sys.prefix}',
    )


def environment() -> dict[str, str]:
    """Return the environment of the gateway.

    Nothing that could start osdbg, a debugger or a service's site hooks in
    it (a sitecustomize that starts a debugger is run by every Python).
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name in ('OSDBG_SOCKET', 'OSDBG_GATEWAY_GRACE')
    }


def spawn() -> None:
    """Start the gateway and wait until it stands on its own.

    ``posix_spawn`` forks without running the service's at-fork hooks. The
    process leaves its parent at once (see ``__main__``), so the service gets
    no child that it did not ask for; the moment in between is reaped here.

    :raises: GatewayUnavailable
    """
    python = interpreter()
    null = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        pid = os.posix_spawn(
            python,
            [python, '-I', '-c', _RUN, _PACKAGES, '--detach'],
            environment(),
            file_actions=null,
            setpgroup=0,
            setsigmask=[],
        )
    except OSError as exc:
        raise exceptions.GatewayUnavailable(python, str(exc)) from exc
    try:
        _waitpid(pid, 0)
    except ChildProcessError:
        pass  # the service reaps all children, or ignores SIGCHLD

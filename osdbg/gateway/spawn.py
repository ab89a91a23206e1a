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
import signal
import sys
from typing import Any

from osdbg import exceptions
from osdbg import patching
from osdbg import waiting

# "python -m osdbg.gateway", but for the service's working directory: "-m"
# looks there first, for its own modules too; PYTHONSAFEPATH came with 3.11.
# By -S our packages come after the standard library, which a stray one among
# them must not hide, and before other copies of osdbg.
_RUN = (
    'import site, sys; sys.path.append(sys.argv.pop(1)); site.main(); '
    'import runpy; '
    'runpy.run_module("osdbg.gateway", run_name="__main__", alter_sys=True)'
)
_PACKAGES = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
_KEPT = ('PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH')
_OURS = ('OSDBG_SOCKET', 'OSDBG_HOST_SOCKET', 'OSDBG_GATEWAY_GRACE')

# eventlet's green waitpid() would put the agent's thread on a hub.
_waitpid: Any = patching.native('os').waitpid

_STARTER_SECONDS = 10.0
_KILL_SECONDS = 1.0
_POLL_SECONDS = 0.01


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
        if name in _KEPT or name in _OURS
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
            [python, '-I', '-S', '-c', _RUN, _PACKAGES, '--detach'],
            environment(),
            file_actions=null,
            setpgroup=0,
            setsigmask=[],
        )
    except OSError as exc:
        raise exceptions.GatewayUnavailable(python, str(exc)) from exc
    if not _reaped(pid, _STARTER_SECONDS):
        # It hangs in an import, on a dead file system for example.
        os.kill(pid, signal.SIGKILL)
        _reaped(pid, _KILL_SECONDS)
        raise exceptions.GatewayUnavailable(
            python, f'it has not started in {_STARTER_SECONDS:g} s'
        )


def _reaped(pid: int, seconds: float) -> bool:
    """Wait for the end of a child, and not for ever."""
    for _ in range(int(seconds / _POLL_SECONDS)):
        try:
            if _waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True  # the service reaps all children, or ignores SIGCHLD
        waiting.pause(_POLL_SECONDS)
    return False

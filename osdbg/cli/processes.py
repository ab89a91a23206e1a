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

"""The armed processes of this user, as commands name and reach them."""

from __future__ import annotations

from typing import Any

from osdbg import exceptions
from osdbg.gateway import protocol

_ANSWER_SECONDS = 5.0

Process = dict[str, Any]
"""What the gateway tells of one: see ``Worker.describe``."""


def ask(**question: Any) -> list[Process]:
    """Ask the gateway for all armed processes.

    :param question: what it shall do before it answers
    :returns: none if there is no gateway, which there is while any is armed
    :raises: GatewayUnavailable
    """
    try:
        sock = protocol.connect()
    except protocol.ABSENT:
        return []
    except OSError as exc:
        raise exceptions.GatewayUnavailable(
            protocol.place(), str(exc)
        ) from exc
    sock.settimeout(_ANSWER_SECONDS)
    try:
        sock.sendall(protocol.encode({'ask': question}))
        answer = b''
        while data := sock.recv(protocol.MAX_LINE):
            answer += data
        found: list[Process] = protocol.decode(answer)['processes']
    except (OSError, ValueError, KeyError) as exc:
        raise exceptions.GatewayUnavailable(
            protocol.place(), f'it does not answer: {exc!r}'
        ) from exc
    finally:
        sock.close()
    return found


def find(
    wanted: str | None, processes: list[Process] | None = None
) -> list[Process]:
    """Return the processes that a word means.

    :param processes: all there are; without them, the gateway is asked
    :param wanted: a service, ``service/worker``, or a process id; None for
        the only service there is
    :raises: OsdbgError when there is none, or when it could be several
    """
    processes = ask() if processes is None else processes
    names = sorted({show(process['name']) for process in processes})
    if not processes:
        raise exceptions.OsdbgError(
            'no process of yours is armed: start the service with '
            '[remote_debug] port set, or by osdbg run'
        )
    if wanted is None and len(names) > 1:
        raise exceptions.OsdbgError(
            f'there are several services: say which of {", ".join(names)}'
        )
    found = [p for p in processes if wanted is None or _is(p, wanted)]
    if not found:
        raise exceptions.OsdbgError(
            f'{show(wanted)} is not armed: write one of {", ".join(names)}, '
            f'or the process id of a worker'
        )
    return found


def _is(process: Process, wanted: str) -> bool:
    name, _, worker = wanted.rpartition('/')
    return wanted in (process['name'], str(process['pid'])) or (
        name == process['name'] and worker == str(process['worker'])
    )


def title(process: Process) -> str:
    """Return what people call a process."""
    name = show(process['name'])
    if process['worker'] is None:
        return f'{name} launcher [{process["pid"]}]'
    return f'{name}/{process["worker"]} [{process["pid"]}]'


def show(text: object) -> str:
    """Return a text so that a terminal shows it, and does not obey it.

    A name may come from whoever writes the configuration of a service.
    """
    return ''.join(
        char
        if char.isprintable()
        else char.encode('unicode_escape').decode('ascii')
        for char in str(text)
    )

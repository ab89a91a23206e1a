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

import argparse
import sys
import time
from typing import Any

from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.gateway import places
from osdbg.gateway import protocol

NONE = (
    'no process of yours is armed: start the service with [remote_debug] '
    'port set, or by osdbg run'
)
"""What to say where there is none."""

_ANSWER_SECONDS = 5.0
_MAX_ANSWER = 16 * 1024 * 1024
# What commands rely on; anybody may be the gateway of another user.
_FACTS: dict[str, Any] = {
    'id': str,
    'pid': int,
    'name': str,
    'worker': (int, type(None)),
    'backend': str,
    'protocol': str,
    'dials': bool,
    'host': str,
    'port': int,
}
_STOPPED = (dict, type(None))
# Those that a gateway need not tell; it may be an older one.
_MORE_FACTS: dict[str, Any] = {
    'state': '?',
    'stopped': None,
    'uid': -1,
    'client': {},
    'trouble': '',
}

Process = dict[str, Any]
"""What the gateway tells of one: see ``Worker.describe``."""


def add_service(
    parser: argparse.ArgumentParser, unset: str = 'the only service there is'
) -> None:
    """Add the argument that says which processes are meant.

    :param unset: which ones those are if it is not given
    """
    argument = parser.add_argument(
        'service',
        nargs='?',
        metavar='SERVICE',
        help=f'a service, one of its workers (nova-conductor/1), or a process '
        f'id; unset, {unset}',
    )
    # For argcomplete, which looks there.
    argument.completer = complete  # type: ignore[attr-defined]


def complete(prefix: str, **_: Any) -> list[str]:
    """Return the words for processes, for a shell to complete."""
    words = set()
    for process in ask():
        words |= {process['name'], str(process['pid'])}
        if process['worker'] is not None:
            words.add(f'{process["name"]}/{process["worker"]}')
    # A shell would obey the others, or split them.
    words = {word for word in words if word == show(word)}
    return sorted(word for word in words if word.startswith(prefix))


def ask(**question: Any) -> list[Process]:
    """Ask the gateway for all armed processes.

    Root is told by those of all users.

    :param question: what it shall do before it answers
    :returns: none if there is no gateway, which there is while any is armed
    :raises: GatewayUnavailable
    """
    found: dict[str, Process] = {}
    own, *others = places.places()
    for place in (own, *others):
        try:
            told = _ask(place, question)
        except exceptions.GatewayUnavailable:
            if place == own:
                raise
            continue  # a stranger has taken the name of another user's
        for process in told:
            found.setdefault(process['id'], {**process, 'gateway': place})
    return list(found.values())


def gateway_of(process: Process) -> Any:
    """Connect to the gateway that knows a process.

    :raises: OSError, GatewayUnavailable
    """
    return places.call(process['gateway'])


def _ask(place: str, question: dict[str, Any]) -> list[Process]:
    try:
        sock = places.call(place)
    except protocol.ABSENT:
        return []
    except OSError as exc:
        raise exceptions.GatewayUnavailable(place, str(exc)) from exc
    try:
        sock.settimeout(_ANSWER_SECONDS)
        sock.sendall(protocol.encode({'ask': question}))
        told = _read(_hear(sock))
        _, uid = credentials.peer(sock)
        if uid:
            # All are its user's, whatever it says; only root's knows others.
            told = [{**process, 'uid': uid} for process in told]
        return told
    except (OSError, ValueError) as exc:
        raise exceptions.GatewayUnavailable(
            place, f'it does not answer: {exc!r}'
        ) from exc
    finally:
        sock.close()


def _hear(sock: Any) -> bytes:
    """Return what a gateway says; it may be one that never ends."""
    end = time.monotonic() + _ANSWER_SECONDS
    answer = bytearray()
    while data := sock.recv(protocol.MAX_LINE):
        answer += data
        if len(answer) > _MAX_ANSWER or time.monotonic() > end:
            raise ValueError('it does not come to an end')
        sock.settimeout(max(end - time.monotonic(), 0.001))
    return bytes(answer)


def _read(answer: bytes) -> list[Process]:
    found = protocol.decode(answer).get('processes')
    if not isinstance(found, list):
        raise ValueError('it tells of no processes')
    return [_checked(process) for process in found]


def _checked(told: Any) -> Process:
    if not isinstance(told, dict):
        raise ValueError('it tells nothing of a process')
    process = {**_MORE_FACTS, **told}
    kinds = {name: type(value) for name, value in _MORE_FACTS.items()}
    for name, kind in {**kinds, **_FACTS, 'stopped': _STOPPED}.items():
        if not isinstance(process.get(name), kind):
            raise ValueError(f'it tells no {name} of a process')
    return process


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
        raise exceptions.OsdbgError(NONE)
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

    A name may come from whoever writes the configuration of a service, and
    have letters that the terminal has not.
    """
    shown = ''.join(
        char
        if char.isprintable()
        else char.encode('unicode_escape').decode('ascii')
        for char in str(text)
    )
    encoding = getattr(sys.stdout, 'encoding', None) or 'utf-8'
    return shown.encode(encoding, 'backslashreplace').decode(encoding)

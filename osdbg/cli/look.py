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

"""Questions to running processes: see ``osdbg.inspection``."""

from __future__ import annotations

import json
import time
from typing import Any

from osdbg.cli import processes
from osdbg import exceptions
from osdbg.gateway import protocol

Answer = dict[str, Any]
"""What a process tells, or ``trouble``."""

# Longer than the gateway waits for the process.
_ANSWER_SECONDS = 20.0


def ask(process: processes.Process, kind: str, **arguments: Any) -> Answer:
    """Ask one process.

    :param kind: what for: one of ``inspection.KINDS``
    :raises: OsdbgError if it does not answer
    """
    ((_, answer),) = ask_all([process], kind, **arguments)
    if 'trouble' in answer:
        raise exceptions.OsdbgError(
            f'{processes.title(process)}: {answer["trouble"]}'
        )
    return answer


def ask_all(
    found: list[processes.Process], kind: str, **arguments: Any
) -> list[tuple[processes.Process, Answer]]:
    """Ask some processes, all at once.

    :param kind: what for: one of ``inspection.KINDS``
    :returns: each with its answer, in which ``trouble`` says why there is none
    """
    question = {'kind': kind, **arguments}
    end = time.monotonic() + _ANSWER_SECONDS
    calls = [_call(process, question) for process in found]
    return [
        (process, _hear(process, call, end))
        for process, call in zip(found, calls)
    ]


def _call(process: processes.Process, question: dict[str, Any]) -> Any:
    look = {'id': process['id'], 'question': question}
    try:
        sock = processes.gateway_of(process)
        sock.sendall(protocol.encode({'look': look}))
        return sock
    except (exceptions.OsdbgError, OSError) as exc:
        return exc


def _hear(process: processes.Process, call: Any, end: float) -> Answer:
    if isinstance(call, Exception):
        return {'trouble': f'the gateway cannot be asked: {call}'}
    data = bytearray()
    try:
        while True:
            call.settimeout(max(end - time.monotonic(), 0.001))
            chunk = call.recv(1024 * 1024)
            if not chunk:
                break
            data += chunk
    except OSError:
        data.clear()
    finally:
        call.close()
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return {'trouble': _silence(process['pid'])}
    return answer


def _silence(pid: int) -> str:
    """Say why a process may not answer, and what to do about it."""
    state = _state(pid)
    if not state:
        return (
            f'it does not answer, and no process {pid} is here: it has ended, '
            f'or runs in a container, where osdbg is to be typed'
        )
    if state in 'Tt':
        return f'it is stopped by a signal: type kill -CONT {pid}'
    return (
        f'it does not answer: something in it holds the interpreter, and '
        f'does not let go; to see what, type py-spy dump --native --pid {pid}'
    )


def _state(pid: int) -> str:
    """Return the state of a process as ps(1) writes it; empty if none."""
    try:
        with open(f'/proc/{pid}/stat', 'rb') as file:
            return file.read().rpartition(b')')[2].split()[0].decode()
    except OSError:
        return ''

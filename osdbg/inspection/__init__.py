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

"""What a running process tells of itself when somebody looks.

It is asked by a command, through the gateway, and answers in the agent's
thread: no debugger is loaded, nothing is stopped. Each module of this package
answers one kind of question with its function ``look()``, and is imported
when somebody asks it. All of it runs in other people's services, under any
patching: no lock of the service is taken and no code of it is run.
"""

from __future__ import annotations

import _socket
import importlib
import time
from typing import Any

from osdbg.gateway import payload
from osdbg.gateway import protocol
from osdbg import settings as settings_
from osdbg import waiting

KINDS = ('imports', 'process', 'source', 'stacks')
"""What can be asked for: the modules of this package."""

MAX_ANSWER = 32 * 1024 * 1024
"""How long an answer may be, in bytes."""

CLOCK: float = time.time() - waiting.monotonic()
"""What the clock of the day was ahead of the other one at the start."""

# For the gateway to take it all; it does not wait longer for a command that
# has stopped reading.
_SEND_SECONDS = 5.0


def serve(
    channel: protocol.Channel,
    ticket: str,
    question: dict[str, Any],
    settings: settings_.Settings,
    gate: Any,
) -> None:
    """Answer a question over a connection of its own, if it still is one.

    Whoever has asked may have given up while this process was stopped.

    :param channel: the agent's, to the gateway
    :param ticket: what the gateway knows the question by
    :param question: its ``kind``, and the arguments of that
    :param settings: the options of this process
    :param gate: a lock that is held while the process is forked
    """
    try:
        sock = channel.connect()
        try:
            sock.settimeout(_SEND_SECONDS)
            sock.sendall(protocol.encode({'answer': ticket}))
            if sock.recv(1):  # somebody waits for it
                sock.sendall(_encode(answer(question, settings, gate)))
                # A child that was forked meanwhile has it open, too.
                sock.shutdown(_socket.SHUT_RDWR)
        finally:
            sock.close()
    except OSError:
        pass  # whoever wanted to know has gone


def answer(
    question: dict[str, Any], settings: settings_.Settings, gate: Any
) -> dict[str, Any]:
    """Return what is asked for, or ``trouble``: why that cannot be told.

    :param question: see ``serve()``
    :param settings: the options of this process
    :param gate: see ``serve()``
    """
    arguments = dict(question)
    kind = arguments.pop('kind', None)
    if kind not in KINDS:
        return {
            'trouble': f'it cannot be asked for {kind}: restart the '
            f'service with the osdbg that you ask it by'
        }
    try:
        # A child that is forked in the midst of an import waits for its end
        # for ever, if it imports the same.
        with gate:
            module = importlib.import_module(f'{__name__}.{kind}')
        told: dict[str, Any] = module.look(settings, **arguments)
        return told
    except Exception as exc:
        return {'trouble': f'it cannot tell: {exc!r}: please report it'}


def _encode(told: dict[str, Any]) -> bytes:
    try:
        data = payload.encode(told)
    except (TypeError, ValueError) as exc:
        data = payload.encode({'trouble': f'it cannot say it: {exc!r}'})
    if len(data) > MAX_ANSWER:
        data = payload.encode(
            {
                'trouble': f'its answer of {len(data)} bytes '
                f'is too long: ask for less'
            }
        )
    return data

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

"""The questions of commands to workers, and the answers to them.

An answer may be long and comes over a connection of its own. It is passed on
as fast as the command reads it, and not kept. The worker is told first whether
the command still waits for it: one that was stopped may find many questions.
"""

from __future__ import annotations

import asyncio
from typing import Any

from osdbg.gateway import peers
from osdbg.gateway import protocol
from osdbg.gateway.worker import Worker

_CHUNK = 64 * 1024
# Several may wait for a worker that is stopped, and cut nothing off.
_MAX_QUESTION = 8 * 1024
# How long a worker may take to begin, and to end.
_BEGIN_SECONDS = 5.0
_END_SECONDS = 10.0


class Looks:
    """The questions that have not been answered yet."""

    def __init__(self) -> None:
        self._asked: dict[str, _Look] = {}
        self._count = 0

    async def ask(
        self,
        worker: Worker,
        question: dict[str, Any],
        writer: asyncio.StreamWriter,
    ) -> None:
        """Have a worker answer a command.

        :param worker: who is asked
        :param question: what: see ``osdbg.inspection``
        :param writer: to the command, which is told nothing if no answer
            comes in time
        :raises: ValueError if the question is too long
        """
        if len(protocol.encode(question)) > _MAX_QUESTION:
            raise ValueError('a question is too long')
        self._count += 1
        ticket = f'{worker.id}-look-{self._count}'
        look = self._asked[ticket] = _Look(worker, writer)
        try:
            worker.send(look=[ticket, question])
            question.clear()  # whoever waits for long keeps nothing long
            await asyncio.wait_for(look.begun.wait(), _BEGIN_SECONDS)
            await asyncio.wait_for(look.ended.wait(), _END_SECONDS)
        except asyncio.TimeoutError:
            writer.transport.abort()  # it has stopped reading, perhaps
            raise
        finally:
            del self._asked[ticket]

    async def answer(
        self,
        ticket: str,
        peer: peers.Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Pass on the answer of a worker.

        :param ticket: which question it answers
        :param peer: the process that does
        :param writer: to it
        """
        look = self._asked.get(ticket)
        # As with a debugger: it is the process that has said hello, or none.
        if (
            look is None
            or look.begun.is_set()
            or not look.worker.is_process(peer)
        ):
            return
        look.begun.set()
        writer.write(b'\n')
        try:
            while data := await reader.read(_CHUNK):
                look.writer.write(data)
                await look.writer.drain()
        finally:
            look.ended.set()


class _Look:
    """One question."""

    def __init__(self, worker: Worker, writer: asyncio.StreamWriter) -> None:
        self.worker = worker
        self.writer = writer
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

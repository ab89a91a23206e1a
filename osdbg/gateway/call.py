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

"""A connection to an IDE that listens, on behalf of one worker."""

from __future__ import annotations

import abc
import asyncio
import logging
import re
from typing import Any

from osdbg.gateway import bounds
from osdbg.gateway.debugger import LoadFailed
from osdbg.gateway.guard import Client
from osdbg.gateway import peers
from osdbg.gateway.peers import Peer
from osdbg.gateway.worker import Worker

# IDEs speak at once; whoever accepts and says nothing is none, or is stuck.
_SILENCE_SECONDS = 10.0
# By then it has said which version it has, and that is a short line.
_MAX_FIRST = 4 * 1024
_CHUNK = 64 * 1024
# A line of pydevd's protocol: the command, its number in sequence, the rest.
_PYDEVD_LINE = re.compile(rb'\d+\t-?\d+\t')


class Call(abc.ABC):
    """One worker and the IDE that has taken its call."""

    def __init__(
        self,
        worker: Worker,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Take a connection that was just made; ``run`` serves it.

        :param worker: for whom it is
        :param reader: what the IDE writes
        :param writer: what it reads
        """
        self.worker = worker
        self.reader = reader
        self.writer = writer
        self.answered = False
        """Whether an IDE has answered: then it is called for the others."""
        self.attached = False
        """Whether an IDE has ever been attached."""
        self.why = ''
        """Why none has, as far as is known."""
        self._settled = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None

    async def settled(self) -> None:
        """Wait until it is known whether an IDE has answered."""
        await self._settled.wait()

    def answer(self) -> None:
        """Note that it is an IDE that has answered."""
        self.answered = True
        self._settled.set()

    async def run(self) -> None:
        """Serve the IDE until it leaves, or the worker does."""
        self._task = asyncio.ensure_future(self._talk())
        try:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()
        except (LoadFailed, OSError, asyncio.TimeoutError):
            pass  # the worker says why in its log; it is called again
        finally:
            self._task.cancel()
            self._settled.set()
            self.worker.detach()
            bounds.close(self.writer)

    @abc.abstractmethod
    async def _talk(self) -> None:
        """Load the debugger once the IDE has spoken, and connect the two."""

    def _meet(self) -> Peer | None:
        """Find out who has taken the call, once that has said something.

        Before, the system may know of nobody: it takes calls for a program.

        :returns: None if it is nobody who may debug this worker
        """
        peer = peers.identify(self.writer.get_extra_info('socket'))
        # The service's own options name that host.
        if peer.is_remote or self.worker.guard.admits(peer):
            return peer
        self.worker.guard.log(
            'refused',
            {'uid': peer.uid, 'address': peer.address},
            logging.WARNING,
            reason='another user listens where the IDE should',
        )
        self.why = (
            f'user {peer.uid} listens there, who is neither root nor the '
            f'user of this service: [remote_debug] allowed_users may name it'
        )
        return None

    async def _attach(self, client: Client) -> None:
        """Tell the worker as soon as a breakpoint would stop."""
        await self.worker.debugger.tracing()
        if self.worker.debugger.loading:
            self.attached = True
            await self.worker.attach(client)

    def end(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()

    # What groups and the control socket ask of whoever serves a worker.

    def link_lost(self, link: Any) -> None:
        """Note that the debugger in the worker is gone."""
        self.end()

    def worker_lost(self, over: bool = False, what: str = 'is gone') -> None:
        """Note that the worker is gone.

        :param over: whether it was the last, and nobody will follow
        :param what: has become of it
        """
        self.end()


class Link:
    """A debugger in a worker that speaks what the gateway does not parse."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take the debugger's connection.

        :param reader: what the debugger writes
        :param writer: what it reads
        """
        self.reader = reader
        self.writer = writer
        self._closed = asyncio.Event()

    async def run(self) -> None:
        """Wait until the connection is closed; others read from it."""
        await self._closed.wait()

    def close(self) -> None:
        """Close the connection once all is sent."""
        bounds.close(self.writer)
        self._closed.set()


class LineCall(Call):
    """An IDE that speaks pydevd's own protocol, as PyCharm and PyDev do."""

    _first = b''

    async def _talk(self) -> None:
        self.why = 'it hangs up at once'
        try:
            await asyncio.wait_for(self._listen(), _SILENCE_SECONDS)
        except asyncio.TimeoutError:
            self.why = f'it says nothing in {_SILENCE_SECONDS:g} s'
        line, newline, _ = self._first.partition(b'\n')
        if not newline or not _PYDEVD_LINE.match(line):
            if self._first:
                self.why = "it does not speak pydevd's protocol"
            return
        self.why = ''
        peer = self._meet()
        if peer is None:
            return
        self.answer()
        client = await peers.describe(peer)
        self.why = await self.worker.guard.ask(client)
        if self.why or not self.worker.opened:
            return
        link: Link = await self.worker.debugger.loaded()
        link.writer.write(self._first)
        attaching = asyncio.ensure_future(self._attach(client))
        pumps = [
            asyncio.ensure_future(_pump(self.reader, link.writer)),
            asyncio.ensure_future(_pump(link.reader, self.writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (attaching, *pumps):
                task.cancel()
            link.close()

    async def _listen(self) -> None:
        """Read the first line, or as much as shows that it is none."""
        while b'\n' not in self._first and len(self._first) < _MAX_FIRST:
            data = await self.reader.read(_MAX_FIRST)
            if not data:
                return
            self._first += data


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # cut off, which is an end as any other

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

"""One side of a prompt: a thread that has stopped, or a terminal.

Nobody may get a browser to send what is run by the service: a web page can
have any text posted to a port of this host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
import contextlib
import re
import time

from osdbg.gateway import bounds
from osdbg.gateway.guard import Guard
from osdbg.gateway.peers import Peer

_CHUNK = 16 * 1024
_MAX_EARLY = 64 * 1024
_REQUEST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]+\S.*[ \t]HTTP/\d")
_TLS = b'\x16\x03'


class Side:
    """A thread that has stopped, or a terminal."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        title: str = '',
        guards: Collection[Guard] = (),
        who: Peer | None = None,
    ) -> None:
        self.title = title
        self.who = who
        self._guards = frozenset(guards)
        self.since = time.monotonic()
        self.gone = False
        self.part()
        self._reader = reader
        self._writer = writer
        self._early = b''
        # One with a title is trusted: it came over the control socket.
        self._examined = bool(title)

    @property
    def has_spoken(self) -> bool:
        """Whether it has said anything while it waited."""
        return bool(self._early)

    def suits(self, prompt: Side) -> bool:
        """Tell whether a terminal wants this thread, and may have it."""
        if self._guards and self._guards.isdisjoint(prompt._guards):
            return False
        return self.who is not None and all(
            guard.admits(self.who) for guard in prompt._guards
        )

    def part(self) -> None:
        """Have no peer, or none any more."""
        loop = asyncio.get_running_loop()
        self.peer: Side | None = None
        self.paired: asyncio.Future[None] = loop.create_future()
        # Nobody else reads from it any more.
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def has_ended(self) -> bool:
        """Tell whether it is known already that it has gone."""
        reader = self._reader
        self.gone = bool(self.gone or reader.at_eof() or reader.exception())
        return self.gone

    def meet(self, peer: Side) -> None:
        self.peer = peer
        if not self.paired.done():
            self.paired.set_result(None)

    async def listen(self, seconds: float | None) -> None:
        """Keep what it says; return when it goes, or has said a line.

        :param seconds: how long, at the most, to wait for the first line;
            without one, go on after the line
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._listen(seconds is None), seconds)

    async def _listen(self, on: bool) -> None:
        while on or not self._examined:
            data = await self._read()
            if not data:
                self.gone = True
                return
            self._early += data
            self._examine()
            if self.gone:
                return
            if len(self._early) > _MAX_EARLY:
                # Enough: the rest stays where it is. Nobody types so much.
                await asyncio.get_running_loop().create_future()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_CHUNK)
        except OSError:
            return b''

    def _examine(self) -> None:
        """Take who speaks as a browser does for gone."""
        if self._examined:
            return
        line, newline, _ = self._early.partition(b'\n')
        if (
            line.startswith(_TLS)
            or b'\0' in line
            or _REQUEST.match(line)
            or (not newline and len(line) > _MAX_EARLY)
        ):
            self.gone = True
        elif newline:
            self._examined = True

    async def hear(self) -> bytes:
        """Return what comes next, nothing at the end."""
        while True:
            if self._examined and self._early:
                data, self._early = self._early, b''
                return data
            if self.gone:
                break
            data = await self._read()
            if not data:
                break
            self._early += data
            self._examine()
        # A last line without a newline is none that pdb would have run.
        return b''

    def send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    def say(self, line: str) -> None:
        """Tell a terminal something."""
        self.send(f'{line}\r\n'.encode())

    async def drain(self) -> None:
        await self._writer.drain()

    def end_input(self) -> None:
        with contextlib.suppress(OSError, NotImplementedError):
            self._writer.write_eof()

    def close(self) -> None:
        """Close it, once all it was told has arrived."""
        bounds.close(self._writer)

    def end(self) -> None:
        """Close it, and let go who waits for the end of its session."""
        self.close()
        if not self.ended.done():
            self.ended.set_result(None)

    def hang_up(self) -> None:
        self.gone = True
        self.close()
        if not self.paired.done():
            self.paired.cancel()

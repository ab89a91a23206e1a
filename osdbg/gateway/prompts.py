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

"""Threads that have stopped, and terminals, brought together.

A thread that comes to a breakpoint waits here for a terminal, a terminal for
a thread, perhaps of one worker; whoever has waited longest goes first. Then
bytes are passed on until either of them closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
import contextlib
import json
import time
from typing import Any

from osdbg.gateway.guard import Guard
from osdbg.gateway import peers
from osdbg.gateway.peers import Peer
from osdbg.gateway.side import Side

_MAX_CLIENTS = 16
# A browser speaks at once, a person at a prompt does not; whoever has said
# nothing for so long is taken for a person, and watched until the first line.
_SUSPECT_SECONDS = 0.2
_GO = b'{"go": true}\n'


class Prompts:
    """The prompts and the terminals of one port."""

    def __init__(self, name: str = 'this service') -> None:
        """Begin without any.

        :param name: what is told to who comes before a breakpoint is hit
        """
        self.name = name
        self._prompts: list[Side] = []
        self._clients: list[Side] = []
        self._sessions: set[asyncio.Future[bool]] = set()
        self._suspects: list[Side] = []

    @property
    def is_used(self) -> bool:
        """Whether anybody is there."""
        return bool(self._clients or self._suspects or self._sessions)

    async def serve_prompt(
        self,
        guard: Guard,
        title: str,
        seconds: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a thread that has stopped, until it goes on.

        :param guard: of its worker
        :param title: says which one it is, to the terminal
        :param seconds: how long it waits for a terminal; 0 for ever
        :param reader: what pdb says
        :param writer: where pdb is told what to do, once there is somebody
        """
        prompt = Side(reader, writer, title, {guard})
        end = time.monotonic() + seconds if seconds else None
        try:
            while not (guard.over or prompt.has_ended()):
                await self._wait(prompt, self._prompts, end)
                if prompt.peer is None:
                    break
                if await self._talk(guard, prompt, prompt.peer):
                    return
                prompt.part()  # that one may not come; it waits for the next
            if not prompt.gone:
                why = f'nobody came in {seconds:g} s'
                prompt.send(json.dumps({'refused': why}).encode() + b'\n')
        finally:
            prompt.close()

    async def serve_client(
        self,
        peer: Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a terminal, until it goes or is let go.

        :param peer: who has come
        :param reader: what is typed there
        :param writer: what is shown there
        """
        client = Side(reader, writer, who=peer)
        try:
            if await self._examine(client):
                await self._serve(client, self.name)
        finally:
            client.close()

    async def serve_user(
        self,
        peer: Peer,
        guards: Collection[Guard],
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a terminal whose user is known, and whom it wants.

        :param peer: who has come
        :param guards: of the workers that will do
        :param name: what they are called, if none has a prompt yet
        :param reader: what is typed there
        :param writer: what is shown there
        """
        client = Side(reader, writer, name, guards, peer)
        try:
            await self._serve(client, name)
        finally:
            client.close()

    async def _serve(self, client: Side, name: str) -> None:
        if not any(client.suits(prompt) for prompt in self._prompts):
            client.say(
                f'osdbg: no breakpoint has been reached yet in {name}; you '
                f'will have a prompt when one is'
            )
        await self._wait(client, self._clients)
        if client.peer is not None:
            await client.ended

    def close(self) -> None:
        """End everything that is there."""
        for side in (*self._prompts, *self._clients, *self._suspects):
            side.hang_up()
        for session in list(self._sessions):
            session.cancel()

    async def _examine(self, client: Side) -> bool:
        """Tell whether it may be a terminal, by its first words if any."""
        self._make_room()
        self._suspects.append(client)
        try:
            await client.listen(_SUSPECT_SECONDS)
        finally:
            if client in self._suspects:
                self._suspects.remove(client)
        return not client.gone

    def _make_room(self) -> None:
        """Let the oldest go, if there are too many.

        Of those where nothing was typed, if there are any. Otherwise anybody
        who connects and stays would keep out whoever has come to debug.
        """
        waiting = [*self._clients, *self._suspects]
        if len(waiting) < _MAX_CLIENTS:
            return
        silent = (client for client in waiting if not client.has_spoken)
        client = next(silent, waiting[0])
        for queue in (self._clients, self._suspects):
            if client in queue:
                queue.remove(client)
        client.say(
            'osdbg: too many terminals are waiting here, and this one has '
            'waited longest: connect again'
        )
        client.hang_up()

    async def _wait(
        self, side: Side, queue: list[Side], end: float | None = None
    ) -> None:
        """Wait for a peer; return also when it has gone, or time is over.

        :param end: when that is, by the monotonic clock
        """
        if end is not None and time.monotonic() > end:
            return
        # Who was here before goes first.
        queue.append(side)
        queue.sort(key=lambda each: each.since)
        self._pair()
        if side.peer is not None:
            side.ready.set_result(None)
            return
        listening = asyncio.ensure_future(side.listen(None))
        try:
            await asyncio.wait(
                {side.paired, listening},
                timeout=None if end is None else end - time.monotonic(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            await _cancel(listening)
            if side in queue:
                queue.remove(side)
            side.ready.set_result(None)

    def _pair(self) -> None:
        for client in list(self._clients):
            prompt = next(filter(client.suits, self._prompts), None)
            if prompt is not None:
                self._prompts.remove(prompt)
                self._clients.remove(client)
                prompt.meet(client)
                client.meet(prompt)

    async def _talk(self, guard: Guard, prompt: Side, client: Side) -> bool:
        """Pass bytes on until either closes; what was said still arrives.

        A terminal that has only ended its input (``echo c | nc``) is heard
        and answered to the end.

        :returns: False if the service does not want this client
        """
        session = asyncio.ensure_future(_admit(guard, prompt, client))
        self._sessions.add(session)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({session})
                return session.cancelled() or session.result()
            return True
        finally:
            await _cancel(session)
            self._sessions.discard(session)
            client.end()


async def _admit(guard: Guard, prompt: Side, client: Side) -> bool:
    """Let the two talk, unless the service does not want this client."""
    # Another waits for it, too.
    await asyncio.shield(client.ready)
    assert client.who is not None  # noqa: S101
    known = await peers.describe(client.who)
    veto = await guard.ask(known)
    if veto:
        client.say(f'osdbg: {veto}')
        return False
    guard.joined(known)
    try:
        await _shovel(prompt, client)
    finally:
        guard.left(known)
    return True


async def _shovel(prompt: Side, client: Side) -> None:
    prompt.send(_GO)
    client.say(f'osdbg: {prompt.title}')
    typed = asyncio.ensure_future(_pass_on(client, prompt))
    try:
        await _pass_on(prompt, client)
    finally:
        await _cancel(typed)


async def _pass_on(source: Side, target: Side) -> None:
    with contextlib.suppress(OSError):
        while True:
            data = await source.hear()
            if not data:
                break
            target.send(data)
            await target.drain()
    target.end_input()


async def _cancel(task: asyncio.Future[Any]) -> None:
    """Cancel a task of ours and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

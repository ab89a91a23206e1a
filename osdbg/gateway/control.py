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

"""The control socket: where agents say hello and debuggers join."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Any

from osdbg import exceptions
from osdbg.gateway import agent_messages
from osdbg.gateway import bounds
from osdbg.gateway.call import Link
from osdbg.gateway.commands import Commands
from osdbg.gateway import dap
from osdbg.gateway.fields import field
from osdbg.gateway.fields import place_of
from osdbg.gateway.fields import seconds_of
from osdbg.gateway.groups import Groups
from osdbg.gateway.looks import Looks
from osdbg.gateway.mishaps import Mishaps
from osdbg.gateway import peers
from osdbg.gateway.prompt_port import PromptPort
from osdbg.gateway import protocol
from osdbg.gateway.refusals import Refusals
from osdbg.gateway import stops
from osdbg.gateway.worker import Worker
from osdbg.gateway.workers import Workers

_HELLO_SECONDS = 10.0


class Gateway:
    """All ports and workers of one user on one host."""

    def __init__(
        self, listener: int, notice: str = '', for_all: bool = False
    ) -> None:
        """Take the listening control socket.

        :param listener: its file descriptor
        :param notice: what each service is to be warned of, if anything
        :param for_all: whether root runs it for all users, for good
        """
        self._notice = notice
        self._for_all = for_all
        self._warned: set[str] = set()
        self._listener = socket.socket(fileno=listener)
        self._groups = Groups()
        self._workers = Workers()
        self._commands = Commands(self._workers, self._groups)
        self._looks = Looks()
        self._mishaps = Mishaps(self._workers)
        self._refusals = Refusals()
        # By user: none of them takes the room of another.
        self._arrivals: dict[int, bounds.Crowd] = {}
        self._served: dict[asyncio.StreamWriter, int] = {}
        self._over = False

    async def run(self) -> None:
        """Serve until no process has been armed for the grace period.

        A client that stays on alone is let go then, but not while a service
        that is reloaded may come back to it.
        """
        self._listener.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._mishaps.report)
        server = await asyncio.start_unix_server(
            self._accept, sock=self._listener, limit=protocol.MAX_LINE
        )
        # Not by asyncio: it tries so many times a second, in vain, when there
        # are no descriptors left.
        self._listener.listen(bounds.BACKLOG)
        idle = 0.0
        step = min(0.5, protocol.GRACE / 2)
        try:
            while self._for_all or idle < protocol.GRACE:
                await asyncio.sleep(step)
                idle = 0.0 if self._is_used() else idle + step
                self._groups.forget()
        finally:
            # Who has connected already is not let in any more: he would be
            # told of a port that the next gateway cannot open yet.
            self._over = True
            server.close()

    def _is_used(self) -> bool:
        return bool(self._workers) or any(g.waits for g in self._groups)

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            peer = peers.identify(writer.get_extra_info('socket'))
            ours = self._for_all or peer.uid in (0, os.geteuid())
            if peer.uid is None or not ours:
                writer.transport.abort()
                workers = list(self._workers.values())
                await self._refusals.note(peer, workers)
                return
            message = await self._first(peer.uid, reader, writer)
            if message is not None and not self._over:
                await self._serve(message, peer, reader, writer)
        except (
            exceptions.GatewayUnavailable,
            asyncio.TimeoutError,
            dap.ProtocolError,
            OSError,
            KeyError,
            TypeError,
            ValueError,
        ):
            pass  # it does not speak our language: it is let go
        finally:
            self._served.pop(writer, None)
            bounds.close(writer)

    async def _first(
        self,
        uid: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> dict[str, Any] | None:
        """Read what a connection is for; None if there is no room for it."""
        crowd = self._arrivals.get(uid)
        if crowd is None:
            crowd = self._arrivals[uid] = bounds.Crowd(bounds.MAX_ARRIVALS)
        crowd.enter(writer, writer.transport.abort)
        try:
            message = await asyncio.wait_for(_receive(reader), _HELLO_SECONDS)
        finally:
            crowd.leave(writer)
        if list(self._served.values()).count(uid) >= bounds.MAX_SERVED:
            return None
        self._served[writer] = uid
        return message if message and len(message) == 1 else None

    async def _serve(
        self,
        message: dict[str, Any],
        peer: peers.Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a connection for what its first message says it is for."""
        if 'hello' in message and peer.uid is not None:
            hello = message.pop('hello')
            worker = Worker(hello, writer, peer.pid, peer.uid)
            if self._for_all and peer.uid and worker.takes_rights:
                return  # root's: its agent has a gateway of its own
            await self._serve_agent(worker, reader)
        elif 'join' in message:
            ticket = str(message['join'])
            await self._serve_link(ticket, peer, reader, writer)
        elif 'prompt' in message:
            prompt = field(message, 'prompt', dict)
            await self._serve_prompt(prompt, peer, reader, writer)
        elif 'terminal' in message:
            ids = field(message, 'terminal', list)
            await self._serve_terminal(ids, peer, reader, writer)
        elif 'look' in message:
            look = field(message, 'look', dict)
            worker = self._workers.visible_to(peer)[field(look, 'id', str)]
            question = field(look, 'question', dict)
            look.clear()  # see Looks.ask()
            await self._looks.ask(worker, question, writer)
        elif 'answer' in message:
            ticket = str(message['answer'])
            await self._looks.answer(ticket, peer, reader, writer)
        elif 'ask' in message:
            answer = await self._commands.answer(message['ask'], peer)
            writer.write(protocol.encode(answer))
            bounds.relieve(writer.transport)

    async def _serve_agent(
        self,
        worker: Worker,
        reader: asyncio.StreamReader,
    ) -> None:
        before = self._workers.get(worker.id)
        if before is not None and before.guard.uid != worker.guard.uid:
            return  # it is another user's
        group = self._groups.of(worker)
        self._workers[worker.id] = worker
        # It may be back because of that: at another port.
        worker.asked = self._commands.who_asked_for(worker.id)
        try:
            group.join(worker)
            if self._notice and worker.name not in self._warned:
                self._warned.add(worker.name)
                worker.log(logging.WARNING, self._notice)
            while True:
                message = await _receive(reader)
                if message is None:
                    break
                agent_messages.note(message, worker, group, self._workers)
        finally:
            # Its agent may be back before the end of this is noticed.
            if self._workers.get(worker.id) is worker:
                del self._workers[worker.id]
            group.leave(worker)

    async def _serve_link(
        self,
        ticket: str,
        peer: peers.Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        worker = self._workers.get(ticket.rpartition('-')[0])
        # The debugger is in the process that has said hello, or it is none.
        if worker is None or not worker.is_process(peer):
            return
        kind: Any = Link if worker.protocol == 'pydevd' else dap.Peer
        link = kind(reader, writer)
        if not worker.debugger.joined(ticket, link):
            return
        try:
            await link.run()
        except dap.ProtocolError as exc:
            worker.log(
                logging.WARNING, f'osdbg: its debugger is cut off: {exc}'
            )
            raise
        finally:
            if worker.session is not None:
                worker.session.link_lost(link)

    async def _serve_prompt(
        self,
        prompt: dict[str, Any],
        peer: peers.Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        where = place_of(prompt)
        seconds = seconds_of(prompt, 'seconds')
        if seconds is None:
            raise KeyError('seconds')
        worker = await self._workers.arrival(field(prompt, 'worker', str))
        if worker.guard.uid != peer.uid:
            return
        prompt.clear()  # whoever waits for long keeps nothing long
        group = self._groups.of(worker)
        if not isinstance(group, PromptPort):
            return
        rival = None
        if worker.one_stops:
            rival = stops.rival(worker, self._workers.values())
        if rival is not None:
            why = {'refused': stops.reason(rival)}
            writer.write(protocol.encode(why))
            return
        worker.stops.prompts += 1
        try:
            await group.prompt(worker, where, seconds, reader, writer)
        finally:
            worker.stops.prompts -= 1

    async def _serve_terminal(
        self,
        ids: list[str],
        peer: peers.Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a terminal of our user's, for some workers of one port."""
        visible = self._workers.visible_to(peer)
        workers = [visible[i] for i in ids if i in visible]
        ids.clear()  # whoever waits for long keeps nothing long
        groups = {self._groups.of(worker) for worker in workers}
        if len(groups) == 1:
            group = groups.pop()
            if isinstance(group, PromptPort):
                await group.terminal(workers, peer, reader, writer)


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one line of the control protocol; None at the end.

    :raises: ValueError, TooSlow
    """
    line = await reader.read(1)
    if line not in b'\n':
        with bounds.in_time(reader, bounds.MESSAGE_SECONDS):
            line += await reader.readline()
    return protocol.decode(line) if line.endswith(b'\n') else None

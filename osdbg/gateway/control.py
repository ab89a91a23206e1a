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
import errno
import logging
import os
import socket
from typing import Any

from osdbg import exceptions
from osdbg.gateway import bounds
from osdbg.gateway.call import Link
from osdbg.gateway import dap
from osdbg.gateway.fields import field
from osdbg.gateway.fields import port_of
from osdbg.gateway.fields import seconds_of
from osdbg.gateway.group import Group
from osdbg.gateway.groups import Groups
from osdbg.gateway.guard import Client
from osdbg.gateway.looks import Looks
from osdbg.gateway import peers
from osdbg.gateway.prompt_port import PromptPort
from osdbg.gateway import protocol
from osdbg.gateway.refusals import Refusals
from osdbg.gateway import stops
from osdbg.gateway import words
from osdbg.gateway.worker import Worker

_HELLO_SECONDS = 10.0
_MAX_REPORTS = 100
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
# How long an agent may take to be back, when the gateway is another.
_RETURN_SECONDS = 3.0
_LOOK_SECONDS = 0.02
# How long a command waits until its wish has come true.
_OPEN_SECONDS = 2.0
# Of the file and line where a thread has stopped.
_MAX_PLACE = 200


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
        self._workers: dict[str, Worker] = {}
        self._reported: set[str] = set()
        self._refusals = Refusals()
        # Who has asked for which to be opened: it may say hello meanwhile.
        self._asked: dict[str, Client] = {}
        self._looks = Looks()
        # By user: none of them takes the room of another.
        self._arrivals: dict[int, bounds.Crowd] = {}
        self._served: dict[asyncio.StreamWriter, int] = {}

    async def run(self) -> None:
        """Serve until no process has been armed for the grace period.

        A client that stays on alone is let go then.
        """
        self._listener.setblocking(False)
        asyncio.get_running_loop().set_exception_handler(self._report)
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
                idle = 0.0 if self._workers else idle + step
                self._groups.forget()
        finally:
            server.close()

    def _report(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Have trouble of the gateway show in the log of a service, once."""
        error = context.get('exception')
        what = repr(error or context.get('message'))
        if what in self._reported or len(self._reported) >= _MAX_REPORTS:
            return
        self._reported.add(what)
        line = f'stumbled ({what}) and goes on; {_advice(error)}'
        if getattr(error, 'errno', None) in _EXHAUSTED:
            line = f'has no descriptor left and goes on; {_advice(error)}'
        workers = list(self._workers.values())
        # It may be about any of them.
        own = [w for w in workers if w.guard.uid == os.geteuid()]
        for worker in own[:1]:
            worker.log(logging.WARNING, f'the osdbg gateway {line}')

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
            if message and 'hello' in message:
                hello = message.pop('hello')
                worker = Worker(hello, writer, peer.pid, peer.uid)
                if self._for_all and peer.uid and worker.takes_rights:
                    return  # root's: its agent has a gateway of its own
                await self._serve_agent(worker, reader)
            elif message and 'join' in message:
                ticket = str(message['join'])
                await self._serve_link(ticket, peer, reader, writer)
            elif message and 'prompt' in message:
                prompt = field(message, 'prompt', dict)
                await self._serve_prompt(prompt, peer, reader, writer)
            elif message and 'terminal' in message:
                ids = field(message, 'terminal', list)
                await self._serve_terminal(ids, peer, reader, writer)
            elif message and 'look' in message:
                look = field(message, 'look', dict)
                worker = self._visible(peer)[field(look, 'id', str)]
                question = field(look, 'question', dict)
                look.clear()  # see Looks.ask()
                await self._looks.ask(worker, question, writer)
            elif message and 'answer' in message:
                ticket = str(message['answer'])
                await self._looks.answer(ticket, peer, reader, writer)
            elif message and 'ask' in message:
                answer = await self._answer(message['ask'], peer)
                writer.write(protocol.encode(answer))
                bounds.relieve(writer.transport)
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
        worker.asked = self._asked.get(worker.id, {})
        try:
            group.join(worker)
            if self._notice and worker.name not in self._warned:
                self._warned.add(worker.name)
                worker.log(logging.WARNING, self._notice)
            while True:
                message = await _receive(reader)
                if message is None:
                    break
                self._note(worker, group, message)
        finally:
            # Its agent may be back before the end of this is noticed.
            if self._workers.get(worker.id) is worker:
                del self._workers[worker.id]
            group.leave(worker)

    def _note(
        self, worker: Worker, group: Group, message: dict[str, Any]
    ) -> None:
        if 'forked' in message:
            worker.expect_child()
            group.review()
        elif 'launching' in message:
            group.launch(worker)
        elif 'open' in message:
            opened, left = bool(message['open']), seconds_of(message, 'left')
            # What has expired was closed then, and that was told.
            if opened or worker.opened:
                group.switch(worker, opened, left)
        elif 'loaded' in message:
            version = str(message.get('version'))
            worker.traces(str(message['loaded']), version)
        elif 'attached' in message:
            worker.knows()
        elif 'admitted' in message:
            worker.guard.answered(message['admitted'], message.get('veto'))
        elif 'failed' in message:
            reason = str(message.get('reason'))
            worker.failed(str(message['failed']), reason)
        else:
            self._note_stop(worker, message)

    def _note_stop(self, worker: Worker, message: dict[str, Any]) -> None:
        if 'stopped' in message:
            stopped = field(message, 'stopped', dict)
            along = field(stopped, 'along', bool)
            worker.stops.enter(*_place(stopped), along)
        elif 'resumed' in message:
            resumed = field(message, 'resumed', dict)
            numbers = field(resumed, 'n', list)
            worker.stops.leave(numbers, field(resumed, 'stepping', bool))
        elif 'stopping' in message:
            place = _place(field(message, 'stopping', dict))
            worker.stops.decide(*place, self._workers.values())

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
        if not worker.joined(ticket, link):
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
        where = words.quote(field(prompt, 'where', str), _MAX_PLACE)
        seconds = seconds_of(prompt, 'seconds')
        if seconds is None:
            raise KeyError('seconds')
        worker = await self._known(field(prompt, 'worker', str))
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
        visible = self._visible(peer)
        workers = [visible[i] for i in ids if i in visible]
        ids.clear()  # whoever waits for long keeps nothing long
        groups = {self._groups.of(worker) for worker in workers}
        if len(groups) == 1:
            group = groups.pop()
            if isinstance(group, PromptPort):
                await group.terminal(workers, peer, reader, writer)

    def _visible(self, peer: peers.Peer) -> dict[str, Worker]:
        """Return the workers that a user of this host may know of."""
        return {
            worker.id: worker
            for worker in self._workers.values()
            if peer.uid in (0, worker.guard.uid)
        }

    async def _known(self, worker_id: str) -> Worker:
        """Return a worker; after a restart of ours, it may be on its way.

        :raises: KeyError
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _RETURN_SECONDS
        while worker_id not in self._workers and loop.time() < end:
            await asyncio.sleep(_LOOK_SECONDS)
        return self._workers[worker_id]

    async def _answer(
        self, question: dict[str, Any], peer: peers.Peer
    ) -> dict[str, Any]:
        """Answer a command of the user, after doing what it asks for.

        :param question: ``open``, if the workers of these ids are to be
            opened or closed; ``seconds``, if not for as long as their
            options say; ``port``, if not where they are
        :param peer: who asks
        :returns: all processes there are
        :raises: KeyError, TypeError, ValueError if it is something else
        """
        if not isinstance(question, dict):
            raise TypeError(f'a question is {question!r}')
        if question:
            ids = field(question, 'ids', list)
            order = {
                'open': field(question, 'open', bool),
                'seconds': seconds_of(question, 'seconds'),
                'port': port_of(question, 'port'),
            }
            asked = await peers.describe(peer)
            visible = self._visible(peer)
            meant = [i for i in ids if i in visible]
            await self._order(meant, order, asked)
        return {
            'processes': [
                self._describe(worker)
                for worker in self._visible(peer).values()
            ]
        }

    async def _order(
        self, ids: list[str], order: dict[str, Any], asked: Client
    ) -> None:
        """Have workers opened or closed, and wait a while until they are.

        One that is moved to another port says hello once more.
        """
        for worker_id in ids:
            self._asked[worker_id] = self._workers[worker_id].asked = asked
            self._workers[worker_id].send(**order)
        # Until their agents have, and the port is known that they have got.
        loop = asyncio.get_running_loop()
        end = loop.time() + _OPEN_SECONDS
        while loop.time() < end and not all(
            self._has_obeyed(worker_id, order) for worker_id in ids
        ):
            await asyncio.sleep(_LOOK_SECONDS)
        for worker_id in ids:
            self._asked.pop(worker_id, None)
            if worker_id in self._workers:
                self._workers[worker_id].asked = {}

    def _has_obeyed(self, worker_id: str, order: dict[str, Any]) -> bool:
        worker = self._workers.get(worker_id)
        if worker is None or worker.opened != order['open']:
            return False
        if worker.opened and worker.asked:
            return False
        if order['port'] not in (None, worker.port) and not worker.attached:
            return False
        return self._groups.of(worker).known

    def _describe(self, worker: Worker) -> dict[str, Any]:
        group = self._groups.of(worker)
        return {
            **worker.describe(),
            'port': group.public_number,
            'trouble': group.trouble,
        }


def _place(stop: dict[str, Any]) -> tuple[int, str]:
    """Return the number of a stop, and where it is, as it may be shown."""
    where = words.quote(field(stop, 'where', str), _MAX_PLACE)
    return field(stop, 'n', int), where


def _advice(error: object) -> str:
    """Tell what to do about an exception that nobody has caught."""
    if isinstance(error, MemoryError):
        return f'see what limits the memory of process {os.getpid()}'
    if getattr(error, 'errno', None) in _EXHAUSTED:
        return (
            f'type: prlimit --pid {os.getpid()} --nofile=4096, and set '
            f'LimitNOFILE= in the unit of the service'
        )
    return 'please report it'


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one line of the control protocol; None at the end.

    :raises: ValueError, TooSlow
    """
    line = await reader.read(1)
    if line not in b'\n':
        with bounds.in_time(reader, bounds.MESSAGE_SECONDS):
            line += await reader.readline()
    return protocol.decode(line) if line.endswith(b'\n') else None

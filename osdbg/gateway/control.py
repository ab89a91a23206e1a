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
import socket
from typing import Any

from osdbg import exceptions
from osdbg.gateway import bounds
from osdbg.gateway.call import Link
from osdbg.gateway import dap
from osdbg.gateway.dialer import Dialer
from osdbg.gateway.group import Group
from osdbg.gateway.port import Port
from osdbg.gateway.prompt_port import PromptPort
from osdbg.gateway import protocol
from osdbg.gateway import words
from osdbg.gateway.worker import field
from osdbg.gateway.worker import Worker
from osdbg import settings as settings_

_HELLO_SECONDS = 10.0
_MAX_REPORTS = 100
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
# The longest time that a thread may wait: a year.
_LONGEST = 365 * 24 * 3600
# How long an agent may take to be back, when the gateway is another.
_RETURN_SECONDS = 3.0
_LOOK_SECONDS = 0.02
# How long a command waits until its wish has come true.
_OPEN_SECONDS = 1.0
# Of the file and line where a thread has stopped.
_MAX_PLACE = 200
# By what the debuggers of its workers speak.
_KINDS: dict[str, type[Group]] = {
    'dap': Port,
    'pdb': PromptPort,
    'pydevd': Dialer,
}


class Gateway:
    """All ports and workers of one user on one host."""

    def __init__(self, listener: int) -> None:
        """Take the listening control socket.

        :param listener: its file descriptor
        """
        self._listener = socket.socket(fileno=listener)
        self._groups: dict[tuple[type[Group], str, str, int], Group] = {}
        self._workers: dict[str, Worker] = {}
        self._reported: set[str] = set()
        self._arrivals = bounds.Crowd(bounds.MAX_ARRIVALS)
        self._served: set[asyncio.StreamWriter] = set()

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
        while idle < protocol.GRACE:
            await asyncio.sleep(step)
            idle = 0.0 if self._workers else idle + step
        server.close()

    def _report(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Have a bug of ours show in the log of a service, once."""
        found = context.get('exception')
        what = repr(found or context.get('message'))
        if what in self._reported or len(self._reported) >= _MAX_REPORTS:
            return
        self._reported.add(what)
        line = f'stumbled ({what}) and goes on; please report it'
        if isinstance(found, OSError) and found.errno in _EXHAUSTED:
            line = (
                f'takes no connection for a second ({found.strerror}): raise '
                f'the limit of open files of the service (ulimit -n, or '
                f'LimitNOFILE= in its unit)'
            )
        for worker in list(self._workers.values())[:1]:
            worker.log(logging.WARNING, f'the osdbg gateway {line}')

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            pid = protocol.check_peer(writer.get_extra_info('socket'))
            message = await self._first(reader, writer)
            if message and 'hello' in message:
                worker = Worker(message.pop('hello'), writer, pid)
                await self._serve_agent(worker, reader)
            elif message and 'join' in message:
                await self._serve_link(str(message['join']), reader, writer)
            elif message and 'prompt' in message:
                prompt = field(message, 'prompt', dict)
                await self._serve_prompt(prompt, reader, writer)
            elif message and 'terminal' in message:
                ids = field(message, 'terminal', list)
                await self._serve_terminal(ids, reader, writer)
            elif message and 'ask' in message:
                answer = await self._answer(message['ask'])
                writer.write(protocol.encode(answer))
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
            self._served.discard(writer)
            bounds.close(writer)

    async def _first(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, Any] | None:
        """Read what a connection is for; None if there is no room for it."""
        self._arrivals.enter(writer, writer.transport.abort)
        try:
            message = await asyncio.wait_for(_receive(reader), _HELLO_SECONDS)
        finally:
            self._arrivals.leave(writer)
        if len(self._served) >= bounds.MAX_SERVED:
            return None
        self._served.add(writer)
        return message if message and len(message) == 1 else None

    async def _serve_agent(
        self,
        worker: Worker,
        reader: asyncio.StreamReader,
    ) -> None:
        group = self._group(worker)
        self._workers[worker.id] = worker
        try:
            group.join(worker)
            while True:
                message = await _receive(reader)
                if message is None:
                    break
                self._note(worker, group, message)
        finally:
            # Its agent may be back before the end of this is noticed.
            if self._workers.get(worker.id) is worker:
                del self._workers[worker.id]
            # The group stays in the table: a client that it has just accepted
            # is not in its sessions yet, and would wait there for nobody.
            group.leave(worker)

    def _note(
        self, worker: Worker, group: Group, message: dict[str, Any]
    ) -> None:
        if 'forked' in message:
            worker.note_fork()
            group.review()
        elif 'launching' in message:
            group.launch(worker)
        elif 'open' in message:
            group.open(worker, bool(message['open']))
        elif 'loaded' in message:
            version = str(message.get('version'))
            worker.traces(str(message['loaded']), version)
        elif 'attached' in message:
            worker.knows()
        elif 'failed' in message:
            reason = str(message.get('reason'))
            worker.failed(str(message['failed']), reason)

    async def _serve_link(
        self,
        ticket: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        worker = self._workers.get(ticket.rpartition('-')[0])
        if worker is None:
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
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        where = words.quote(field(prompt, 'where', str), _MAX_PLACE)
        seconds = prompt['seconds']
        if type(seconds) not in (int, float) or not seconds >= 0:
            raise TypeError(f'seconds is {seconds!r}')
        worker = await self._known(field(prompt, 'worker', str))
        prompt.clear()  # whoever waits for long keeps nothing long
        group = self._group(worker)
        if isinstance(group, PromptPort):
            seconds = float(min(seconds, _LONGEST))
            await group.prompt(worker, where, seconds, reader, writer)

    async def _serve_terminal(
        self,
        ids: list[str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a terminal of our user's, for some workers of one port."""
        workers = [self._workers[i] for i in ids if i in self._workers]
        ids.clear()  # whoever waits for long keeps nothing long
        groups = {self._group(worker) for worker in workers}
        if len(groups) == 1:
            group = groups.pop()
            if isinstance(group, PromptPort):
                await group.terminal(workers, reader, writer)

    async def _known(self, worker_id: str) -> Worker:
        """Return a worker; after a restart of ours, it may be on its way.

        :raises: KeyError
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _RETURN_SECONDS
        while worker_id not in self._workers and loop.time() < end:
            await asyncio.sleep(_LOOK_SECONDS)
        return self._workers[worker_id]

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer a command of the user, after doing what it asks for.

        :param question: ``open``, if the workers of these ids are to be
            opened or closed
        :returns: all processes there are
        :raises: KeyError, TypeError if it is something else
        """
        if not isinstance(question, dict):
            raise TypeError(f'a question is {question!r}')
        ids, opened = [], False
        if question:
            ids, opened = field(question, 'ids', list), question['open']
        if not isinstance(opened, bool):
            raise TypeError(f'open is {opened!r}')
        meant = [self._workers[i] for i in ids if i in self._workers]
        for worker in meant:
            worker.send(open=opened)
        # Until their agents have, and the port is known that they have got.
        loop = asyncio.get_running_loop()
        end = loop.time() + _OPEN_SECONDS
        while loop.time() < end and not all(
            worker.opened == opened and self._group(worker).known
            for worker in meant
        ):
            await asyncio.sleep(_LOOK_SECONDS)
        return {
            'processes': [
                self._describe(worker) for worker in self._workers.values()
            ]
        }

    def _describe(self, worker: Worker) -> dict[str, Any]:
        group = self._group(worker)
        return {
            **worker.describe(),
            'port': group.public_number,
            'trouble': group.trouble,
        }

    def _group(self, worker: Worker) -> Group:
        # However loopback is spelled, it is one address.
        host = worker.host
        if settings_.is_loopback(host):
            host = 'loopback'
        kind: type[Group] = _KINDS[worker.protocol]
        if worker.dials:
            kind = Dialer
        key = (kind, worker.protocol, host, worker.port)
        if key not in self._groups:
            self._groups[key] = kind(worker.host, worker.port)
        return self._groups[key]


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one line of the control protocol; None at the end.

    :raises: ValueError, TooSlow
    """
    line = await reader.read(1)
    if line not in b'\n':
        with bounds.in_time(reader, bounds.MESSAGE_SECONDS):
            line += await reader.readline()
    return protocol.decode(line) if line.endswith(b'\n') else None

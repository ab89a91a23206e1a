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
import socket
from typing import Any

from osdbg import exceptions
from osdbg.gateway import dap
from osdbg.gateway.port import Port
from osdbg.gateway import protocol
from osdbg.gateway.worker import Worker
from osdbg import settings as settings_

_HELLO_SECONDS = 10.0


class Gateway:
    """All ports and workers of one user on one host."""

    def __init__(self, listener: int) -> None:
        """Take the listening control socket.

        :param listener: its file descriptor
        """
        self._listener = socket.socket(fileno=listener)
        self._ports: dict[tuple[str, int], Port] = {}
        self._workers: dict[str, Worker] = {}
        self._reported: set[str] = set()

    async def run(self) -> None:
        """Serve until no process has been armed for the grace period.

        A client that stays on alone is let go then.
        """
        self._listener.setblocking(False)
        asyncio.get_running_loop().set_exception_handler(self._report)
        server = await asyncio.start_unix_server(
            self._accept, sock=self._listener, limit=protocol.MAX_LINE
        )
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
        what = repr(context.get('exception') or context.get('message'))
        if what in self._reported:
            return
        self._reported.add(what)
        for worker in list(self._workers.values())[:1]:
            worker.log(
                logging.WARNING,
                f'the osdbg gateway stumbled ({what}) and goes on; please '
                f'report it',
            )

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            pid = protocol.check_peer(writer.get_extra_info('socket'))
            message = await asyncio.wait_for(_receive(reader), _HELLO_SECONDS)
            if message and 'hello' in message:
                worker = Worker(message['hello'], writer, pid)
                await self._serve_agent(worker, reader)
            elif message and 'join' in message:
                await self._serve_link(str(message['join']), reader, writer)
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
            writer.close()

    async def _serve_agent(
        self,
        worker: Worker,
        reader: asyncio.StreamReader,
    ) -> None:
        port = self._port(worker.host, worker.port)
        self._workers[worker.id] = worker
        try:
            port.join(worker)
            while True:
                message = await _receive(reader)
                if message is None:
                    break
                self._note(worker, port, message)
        finally:
            # Its agent may be back before the end of this is noticed.
            if self._workers.get(worker.id) is worker:
                del self._workers[worker.id]
            # The port stays in the table: a client that it has just accepted
            # is not in its sessions yet, and would wait there for nobody.
            port.leave(worker)

    def _note(
        self, worker: Worker, port: Port, message: dict[str, Any]
    ) -> None:
        if 'forked' in message:
            worker.note_fork()
            port.review()
        elif 'launching' in message:
            port.launch(worker)
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
        link = dap.Peer(reader, writer)
        if worker is None or not worker.joined(ticket, link):
            return
        try:
            await link.run()
        finally:
            if worker.session is not None:
                worker.session.link_lost(link)

    def _port(self, host: str, number: int) -> Port:
        # However loopback is spelled, it is one port.
        key = ('loopback' if settings_.is_loopback(host) else host, number)
        if key not in self._ports:
            self._ports[key] = Port(host, number)
        return self._ports[key]


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one line of the control protocol; None at the end."""
    line = await reader.readline()
    return protocol.decode(line) if line.endswith(b'\n') else None

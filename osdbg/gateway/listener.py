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

"""A public port: opened when it can be, and announced in the logs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
import errno
import logging
from typing import Any, TYPE_CHECKING, Union

from osdbg import addresses
from osdbg import exceptions
from osdbg.gateway import bounds
from osdbg.gateway import dap
from osdbg.gateway import holder
from osdbg.gateway import invitation as invitation_
from osdbg.gateway import peers
from osdbg.gateway.refusals import Refusals
from osdbg.gateway import tenants
from osdbg.gateway import tls
from osdbg.gateway import unix_socket

if TYPE_CHECKING:
    from osdbg.gateway.group import Group
    from osdbg.gateway.worker import Worker

_RETRY_SECONDS = 1.0
_LAST_PORT = 65535
# No name may look so; or no file, or what is in it.
_TROUBLES = (OSError, ValueError, exceptions.OsdbgError)

Accept = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter, peers.Peer], Awaitable[None]
]
_OwnServer = Union[asyncio.Server, tls.TlsServer, unix_socket.UnixServer]
_Server = Union[_OwnServer, tenants.Guest]


class Listener:
    """Listens for the workers of a group."""

    def __init__(
        self, group: Group, accept: Accept, invitation: str, spares: int = 0
    ) -> None:
        """Prepare to listen; ``open`` does it.

        :param group: whose address, and whose logs
        :param accept: serves a client
        :param invitation: what to log where it listens; see
            ``invitation.write()``
        :param spares: how many of the following ports will do as well
        """
        self.group = group
        self.guests: list[Listener] = []
        """The listeners of other users that share this port."""
        self._accept = accept
        self._invitation = invitation
        self._spares = spares
        self._server: _Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._moved = ''
        self._trouble = ''
        self._known = asyncio.Event()
        self._refusals = Refusals()
        self._noting: set[asyncio.Task[None]] = set()
        self._serving: set[Any] = set()
        self._told: dict[str, str] = {}
        self.number = group.number
        tenants.enter(self)

    @property
    def trouble(self) -> str:
        """Why it cannot listen, or does not yet, or nothing."""
        if not self.is_settled:
            return f'{self.address} is not open yet: osdbg ps says when it is'
        return self._trouble

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self.group.spell(self.number)

    def open(self) -> None:
        """Listen, now or as soon as the port is free."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())

    def open_anew(self) -> None:
        """Listen by itself: whose port this shared is gone."""
        self._server = self._opening = None
        self.open()

    @property
    def listens(self) -> bool:
        """Whether it has a port of its own."""
        server = self._server
        return server is not None and not isinstance(server, tenants.Guest)

    async def _open(self) -> None:
        known = ''
        while True:
            try:
                await self._listen_somewhere()
            except _TROUBLES as exc:
                # Finding the holder reads all of /proc: it is done once.
                if not self._trouble or str(exc) != known:
                    known = str(exc)
                    self._trouble = await self._why_not(exc)
                    self._known.set()
                    self.tell()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._trouble = ''
                self._known.set()
                self.tell()
                return

    async def _listen_somewhere(self) -> None:
        first = self.group.number
        last = min(first + self._spares, _LAST_PORT) if first else first
        for number in range(first, last + 1):
            self.number = number
            try:
                await self._listen()
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE or number == last:
                    raise
            else:
                break
        self._moved = ''
        if self.number != first:
            own = tenants.names(self, first)
            other = own or await holder.find(first)
            self._moved = f' ({other} has port {first})'

    async def _listen(self) -> None:
        # In two steps: whenever this is cancelled, close() has the server.
        try:
            self._server = server = await self._prepare()
            await server.start_serving()
        except OSError:
            if self._server is not None:
                self._server.close()
                self._server = None
            host = tenants.host(self, self.number)
            if host is None:
                raise
            self._server = tenants.Guest(host, self)

    async def _prepare(self) -> _OwnServer:
        host = self.group.host
        if addresses.is_unix(host):
            return unix_socket.UnixServer(self._let_in, host)
        if self.group.tls:
            return tls.TlsServer(
                self._let_in,
                lambda transport: self._admit(transport) is not None,
                host,
                self.number,
                self.group.tls,
                self._report,
            )
        return await asyncio.start_server(
            self._let_in,
            host,
            self.number,
            limit=dap.MAX_HEADER,
            backlog=bounds.BACKLOG,
            start_serving=False,
        )

    async def _let_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve a client that may come, and hang up on any other."""
        found = self._admit(writer)
        if found is None:
            writer.transport.abort()
            return
        listener, peer = found
        # asyncio does not keep it (github.com/python/cpython/issues/90467).
        task = asyncio.current_task()
        self._serving.add(task)
        try:
            await listener._accept(reader, writer, peer)
        finally:
            self._serving.discard(task)

    def _admit(self, connection: Any) -> tuple[Listener, peers.Peer] | None:
        """Find out who has come, before it is answered a byte.

        :param connection: its transport, or a writer
        :returns: whose workers it may come to, and who it is; None if none
        """
        try:
            peer = peers.identify(connection.get_extra_info('socket'))
        except OSError:
            return None  # it has gone again
        listener = tenants.choose(self, peer)
        if listener is not None:
            return listener, peer._replace(subject=tls.subject(connection))
        noting = asyncio.ensure_future(
            self._refusals.note(peer, list(self.group.workers))
        )
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)
        return None

    def _report(self, address: str, why: str) -> None:
        """Say in the services' logs who was not let in."""
        for worker in {w.name: w for w in self.group.workers}.values():
            worker.guard.log(
                'refused',
                {'address': address},
                logging.WARNING,
                reason=f'{why}: type osdbg bridge there, with a certificate '
                f'that tls_client_ca has signed',
            )

    async def _why_not(self, exc: Exception) -> str:
        self.number = self.group.number
        line = f'the debug port {self.address} cannot be opened: '
        if isinstance(exc, exceptions.OsdbgError):
            own = tenants.names(self, self.number)
            return line + (f'{own} has it already' if own else str(exc))
        code = getattr(exc, 'errno', None)
        reason = getattr(exc, 'strerror', None) or exc
        if code == errno.EACCES:
            return line + f'{reason}; set [remote_debug] port to 1024 or more'
        if code != errno.EADDRINUSE:
            return line + f'{reason}; correct [remote_debug] host'
        own = tenants.names(self, self.number)
        if own:
            return line + (
                f'{own} has it already through osdbg; set another '
                f'[remote_debug] port. It opens by itself once the port is '
                f'free'
            )
        other = await holder.find(self.number)
        return line + (
            f'{other} has it; stop that, or set another [remote_debug] port. '
            f'It opens by itself once the port is free'
        )

    def tell(self) -> None:
        """Say once in each service's log where to attach, or why not."""
        if not self._known.is_set():
            return
        for worker in self.group.workers:
            if not worker.opened:
                continue
            worker.tell_port(self._trouble)
            if self._told.get(worker.name) != self._trouble:
                self._told[worker.name] = self._trouble
                if self._trouble and not worker.required:
                    worker.log(logging.WARNING, self._trouble)
                elif not self._trouble:
                    self._invite(worker)

    def _invite(self, worker: Worker) -> None:
        line = invitation_.write(
            self._invitation, self.group, self.number, worker
        )
        worker.log(logging.INFO, f'osdbg: {line}{self._moved}')
        warning = invitation_.warn(self.group, self.number, worker)
        if warning:
            worker.log(logging.WARNING, f'osdbg: {warning}')

    def forget(self) -> None:
        """Tell a service anew, when it starts again, of which none is left."""
        names = {worker.name for worker in self.group.workers}
        for name in set(self._told) - names:
            del self._told[name]

    @property
    def is_settled(self) -> bool:
        """Whether it listens, or has tried, or was not told to."""
        return self._opening is None or self._known.is_set()

    async def known(self) -> str:
        """Wait until it is known whether it can listen.

        :returns: why it cannot, or nothing
        """
        await self._known.wait()
        return self._trouble

    def close(self) -> None:
        """Stop listening."""
        self._known.clear()
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._server is not None:
            self._server.close()
            self._server = None
        guests, self.guests = self.guests, []
        for guest in guests:
            guest.open_anew()
        self._trouble = ''
        self._told.clear()

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
from typing import Any, TYPE_CHECKING
import weakref

from osdbg.gateway import bounds
from osdbg.gateway import dap
from osdbg import settings

if TYPE_CHECKING:
    from osdbg.gateway.group import Group

_RETRY_SECONDS = 1.0
_LAST_PORT = 65535
_ANYWHERE = {'0.0.0.0', '::', ''}  # noqa: S104

Accept = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]
]


# All there are, for who wants a port that another has.
_LISTENERS: weakref.WeakSet[Listener] = weakref.WeakSet()


class Listener:
    """Listens for the workers of a group."""

    def __init__(
        self, group: Group, accept: Accept, invitation: str, spares: int = 0
    ) -> None:
        """Prepare to listen; ``open`` does it.

        :param group: whose address, and whose logs
        :param accept: serves a client
        :param invitation: what to log where it listens, about ``{name}`` and
            ``{address}``
        :param spares: how many of the following ports will do as well
        """
        self._group = group
        self._accept = accept
        self._invitation = invitation
        self._spares = spares
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._moved = ''
        self._trouble = ''
        self._known = asyncio.Event()
        self._told: dict[str, str] = {}
        self.number = group.number
        _LISTENERS.add(self)

    @property
    def trouble(self) -> str:
        """Why it cannot listen, or nothing."""
        return self._trouble

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self._group.spell(self.number)

    def open(self) -> None:
        """Listen, now or as soon as the port is free."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        known: Any = None
        while True:
            try:
                await self._listen_somewhere()
            except (OSError, UnicodeError) as exc:  # no name may look so
                code = getattr(exc, 'errno', None)
                # Finding the holder reads all of /proc: it is done once.
                if not self._trouble or code != known:
                    known = code
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
        first = self._group.number
        last = min(first + self._spares, _LAST_PORT)
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
            own = self._tenants(first)
            holder = own or await _holder(first)
            self._moved = f' ({holder} has port {first})'

    async def _listen(self) -> None:
        # In two steps: whenever this is cancelled, close() has the server.
        self._server = await asyncio.start_server(
            self._accept,
            self._group.host,
            self.number,
            limit=dap.MAX_HEADER,
            backlog=bounds.BACKLOG,
            start_serving=False,
        )
        try:
            await self._server.start_serving()
        except OSError:
            self._server.close()
            self._server = None
            raise

    async def _why_not(self, exc: OSError | UnicodeError) -> str:
        self.number = self._group.number
        line = f'the debug port {self.address} cannot be opened: '
        code = getattr(exc, 'errno', None)
        reason = getattr(exc, 'strerror', None) or exc
        if code == errno.EACCES:
            return line + f'{reason}; set [remote_debug] port to 1024 or more'
        if code != errno.EADDRINUSE:
            return line + f'{reason}; correct [remote_debug] host'
        own = self._tenants(self.number)
        if own:
            return line + (
                f'{own} has it already through osdbg; set another '
                f'[remote_debug] port. It opens by itself once the port is '
                f'free'
            )
        return line + (
            f'{await _holder(self.number)} has it; stop that, or set another '
            f'[remote_debug] port. It opens by itself once the port is free'
        )

    def _tenants(self, number: int) -> str:
        """Name the services to which this gateway has given a port."""
        found = {
            f'{worker.name} (backend = {worker.backend})'
            for other in _LISTENERS
            if other._is_in_the_way(self._group.host, number)
            for worker in other._group.workers
        }
        return ', '.join(sorted(found))

    def _is_in_the_way(self, host: str, number: int) -> bool:
        if self._server is None or self.number != number:
            return False
        own = self._group.host
        loopback = settings.is_loopback(own) and settings.is_loopback(host)
        return own == host or loopback or bool({own, host} & _ANYWHERE)

    def tell(self) -> None:
        """Say once in each service's log where to attach, or why not."""
        if not self._known.is_set():
            return
        for worker in self._group.workers:
            if not worker.opened:
                continue
            worker.tell_port(self._trouble)
            if self._told.get(worker.name) != self._trouble:
                self._told[worker.name] = self._trouble
                if self._trouble and not worker.required:
                    worker.log(logging.WARNING, self._trouble)
                elif not self._trouble:
                    line = self._invitation.format(
                        name=worker.name, address=self.address
                    )
                    worker.log(logging.INFO, f'osdbg: {line}{self._moved}')

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
        self._trouble = ''
        self._told.clear()


async def _holder(number: int) -> str:
    """Name the process that listens on a TCP port, as far as one may know."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, _find_holder, number)


def _find_holder(number: int) -> str:
    try:
        import psutil

        connections: Callable[..., list[Any]] = psutil.net_connections
        for connection in connections(kind='tcp'):
            if connection.status == psutil.CONN_LISTEN and connection.pid:
                if connection.laddr.port == number:
                    name = psutil.Process(connection.pid).name()
                    return f'{name} (process {connection.pid})'
    except Exception:  # noqa: S110
        pass  # the line about the port is worth more than the name
    return 'another program'

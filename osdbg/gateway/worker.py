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

"""A service process, as the gateway knows it through its agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TYPE_CHECKING

from osdbg import addresses
from osdbg.gateway import ancestry
from osdbg.gateway import bounds
from osdbg.gateway.debugger import Debugger
from osdbg.gateway.fields import field
from osdbg.gateway.fields import seconds_of
from osdbg.gateway.fields import tcp_port
from osdbg.gateway.fields import text
from osdbg.gateway.guard import Client
from osdbg.gateway.guard import Guard
from osdbg.gateway.peers import Peer
from osdbg.gateway import protocol
from osdbg.gateway import stops as stops_
from osdbg.gateway import words
from osdbg import settings as settings_

if TYPE_CHECKING:
    from osdbg.gateway.session import Session

CHILD_SECONDS = 2.0
"""How long a forked child may take to say hello."""

_KNOWING_SECONDS = 1.0
_MAX_WORKERS = 1024


class Worker:
    """One armed process."""

    def __init__(
        self,
        hello: dict[str, Any],
        writer: asyncio.StreamWriter,
        process: int = 0,
        uid: int = 0,
    ) -> None:
        """Take what the agent said of itself.

        :param hello: see ``Agent.hello``
        :param writer: the agent's control connection
        :param process: the process id as it is here, or 0
        :param uid: its user
        :raises: KeyError, TypeError, ValueError if it said something else
        """
        self.id = text(hello, 'id')
        self.parent = text(hello, 'parent')
        self.pid = field(hello, 'pid', int)
        self.name = words.quote(field(hello, 'name', str))
        self.host = text(hello, 'host')
        self.port = field(hello, 'port', int)
        if addresses.is_unix(self.host):
            self.port = 0
        else:
            self.port = tcp_port(hello, 'port')
        self.tls = tuple(map(str, field(hello, 'tls', list)))
        if len(self.tls) not in (0, len(settings_.TLS)):
            raise ValueError(f'tls is {self.tls!r}')
        self.eager = field(hello, 'eager', bool)
        self.required = field(hello, 'required', bool)
        self.holds = field(hello, 'holds', bool)
        self.opened = field(hello, 'opened', bool)
        self.left = seconds_of(hello, 'left')
        self._expiry: asyncio.TimerHandle | None = None
        self.asked: Client = {}
        """Who has asked for it to be opened or closed."""
        self.backend = text(hello, 'backend')
        self.protocol = text(hello, 'protocol')
        self.dials = field(hello, 'direction', str) == 'connect'
        self.debugs_launcher = field(hello, 'launcher', bool)
        self.launching = field(hello, 'launching', bool)
        self.process = process
        self.guard = Guard(
            uid,
            field(hello, 'allowed', list),
            field(hello, 'remote', bool),
            self.send,
        )
        limit = field(hello, 'max_stop', float)
        if not limit >= 0:
            raise ValueError(f'{limit} is no time')
        self.stops = stops_.Stops(self, limit, field(hello, 'beats', bool))
        self.one_stops = field(hello, 'one_stops', bool)
        self._take_place(hello, process)
        # Whoever serves it: a client's session, or a call to an IDE.
        self.session: Session | Any = None
        self.debugger = Debugger(self)
        self._writer = writer
        self._knowing = asyncio.Event()

    def _take_place(self, hello: dict[str, Any], process: int) -> None:
        """Note its place among the processes of its service."""
        self.forked = 0.0
        if field(hello, 'forked', bool):
            self.expect_child()
        self.wish: int | None = None
        if hello['number'] is not None:
            self.wish = field(hello, 'number', int)
        self.number: int | None = None
        # Another number means another namespace, whose /proc is not ours.
        self._alone = not self.parent and process == self.pid
        self._alone = self._alone and ancestry.stands_alone(process)
        self._settings = settings_.Settings(
            {'workers': text(hello, 'workers', _MAX_WORKERS)}
        )

    @property
    def takes_rights(self) -> bool:
        """Whether its gateway needs the rights of its user."""
        return addresses.takes_rights(
            self.host, self.port, self.tls, self.dials
        )

    def is_process(self, peer: Peer) -> bool:
        """Tell whether whoever is at a connection is this very process."""
        return (self.process, self.guard.uid) == (peer.pid, peer.uid)

    def expect_child(self) -> None:
        """Note that the process has just forked another, or is about to."""
        self.forked = asyncio.get_running_loop().time()

    @property
    def expecting(self) -> bool:
        """Whether a child may be on its way to say hello."""
        now = asyncio.get_running_loop().time()
        return bool(self.forked) and now - self.forked < CHILD_SECONDS

    @property
    def only_launches(self) -> bool:
        """Whether it leaves the debugging to those that it starts."""
        return self.launching and not self.debugs_launcher

    def has_no_successor(self) -> bool:
        """Tell, when its agent has gone, whether nobody will replace it."""
        return self._alone and ancestry.is_over(self.pid)

    @property
    def title(self) -> str:
        """What a client calls this worker."""
        if self.number is None:
            return f'{self.name} launcher [{self.pid}]'
        return f'{self.name} worker {self.number} [{self.pid}]'

    @property
    def wanted(self) -> bool:
        """Whether clients may come to this one, and ``workers`` names it."""
        number = self.number
        if number is None or not self.opened:
            return False
        return self._settings.takes_worker(number)

    @property
    def attached(self) -> bool:
        """Whether somebody is attached to it, or about to be."""
        return self.session is not None

    @property
    def preloads(self) -> bool:
        """Whether its debugger is loaded before any client comes."""
        return self.eager and self.wanted and not self.dials

    def send(self, **message: Any) -> None:
        """Send the agent a message."""
        self._writer.write(protocol.encode(message))
        bounds.relieve(self._writer.transport, protocol.MAX_LINE)

    def log(self, level: int, text: str) -> None:
        """Have a line written in the service's log."""
        self.send(log=[level, text])

    def assign(self, number: int | None) -> None:
        """Give the worker its number."""
        self.number = number
        self.send(worker=number)

    async def attach(self, client: Client) -> None:
        """Tell the agent that a client is attached; wait until it knows.

        A client that was told first may send a request at once, which is to
        stop where osdbg makes it stop, and not the debugger.
        """
        self._knowing = asyncio.Event()
        self.guard.attached(client)
        self.send(attached=True)
        try:
            await asyncio.wait_for(self._knowing.wait(), _KNOWING_SECONDS)
        except asyncio.TimeoutError:
            pass  # it is stopped, or very busy

    def detach(self) -> None:
        """Tell the agent that no client is attached any more."""
        self.guard.detached()
        self.send(attached=False)

    def knows(self) -> None:
        """Note that the agent has heard of its client."""
        self._knowing.set()

    def failed(self, ticket: str, reason: str) -> None:
        """Note that the debugger could not be loaded."""
        if self.debugger.failed(ticket, reason):
            self.guard.detached()

    def unload(self) -> None:
        """Have the debugger unloaded, if it is loaded."""
        if not self.debugger.loading:
            return
        self._lose_debugger('is being unloaded')
        self.send(unload=self.debugger.ticket)
        if self.preloads:
            self.debugger.load()

    def _lose_debugger(self, why: str) -> None:
        self.stops.clear()
        self.guard.detached()
        self.debugger.close(why)

    def limit(
        self, seconds: float | None, expire: Callable[[Worker], None]
    ) -> None:
        """Have it closed after a while.

        :param seconds: how long; None for never
        :param expire: closes it
        """
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(seconds, expire, self)

    def gone(self) -> None:
        """Note that the process is no more."""
        self.guard.gone()
        self.limit(None, lambda worker: None)
        self._lose_debugger('the process has ended')

    def describe(self) -> dict[str, Any]:
        """Return what a user is told about it."""
        state = 'loaded' if self.debugger.loading else 'armed'
        # An IDE that is only called has a session as well.
        if self.guard.client:
            state = 'attached'
        stopped = self.stops.describe()
        return {
            'id': self.id,
            'pid': self.pid,
            'name': self.name,
            'worker': self.number,
            'backend': self.backend,
            'protocol': self.protocol,
            'dials': self.dials,
            'opened': self.opened,
            'wanted': self.wanted,
            'host': self.host,
            'port': self.port,
            'tls': bool(self.tls),
            'state': 'stopped' if stopped else state,
            'stopped': stopped,
            'uid': self.guard.uid,
            'client': self.guard.client,
            'version': self.debugger.version,
            'wishes': getattr(self.session, 'wishes', {}),
        }

    def tell_port(self, trouble: str) -> None:
        """Tell the agent that its port is open, or what keeps it closed."""
        self.send(port=trouble)

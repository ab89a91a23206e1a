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

"""Who has come to a port, and which workers may be shown to whoever that is.

A client that only connects is not looked up, and no service is asked: that
takes a while, and is written down.
"""

from __future__ import annotations

import asyncio

from osdbg.gateway.guard import Client
from osdbg.gateway import peers
from osdbg.gateway.peers import Peer
from osdbg.gateway.worker import Worker


class Visitor:
    """Whoever is at the other end of a client's connection."""

    def __init__(self, peer: Peer) -> None:
        """Take what the connection itself tells.

        :param peer: who is at its other end
        """
        self._peer = peer
        self._who: asyncio.Future[Client] | None = None
        self._vetoes: dict[Worker, asyncio.Future[str]] = {}

    def may_reach(self, worker: Worker) -> bool:
        """Tell whether a worker is for this client at all."""
        return worker.guard.admits(self._peer)

    def known(self) -> asyncio.Future[Client]:
        """Find out once who it is."""
        if self._who is None:
            self._who = asyncio.ensure_future(peers.describe(self._peer))
        return self._who

    def veto(self, worker: Worker) -> asyncio.Future[str]:
        """Ask a worker once whether it may attach, and if not why."""
        if worker not in self._vetoes:
            self._vetoes[worker] = asyncio.ensure_future(self._ask(worker))
        return self._vetoes[worker]

    async def _ask(self, worker: Worker) -> str:
        return await worker.guard.ask(await self.known())

    def gone(self) -> None:
        """Ask no more: it has left."""
        if self._who is not None:
            self._who.cancel()
        for veto in self._vetoes.values():
            veto.cancel()

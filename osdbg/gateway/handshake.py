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

"""The first words of a client, up to its worker: initialize and attach.

Whoever has connected may be anybody, and has to say in time what it is. Which
worker it gets is decided when it attaches; one that cannot load its debugger
is passed over, as long as there are others.
"""

from __future__ import annotations

import asyncio
from typing import Any, TYPE_CHECKING

from osdbg.gateway.announcer import Announcer
from osdbg.gateway import bounds
from osdbg.gateway.capabilities import CAPABILITIES
from osdbg.gateway import choice
from osdbg.gateway import dap
from osdbg.gateway.worker import Worker

if TYPE_CHECKING:
    from osdbg.gateway.port import Port
    from osdbg.gateway.session import Session

# For a worker to load its debugger, when others could be attached to instead:
# this one may be stopped, or stuck.
_FIRST_SECONDS = 5.0
# IDEs send their first message at once, and the next one soon: meanwhile a
# debugger is being loaded for them.
_INITIALIZE_SECONDS = 10.0
_ATTACH_SECONDS = 60.0


class Handshake:
    """What one client says before it is attached."""

    def __init__(self, session: Session, port: Port, client: dap.Peer) -> None:
        """Take the connection; ``start`` limits the time.

        :param session: which begins with it
        :param port: where the client came in
        :param client: the connection
        """
        self.arguments: dict[str, Any] | None = None
        """Of the client's ``attach``, once there is one."""
        self.announcer: Announcer | None = None
        self._session = session
        self._visitor = session.visitor
        self._port = port
        self._client = client
        self._initialize: dict[str, Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.requests = {
            'initialize': self._on_initialize,
            'attach': self._on_attach,
            'launch': self._on_launch,
        }

    @property
    def child(self) -> Any:
        """The process that a root session announced to get this one."""
        return (self.arguments or {}).get('subProcessId')

    def start(self) -> None:
        """Hang up if the client does not say in time what it wants."""
        self._expect('initialize', _INITIALIZE_SECONDS)

    def stop(self) -> None:
        """Expect nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _expect(self, command: str, seconds: float) -> None:
        """Hang up if a request does not come in time."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(
            seconds,
            self._session.dismiss,
            f'expected "{command}" from an IDE',
        )

    def _on_initialize(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._initialize is not None:
            self._client.refuse(request, 'the session is initialized already')
            return
        self._initialize = arguments
        self._expect('attach', _ATTACH_SECONDS)
        bounds.STRANGERS.hear(self._session, self._port.expected)
        self._client.answer(request, CAPABILITIES)
        # It takes a while, and the next request will want it.
        worker = self._port.first_free(self._visitor.may_reach)
        if worker is not None:
            self._session.background(self._load(worker))

    async def _load(self, worker: Worker) -> None:
        if await asyncio.shield(self._visitor.veto(worker)):
            return
        present = worker in self._port.workers and worker.wanted
        if present and not worker.attached:
            worker.debugger.load()

    def _on_launch(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        self._client.refuse(
            request,
            'the service runs already: write "request": "attach" in the '
            'configuration of your IDE',
        )

    def _on_attach(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._initialize is None or self.arguments is not None:
            self._client.refuse(
                request, 'expected one attach after one initialize'
            )
            return
        self.arguments = arguments
        self.stop()
        self.announcer = Announcer(
            self._client,
            bool(self._initialize.get('supportsStartDebuggingRequest')),
            arguments,
            (self._port.host, self._port.number),
        )
        self._session.background(self._attach(request, self._initialize))

    async def _attach(
        self, request: dap.Message, initialize: dict[str, Any]
    ) -> None:
        if self.child is None:
            await self._attach_to_any(request, initialize)
            return
        worker = self._port.find(self.child, self._visitor.may_reach)
        why = ''
        if worker is not None:
            why = await self._session.begin(worker, request, initialize)
        if self._is_over(worker):
            # debugpy's adapter does the same: it is nothing to complain of.
            self._client.answer(request)
            self._session.end()
        elif why:
            self._client.refuse(request, why)

    async def _attach_to_any(
        self, request: dap.Message, initialize: dict[str, Any]
    ) -> None:
        suits = self._visitor.may_reach
        worker = await choice.next_free(self._port, suits)
        failed: list[Worker] = []
        first = ''
        # Up to Python 3.11 wait_for() swallows a cancellation that comes with
        # the result: whoever has left would take the worker, for ever.
        while worker is not None and not self._client.closed:
            failed.append(worker)
            following = self._port.first_free(suits, but=failed)
            seconds = None if following is None else _FIRST_SECONDS
            why = await self._session.begin(
                worker, request, initialize, seconds
            )
            if not why:
                return
            ended = self._is_over(worker)
            if not worker.only_launches:
                first = first or why
            worker = self._port.first_free(suits, but=failed)
            if worker is None and ended:
                # A reload: its successor is on its way.
                worker = await choice.next_free(self._port, suits)
        why = first or choice.why_none(self._port, suits)
        self._client.refuse(request, why)

    def _is_over(self, worker: Worker | None) -> bool:
        """Tell whether a worker has ended, or turned out to be none."""
        ended = worker not in self._port.workers
        return worker is None or ended or worker.only_launches

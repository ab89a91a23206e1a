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

"""The debugger in a worker: asked for, joined, lost, asked for again."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any, TYPE_CHECKING

from osdbg.gateway import words

if TYPE_CHECKING:
    from osdbg.gateway.worker import Worker

LOAD_SECONDS = 30.0
"""How long a worker may take to load its debugger."""

# Why a debugger cannot be loaded, with the advice that goes with it.
_MAX_REASON = 400


class LoadFailed(Exception):
    """A worker could not load its debugger, for the reason it gave."""


class Debugger:
    """The debugger of one worker, whether it is loaded or not."""

    def __init__(self, worker: Worker) -> None:
        """Take the worker, whose agent loads it.

        :param worker: which has an id already
        """
        self._worker = worker
        self.version = ''
        self.ticket = ''
        """Of the order to load it; each order has another one."""
        self._orders = 0
        self._link: asyncio.Future[Any] | None = None
        self._tracing = asyncio.Event()

    @property
    def loading(self) -> bool:
        """Whether it is loaded, or is being loaded."""
        return self._link is not None

    def load(self) -> asyncio.Future[Any]:
        """Have it loaded, if it is not.

        :returns: its connection, which may raise LoadFailed
        """
        if self._link is None:
            self._orders += 1
            self.ticket = f'{self._worker.id}-{self._orders}'
            self._link = asyncio.get_running_loop().create_future()
            self._tracing = asyncio.Event()
            # Whoever still wants it gets the exception; nobody may.
            self._link.add_done_callback(
                lambda link: link.cancelled() or link.exception()
            )
            self._worker.send(load=self.ticket)
        return self._link

    async def loaded(self) -> Any:
        """Wait until it has connected.

        :returns: its connection, of the kind that the protocol takes
        :raises: LoadFailed
        """
        try:
            return await asyncio.wait_for(
                asyncio.shield(self.load()), LOAD_SECONDS
            )
        except asyncio.TimeoutError:
            raise LoadFailed(
                f'{self._worker.title} did not load its debugger in '
                f'{LOAD_SECONDS:.0f} s: look into its log'
            ) from None

    async def tracing(self) -> None:
        """Wait until a breakpoint would stop.

        The debugger answers before it traces: pydevd's threads do, while the
        one that starts them is still asleep.
        """
        try:
            await asyncio.wait_for(self._tracing.wait(), LOAD_SECONDS)
        except asyncio.TimeoutError:
            pass  # the agent says why in the service's log

    def joined(self, ticket: str, link: Any) -> bool:
        """Take its connection.

        :returns: whether it is the one that was asked for
        """
        # No secret, since its process is known by then; but it costs nothing.
        if not hmac.compare_digest(ticket.encode(), self.ticket.encode()):
            return False
        if self._link is None or self._link.done():
            return False
        self._link.set_result(link)
        return True

    def traces(self, ticket: str, version: str) -> None:
        """Note that it is loaded to the end, and which it is."""
        self.version = words.quote(version)
        if ticket == self.ticket:
            self._tracing.set()

    def failed(self, ticket: str, reason: str) -> bool:
        """Note that it could not be loaded.

        :returns: whether that is what was asked for last
        """
        if ticket != self.ticket:
            return False
        self._end(words.quote(reason, _MAX_REASON))
        return True

    def close(self, why: str) -> None:
        """Hang up on it, and let go who waits for it.

        :param why: there is none any more
        """
        link = self._link
        if link is not None and link.done() and not link.exception():
            link.result().close()
        self._end(why)

    def _end(self, why: str) -> None:
        link, self._link = self._link, None
        self._tracing.set()
        if link is not None and not link.done():
            link.set_exception(LoadFailed(f'{self._worker.title}: {why}'))

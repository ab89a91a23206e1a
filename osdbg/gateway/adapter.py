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

"""A call to an IDE whose debug adapter waits for debug servers.

With ``"listen"`` in its configuration an IDE starts ``debugpy.adapter``, which
waits for a debug *server*. To it each worker is one. The adapter gives the
IDE's session to the first; one that names the first as its parent it announces
to the IDE as a subprocess. So all workers of a service are in one session,
whoever has forked them, as they are where the IDE connects to us.
"""

from __future__ import annotations

import asyncio

from osdbg.gateway.call import Call
from osdbg.gateway import dap
from osdbg.gateway.debug_server import DebugServer
from osdbg.gateway import group as group_
from osdbg.gateway import words as words_
from osdbg.gateway.worker import Worker

# An adapter asks who it is as soon as it has accepted a connection.
_SPEAK_SECONDS = 10.0
# And for the debugger at once, if an IDE's session is waiting for one.
_WANT_SECONDS = 3.0
# When its IDE has left, an adapter on stdio stops listening and then hangs
# up: whoever waits for that does not call a dying one.
_GOODBYE_SECONDS = 0.5
# For what is left to say to an adapter that does not read.
_FLUSH_SECONDS = 1.0
# A killed process is noticed on its two connections one after the other.
_DEATH_SECONDS = 0.2
# Whose child the root is, for the adapter: of no process that it knows.
_NOBODY = 0
# What is wrong with its first words, and the words.
_MAX_ERROR = 200
_QUESTIONS = frozenset(('pydevdAuthorize', 'pydevdSystemInfo'))


class AdapterCall(Call):
    """One worker and the adapter that has taken its call.

    The first, the root, outlives its worker as long as there are others:
    when it ends, the adapter ends the IDE's session.
    """

    def __init__(
        self,
        worker: Worker,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        root: AdapterCall | None = None,
    ) -> None:
        """Take a connection that was just made; ``run`` serves it.

        :param worker: for whom it is
        :param reader: what the adapter writes
        :param writer: what it reads
        :param root: the first, which an IDE has answered; None if this is it
        """
        super().__init__(worker, reader, writer)
        self.pid = worker.pid
        self._root = root
        self._children: set[AdapterCall] = set()
        self._alone = False
        self._adapter = dap.Peer(reader, writer)
        self._adapter.limits = dap.STRANGER
        self._server = DebugServer(
            self._adapter, worker, root.pid if root else _NOBODY, self._take
        )
        self._over = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_root(self) -> bool:
        """Whether the IDE's own session is with this one."""
        return self._root is None

    async def _talk(self) -> None:
        self._adapter.handle = self._handle_first
        self._limit(
            _SPEAK_SECONDS,
            f'it accepts connections and says nothing for '
            f'{_SPEAK_SECONDS:.0f} s',
        )
        if self._root is not None:
            self._root._children.add(self)
            self._root._limit_solitude()
            self.answer()  # an IDE has, where the root called
        serving = asyncio.ensure_future(self._adapter.run())
        ending = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait(
                (serving, ending), return_when=asyncio.FIRST_COMPLETED
            )
            if serving.done() and serving.exception() is not None:
                error = words_.quote(str(serving.exception()), _MAX_ERROR)
                self._blame(f'it is no debug adapter: {error}')
        finally:
            self._stop_timer()
            ending.cancel()
            for child in self._children:
                child.end()
            if self._root is not None:
                self._root._children.discard(self)
                self._root._limit_solitude()
            await self._server.close()
            await self._hang_up(serving)

    async def _hang_up(self, serving: asyncio.Future[None]) -> None:
        self._adapter.close()
        await asyncio.wait((serving,), timeout=_FLUSH_SECONDS)
        if not serving.done():
            self.writer.transport.abort()
            serving.cancel()

    def end(self) -> None:
        """Hang up, once the worker is back at its work."""
        self._over.set()

    def _blame(self, why: str) -> None:
        if not self.attached:
            self.why = self.why or why

    def _limit(self, seconds: float, why: str) -> None:
        """Hang up if nothing happens meanwhile."""

        def give_up() -> None:
            self._blame(why)
            self.end()

        self._stop_timer()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the adapter does.

    def _handle_first(self, message: dap.Message) -> None:
        if message.get('command') not in _QUESTIONS:
            words = message.get('event') or message.get('command')
            said = words_.quote(repr(words))
            self._blame(
                f'it is no debug adapter that waits for a service (its first '
                f'word is {said}): write "listen" into the configuration '
                f'of the IDE'
            )
            self.end()
            return
        self._stop_timer()
        peer = self._meet()
        if peer is None:
            self.end()
            return
        self._server.meet(peer)
        if self.is_root:
            self._limit(
                _WANT_SECONDS, 'there is a debug adapter, but no IDE behind it'
            )
        self._adapter.handle = self._server.handle
        self._server.handle(message)

    def _take(self, what: str, why: str) -> None:
        """Note what has become of the adapter's wishes."""
        if what == 'wanted':
            self._stop_timer()
        elif what == 'attached':
            self.attached = True
            self.answer()
        elif what == 'failed':
            self._blame(words_.quote(why))
            self._limit(_GOODBYE_SECONDS, '')
        elif self.is_root:
            self._limit(_GOODBYE_SECONDS, '')
        # An IDE may leave one worker and stay with the others. The adapter
        # keeps the connection then, by which it knows not to announce it.

    # What becomes of the worker.

    def link_lost(self, link: object) -> None:
        """Note that the debugger in the worker is gone."""
        if self._server.uses(link):
            loop = asyncio.get_running_loop()
            loop.call_later(_DEATH_SECONDS, self._lost_later, link)

    def _lost_later(self, link: object) -> None:
        if self._server.uses(link):
            self.end()  # the process lives on without: it is called again

    def worker_lost(self, over: bool = False, what: str = 'is gone') -> None:
        """Note that the worker is gone; the root goes on with the others.

        :param over: whether it was the last, and nobody will follow
        :param what: has become of it
        """
        if self._server.loading:
            return  # that fails, and the IDE is told why
        what = f'{self.worker.title} {what}'
        if over or not (self.is_root and self.attached):
            self._blame(what)
            self.end()
            return
        self._alone = True
        if self.worker.session is self:
            self.worker.session = None  # it may live on as a launcher
        self._server.lose()
        rest = 'goes on with the others'
        if not self._children:
            rest = 'waits for another'
        self._server.print(f'{what}; this session {rest}')
        self._limit_solitude()

    def _limit_solitude(self) -> None:
        """Let the IDE go if no worker follows the last one."""
        if self._alone and self._children:
            self._stop_timer()
        elif self._alone:
            self._limit(group_.SUCCESSOR_SECONDS, '')

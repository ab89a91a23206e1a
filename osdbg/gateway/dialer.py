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

"""An address where an IDE listens, and the workers that are connected to it.

The gateway calls for all of them, so that waiting for an IDE costs a service
nothing at all: no thread, no timer, no import. Nothing is loaded in a worker
before somebody has answered, and spoken.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

from osdbg import addresses
from osdbg.gateway.adapter import AdapterCall
from osdbg.gateway.call import Call
from osdbg.gateway.call import LineCall
from osdbg.gateway import dap
from osdbg.gateway.group import Group
from osdbg.gateway.patience import Patience
from osdbg.gateway.worker import Worker

# Between two attempts. That a port is closed is known in microseconds here,
# and soon enough elsewhere; a host that is off, or behind a firewall, is asked
# less and less often.
_HERE_SECONDS = 0.25
_SOON_SECONDS = 0.5
_LATE_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
# A process that forks within this is a launcher, and no worker.
_SETTLE_SECONDS = 0.5


class Dialer(Group):
    """One ``host:port`` and the workers for which it is called."""

    def __init__(self, host: str, number: int) -> None:
        """Name the address; it is called when the first worker is there.

        :param host: where the IDE listens
        :param number: at which TCP port
        """
        super().__init__(host, number)
        self._calling: asyncio.Task[None] | None = None
        self._calls: dict[Worker, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()
        self._absent: set[Worker] = set()
        self._complained: set[str] = set()
        self._hurry = asyncio.Event()
        self._patience = Patience(number)

    @property
    def is_used(self) -> bool:
        """Whether there is anybody in it."""
        return super().is_used or self.waits

    @property
    def waits(self) -> bool:
        """Whether an IDE waits for those that follow its last worker."""
        return bool(self._calls)

    # Who comes and goes.

    def on_join(self, worker: Worker) -> None:
        """Say where it looks for an IDE, and begin to."""
        worker.tell_port('')
        launches = not (worker.parent or worker.holds or worker.eager)
        self._patience.settle(worker, _SETTLE_SECONDS * launches)
        if worker.opened:
            self._invite(worker)
        if self._calling is None:
            self._calling = asyncio.ensure_future(self._call_for_all())

    def _invite(self, worker: Worker) -> None:
        if worker.name not in self._told:
            self._told.add(worker.name)
            worker.log(
                logging.INFO,
                f'osdbg: to debug {worker.name}, let an IDE listen at '
                f'{self.address}',
            )

    def on_leave(self, worker: Worker) -> None:
        """Hang up for it; stop calling after the last one."""
        over = not self.workers and worker.has_no_successor()
        call = self._calls.get(worker)
        if call is not None:
            call.worker_lost(over)
        self._patience.forget(worker)
        self._absent.discard(worker)
        if not self.workers:
            self._told.clear()
            self._complained.clear()
            self._stop_calling()

    def _stop_calling(self) -> None:
        if self._calling is not None:
            self._calling.cancel()
            self._calling = None

    def on_work(self, worker: Worker) -> None:
        """Call for it at once."""
        self._hurry.set()

    def on_launcher(self, worker: Worker) -> None:
        """Hang up: it is not debugged."""
        self._hang_up(worker)

    def open(self, worker: Worker, opened: bool) -> None:
        """Call for a worker, or hang up."""
        super().open(worker, opened)
        if opened:
            self._invite(worker)
        self._hurry.set()

    def launch(self, worker: Worker) -> None:
        """Hang up for a process that says that it is a launcher."""
        call = self._calls.get(worker)
        if call is not None and not worker.debugs_launcher:
            call.worker_lost(what='starts its workers')
        super().launch(worker)

    def _hang_up(self, worker: Worker) -> None:
        call = self._calls.get(worker)
        if call is not None:
            call.end()

    # Calling.

    async def _call_for_all(self) -> None:
        pause = self._soon
        while True:
            self._hurry.clear()
            worker = self._next()
            if worker is not None:
                pause = await self._call(worker, pause)
                if not pause:
                    pause = self._soon
                    continue
            await self._rest(pause if self._missing() else None)

    @property
    def _soon(self) -> float:
        here = addresses.is_loopback(self.host)
        return _HERE_SECONDS if here else _SOON_SECONDS

    def _missing(self) -> bool:
        return any(
            worker.wanted and not worker.attached for worker in self.workers
        )

    def _next(self) -> Worker | None:
        """Return whom to call for: the first alone, until it is answered."""
        if any(not call.answered for call in self._calls.values()):
            return None
        self._patience.look()
        for worker in self.workers:
            if worker.wanted and not worker.attached:
                if self._patience.is_over(worker):
                    return worker
        return None

    async def _rest(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    async def _call(self, worker: Worker, pause: float) -> float:
        """Call once.

        :param pause: how long the last rest was, in seconds
        :returns: how long to rest; 0 if somebody answers
        """
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(
                    self.host, self.number, limit=dap.MAX_HEADER
                ),
                _CONNECT_SECONDS,
            )
        except (OSError, UnicodeError, asyncio.TimeoutError) as exc:
            if _is_refusal(exc):
                self._tell_absence('connection refused')
                self._complained.clear()
                self._patience.renew()
                return self._soon
            self._tell_absence(str(exc) or 'no answer')
            if isinstance(exc, (socket.gaierror, UnicodeError)):
                self._tell_once(
                    f'{self.address} is no address',
                    str(exc),
                    'correct [remote_debug] host',
                )
            return min(2 * pause, _LATE_SECONDS)
        # It may have ended meanwhile, or somebody else have taken it.
        missing = worker in self.workers and not worker.attached
        if not missing or not worker.wanted or _is_own(writer):
            writer.close()
            return self._soon
        self._absent.clear()
        call = self._begin(worker, reader, writer)
        await call.settled()
        if call.answered:
            return 0
        # Somebody listens who does not speak: not so soon again.
        return min(2 * pause, _LATE_SECONDS)

    def _begin(
        self,
        worker: Worker,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> Call:
        call: Call
        if worker.protocol == 'dap':
            call = AdapterCall(worker, reader, writer, self._root())
        else:
            call = LineCall(worker, reader, writer)
        self._calls[worker] = worker.session = call
        task = asyncio.ensure_future(self._serve(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call

    def _root(self) -> AdapterCall | None:
        """Return the call that an IDE has its own session with, if any."""
        for call in self._calls.values():
            if isinstance(call, AdapterCall) and call.is_root:
                if call.attached:
                    return call
        return None

    async def _serve(self, call: Call) -> None:
        worker = call.worker
        try:
            await call.run()
        finally:
            if self._calls.get(worker) is call:
                del self._calls[worker]
            if worker.session is call:
                worker.session = None
                worker.unload()
            self.review()
            if call.attached:
                self._patience.forget(worker)
            elif call.answered and worker in self.workers:
                self._patience.fail(worker)
            if call.answered:
                self._hurry.set()
            self._note_end(call)

    def _note_end(self, call: Call) -> None:
        """Say why whoever listens has not attached."""
        if call.attached:
            self._complained.clear()
        elif call.why:
            self._tell_once(
                f'whoever listens at {self.address} is no IDE that debugs '
                f'{call.worker.name}',
                call.why,
                'start the debug server of the IDE there, or correct '
                '[remote_debug] host and port; it is called again and again',
            )

    def _tell_once(self, what: str, why: str, advice: str) -> None:
        """Log what is wrong, until an IDE is attached or none is there.

        :param what: the kind of trouble, of which each is logged once
        :param why: how it shows, which may be another thing each time
        :param advice: what to do about it
        """
        if what in self._complained:
            return
        self._complained.add(what)
        told = set()
        for worker in self.workers:
            if worker.opened and worker.name not in told:
                told.add(worker.name)
                worker.log(logging.WARNING, f'osdbg: {what} ({why}): {advice}')

    def _tell_absence(self, why: str) -> None:
        """Say once, to those who wanted an IDE at once, that none is there."""
        line = (
            f'osdbg: no IDE listens at {self.address} yet ({why}): start its '
            f'debug server there; it is called until it does'
        )
        told = {worker.name for worker in self._absent}
        for worker in self.workers:
            if worker.eager and worker.wanted and worker not in self._absent:
                self._absent.add(worker)
                worker.send(absent=line)
                if worker.name not in told:
                    told.add(worker.name)
                    worker.log(logging.WARNING, line)


def _is_refusal(exc: Exception) -> bool:
    """Tell whether each address of a host has refused; asyncio joins them."""
    text = str(exc)
    refused = text.count(f'Errno {errno.ECONNREFUSED}]')
    return refused > 0 and refused == text.count('Errno ')


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """Tell whether a connection leads back to itself.

    TCP allows that, and where nobody listens at a port of the ephemeral range
    one attempt in many thousands ends so.
    """
    own: object = writer.get_extra_info('sockname')
    return bool(own == writer.get_extra_info('peername'))

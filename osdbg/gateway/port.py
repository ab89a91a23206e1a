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

"""A port of the Debug Adapter Protocol, and the clients that come in by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from osdbg.gateway import bounds
from osdbg.gateway import dap
from osdbg.gateway.debugger import LoadFailed
from osdbg.gateway import group as group_
from osdbg.gateway.listener import Listener
from osdbg.gateway.listening import ListeningGroup
from osdbg.gateway.peers import Peer
from osdbg.gateway.session import Session
from osdbg.gateway.worker import Worker

# How long after a launcher that was attached has said that it is one the
# first worker may come: there may be much to prepare.
_FIRST_WORKER_SECONDS = 10.0
_NO_ROOM = (
    'too many clients are connected that have not attached, and this one has '
    'waited longest: connect again'
)


class Port(ListeningGroup):
    """One ``host:port`` and the workers and clients that share it."""

    def __init__(self, host: str, number: int) -> None:
        """Name the port; it is opened when the first worker is there.

        :param host: where to listen
        :param number: the TCP port
        """
        super().__init__(host, number)
        self.sessions: list[Session] = []
        self._listener = Listener(
            self,
            self._accept,
            'to debug {name}, attach an IDE to {address}{way}',
        )
        self._announcing: set[asyncio.Task[None]] = set()
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_used(self) -> bool:
        """Whether there is anybody in it."""
        return super().is_used or bool(self.sessions)

    @property
    def waits(self) -> bool:
        """Whether clients wait for those that follow its last worker."""
        return bool(self.sessions) and self._deadline is not None

    async def _accept(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: Peer,
    ) -> None:
        session = Session(self, dap.Peer(reader, writer), peer)
        self.sessions.append(session)
        self.admit(session)
        try:
            await session.run()
        finally:
            bounds.STRANGERS.leave(session)
            self.sessions.remove(session)

    def admit(self, session: Session) -> None:
        """Have a session wait for a worker, as long as there is room."""
        bounds.STRANGERS.enter(
            session, lambda: session.dismiss(_NO_ROOM), self.expected
        )

    @property
    def expected(self) -> int:
        """How many workers a client is asked to attach to, and has not."""
        return sum(w.debugger.loading and not w.attached for w in self.workers)

    # Who comes and goes.

    def on_join(self, worker: Worker) -> None:
        """Open the port for the first process that is open."""
        self._stop_waiting()
        super().on_join(worker)

    def on_leave(self, worker: Worker) -> None:
        """Tell its session; close the port after the last one."""
        over = not self.workers and worker.has_no_successor()
        if worker.session is not None:
            worker.session.worker_lost(over)
        if not self.workers:
            self._wait_for_workers(0 if over else group_.SUCCESSOR_SECONDS)
        self.close_if_unused()

    def close_if_unused(self) -> None:
        """Close the port, and end the sessions, if no worker is open."""
        if any(worker.opened for worker in self.workers):
            return
        self._listener.close()
        if self.workers:
            for session in self.sessions:
                session.service_over('the service lets no client in any more')

    def on_work(self, worker: Worker) -> None:
        """Announce a worker, or preload its debugger."""
        if worker.preloads:
            worker.debugger.load()
        for session in self.sessions:
            if session.is_root and session.visitor.may_reach(worker):
                self._announce(session, worker)
                break

    def on_launcher(self, worker: Worker) -> None:
        """Take the debugger out of a process that is not debugged."""
        worker.unload()

    def open(self, worker: Worker, opened: bool) -> None:
        """Let clients come to a worker, or send them away."""
        if not opened and worker.session is not None:
            worker.session.worker_lost(what='lets no client in any more')
        super().open(worker, opened)

    def launch(self, worker: Worker) -> None:
        """Note that a process says of itself that it is a launcher."""
        worker.launching = True
        if worker.session is not None and worker.only_launches:
            worker.session.hand_over()
            # Their port may be another: the launcher may not have known it.
            self._wait_for_workers(
                _FIRST_WORKER_SECONDS,
                f'no worker has joined {self.address} in '
                f'{_FIRST_WORKER_SECONDS:.0f} s: if the log of the service '
                f'names another port, attach there',
            )
        self.review()

    def _wait_for_workers(self, seconds: float, why: str = '') -> None:
        """Let the clients go if no worker joins meanwhile.

        :param why: what they are told then
        """
        self._stop_waiting()
        self._deadline = asyncio.get_running_loop().call_later(
            seconds, self._end_sessions, why
        )

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_sessions(self, why: str) -> None:
        self._stop_waiting()
        if all(worker.only_launches for worker in self.workers):
            for session in self.sessions:
                session.service_over(why)

    def find(self, pid: int, suits: Callable[[Worker], bool]) -> Worker | None:
        """Return the worker that was announced with this process id.

        :param suits: tells whether a worker is for this client at all
        """
        for worker in self.workers:
            if worker.pid == pid and worker.wanted and not worker.attached:
                if suits(worker):
                    return worker
        return None

    # What open sessions are told.

    def announce_all(self, session: Session) -> None:
        """Announce to a client every worker but its own."""
        for worker in self.workers:
            self._announce(session, worker)

    def _announce(self, session: Session, worker: Worker) -> None:
        if not session.visitor.may_reach(worker):
            return
        if worker.wanted and not worker.attached:
            task = asyncio.ensure_future(self._announced(session, worker))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    async def _announced(self, session: Session, worker: Worker) -> None:
        try:
            if await asyncio.shield(session.visitor.veto(worker)):
                return
            if worker.attached or not worker.wanted:
                return
            await worker.debugger.loaded()
        except LoadFailed as exc:
            if worker in self.workers and worker.wanted and session.is_root:
                session.print(f'{exc}\n')
        else:
            if not worker.attached and session.is_root:
                session.announce(worker)

    def release(self, session: Session) -> None:
        """Unload what nobody is attached to any more."""
        rooted = any(other.is_root for other in self.sessions)
        for worker in self.workers:
            if worker.session is session:
                worker.session = None
                worker.unload()
            elif not worker.attached and not rooted and not worker.eager:
                worker.unload()
        self.review()

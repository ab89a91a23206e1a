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

"""A public port: who listens there, and who is reached through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Collection
import errno
import logging
from typing import Any

from osdbg.gateway import dap
from osdbg.gateway.session import Session
from osdbg.gateway.worker import CHILD_SECONDS
from osdbg.gateway.worker import LoadFailed
from osdbg.gateway.worker import Worker

_RETRY_SECONDS = 1.0
# How long after the last worker the first of the next ones may come: a
# launcher that is reloaded ends all of them at once.
_SUCCESSOR_SECONDS = 2.0
# And after a launcher that was attached has said that it is one: it may have
# much to prepare before it starts the first.
_FIRST_WORKER_SECONDS = 10.0
# Clients beyond one for each worker: whoever connects may be anybody.
_SPARE_CLIENTS = 64


class Port:
    """One ``host:port`` and the workers and clients that share it."""

    def __init__(self, host: str, number: int) -> None:
        """Name the port; it is opened by ``open``.

        :param host: where to listen
        :param number: the TCP port
        """
        self.host = host
        self.number = number
        self.workers: list[Worker] = []
        self.sessions: list[Session] = []
        self.changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._trouble = ''
        self._told: dict[str, str] = {}
        self._announcing: set[asyncio.Task[None]] = set()
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host}:{self.number}'

    # The life of the listener.

    def open(self) -> None:
        """Listen, now or as soon as the port is free."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        known: Any = None
        while True:
            try:
                await self._listen()
            except (OSError, UnicodeError) as exc:  # no name may look so
                code = getattr(exc, 'errno', None)
                # Finding the holder reads all of /proc: it is done once.
                if not self._trouble or code != known:
                    known = code
                    self._trouble = await self._why_not(exc)
                    self._tell()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._trouble = ''
                self._tell()
                return

    async def _listen(self) -> None:
        # In two steps: whenever this is cancelled, close() has the server.
        self._server = await asyncio.start_server(
            self._accept,
            self.host,
            self.number,
            limit=dap.MAX_HEADER,
            start_serving=False,
        )
        try:
            await self._server.start_serving()
        except OSError:
            self._server.close()
            self._server = None
            raise

    async def _why_not(self, exc: OSError | UnicodeError) -> str:
        line = f'the debug port {self.address} cannot be opened: '
        code = getattr(exc, 'errno', None)
        reason = getattr(exc, 'strerror', None) or exc
        if code == errno.EACCES:
            return line + f'{reason}; set [remote_debug] port to 1024 or more'
        if code != errno.EADDRINUSE:
            return line + f'{reason}; correct [remote_debug] host'
        loop = asyncio.get_running_loop()
        holder = await loop.run_in_executor(None, _holder, self.number)
        return line + (
            f'{holder} has it; stop that, or set another [remote_debug] '
            f'port. It opens by itself once the port is free'
        )

    def _tell(self) -> None:
        """Say once in each service's log where to attach, or why not."""
        if self._server is None and not self._trouble:
            return
        for worker in self.workers:
            worker.tell_port(self._trouble)
            if self._told.get(worker.name) != self._trouble:
                self._told[worker.name] = self._trouble
                if self._trouble and not worker.required:
                    worker.log(logging.WARNING, self._trouble)
                elif not self._trouble:
                    worker.log(
                        logging.INFO,
                        f'osdbg: to debug {worker.name}, attach an IDE to '
                        f'{self.address}',
                    )

    def close(self) -> None:
        """Stop listening."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._server is not None:
            self._server.close()
            self._server = None
        self._trouble = ''
        self._told.clear()
        self._stop_waiting()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self.sessions) >= len(self.workers) + _SPARE_CLIENTS:
            writer.close()
            return
        session = Session(self, dap.Peer(reader, writer))
        self.sessions.append(session)
        try:
            await session.run()
        finally:
            self.sessions.remove(session)

    # Who is there.

    def is_launcher(self, worker: Worker) -> bool:
        """Tell whether a process only forks the ones that work.

        A debugger in a launcher would be copied into every worker it forks;
        one that was attached before its first fork keeps its session.
        """
        ids = {other.id for other in self.workers}
        if worker.session is not None or worker.debugs_launcher:
            return False
        if worker.only_launches:
            return True
        if worker.parent in ids:
            return False
        return worker.expecting or any(
            other.parent == worker.id for other in self.workers
        )

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

    def join(self, worker: Worker) -> None:
        """Add a process that has just been armed."""
        self._stop_waiting()
        if not self.workers:
            self.host = worker.host  # it may be spelled in another way now
        self.workers.append(worker)
        self.open()
        self._tell()
        self.review()

    def leave(self, worker: Worker) -> None:
        """Remove a process that has ended."""
        self.workers.remove(worker)
        worker.gone()
        over = not self.workers and worker.has_no_successor()
        if worker.session is not None:
            worker.session.worker_lost(over)
        if not self.workers:
            self.close()
            self._wait_for_workers(0 if over else _SUCCESSOR_SECONDS)
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
        if all(worker.only_launches for worker in self.workers):
            for session in self.sessions:
                session.service_over(why)

    def review(self) -> None:
        """Tell launchers and workers apart, again.

        Who is what shows as their children say hello, or fail to.
        """
        for worker in self.workers:
            launcher = self.is_launcher(worker)
            if launcher and worker.expecting:
                loop = asyncio.get_running_loop()
                loop.call_later(CHILD_SECONDS, self.review)
            if launcher and worker.number is not None:
                worker.assign(None)
                worker.unload()
            elif not launcher and worker.number is None:
                worker.assign(self._free_number(worker))
                if worker.eager and worker.wanted:
                    worker.load()
                for session in self.sessions:
                    if session.is_root:
                        self._announce(session, worker)
                        break
        self.changed.set()
        self.changed = asyncio.Event()

    def _free_number(self, worker: Worker) -> int:
        taken = {
            other.number for other in self.workers if other.name == worker.name
        }
        if worker.wish is not None and worker.wish not in taken:
            return worker.wish
        return next(n for n in range(len(taken) + 1) if n not in taken)

    def first_free(self, but: Collection[Worker] = ()) -> Worker | None:
        """Return the worker that joined first and is in no session.

        :param but: workers to pass over
        """
        for worker in self.workers:
            if worker.wanted and worker.session is None and worker not in but:
                return worker
        return None

    def find(self, pid: int) -> Worker | None:
        """Return the worker that was announced with this process id."""
        for worker in self.workers:
            if worker.pid == pid and worker.wanted and worker.session is None:
                return worker
        return None

    # What open sessions are told.

    def announce_all(self, session: Session) -> None:
        """Announce to a client every worker but its own."""
        for worker in self.workers:
            self._announce(session, worker)

    def _announce(self, session: Session, worker: Worker) -> None:
        if worker.wanted and worker.session is None:
            task = asyncio.ensure_future(self._announced(session, worker))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    async def _announced(self, session: Session, worker: Worker) -> None:
        try:
            await worker.loaded()
        except LoadFailed as exc:
            if worker in self.workers and worker.wanted and session.is_root:
                session.print(f'{exc}\n')
        else:
            if worker.session is None and session.is_root:
                session.announce(worker)

    def release(self, session: Session) -> None:
        """Unload what nobody is attached to any more."""
        rooted = any(other.is_root for other in self.sessions)
        for worker in self.workers:
            if worker.session is session:
                worker.session = None
                worker.unload()
            elif worker.session is None and not rooted and not worker.eager:
                worker.unload()
        self.review()


def _holder(number: int) -> str:
    """Name the process that listens on a TCP port, as far as one may know."""
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

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

"""The workers that share an address, and the processes that launch them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Collection
import os

from osdbg import addresses
from osdbg.gateway.peers import Peer
from osdbg.gateway.worker import CHILD_SECONDS
from osdbg.gateway.worker import Worker

SUCCESSOR_SECONDS = 2.0
"""How long after the last worker the first of the next ones may come: a
launcher that is reloaded ends all of them at once."""


class Group:
    """One ``host:port`` and the processes that name it.

    What becomes of them, whether clients come or are called, is for the
    subclasses: they override the methods that begin with ``on_``.
    """

    def __init__(self, host: str, number: int) -> None:
        """Name the address.

        :param host: its host, or a UNIX socket
        :param number: its TCP port; 0 for a UNIX socket
        """
        self.host = host
        self.number = number
        self.tls: tuple[str, ...] = ()
        self.uid = os.geteuid()
        self.workers: list[Worker] = []
        self.changed = asyncio.Event()

    @property
    def is_used(self) -> bool:
        """Whether there is anybody in it."""
        return bool(self.workers)

    @property
    def waits(self) -> bool:
        """Whether clients wait for those that follow its last worker."""
        return False

    @property
    def public_number(self) -> int:
        """The port that clients use, which may not be the one asked for."""
        return self.number

    @property
    def known(self) -> bool:
        """Whether it is known at which port it is reached, if at any."""
        return True

    @property
    def trouble(self) -> str:
        """What keeps its port closed; nothing if it is open, or has none."""
        return ''

    @property
    def address(self) -> str:
        """Where clients connect, or where they listen."""
        return self.spell(self.number)

    def spell(self, number: int) -> str:
        """Write a port of this host as people do."""
        return addresses.spell(self.host, number)

    # For subclasses.

    def on_join(self, worker: Worker) -> None:
        """Note a process that has just been armed."""

    def on_leave(self, worker: Worker) -> None:
        """Note a process that has ended."""

    def on_work(self, worker: Worker) -> None:
        """Note a process that turned out to be a worker, or was opened."""

    def on_launcher(self, worker: Worker) -> None:
        """Note a process that turned out to be a launcher, or was closed."""

    # Who comes and goes.

    def join(self, worker: Worker) -> None:
        """Add a process that has just been armed."""
        if not self.workers:
            self.host = worker.host  # it may be spelled in another way now
            self.tls = worker.tls
            self.uid = worker.guard.uid
        self.workers.append(worker)
        worker.limit(worker.left if worker.opened else None, self._expire)
        self.on_join(worker)
        self.review()

    def leave(self, worker: Worker) -> None:
        """Remove a process that has ended."""
        self.workers.remove(worker)
        worker.gone()
        for other in self.workers:
            if other.id == worker.parent:
                # It is about to replace its child, as launchers do: after a
                # reload it has none for a moment, and is none to debug.
                other.expect_child()
        self.on_leave(worker)
        self.review()

    def launch(self, worker: Worker) -> None:
        """Note that a process says of itself that it is a launcher."""
        worker.launching = True
        self.review()

    def switch(
        self, worker: Worker, opened: bool, seconds: float | None
    ) -> None:
        """Note that a process was opened or closed.

        :param seconds: for how long; None for ever
        """
        worker.limit(seconds, self._expire)
        worker.guard.log(
            'opened' if opened else 'closed',
            worker.asked,
            seconds=None if seconds is None else round(seconds),
        )
        worker.asked = {}
        self.open(worker, opened)

    def _expire(self, worker: Worker) -> None:
        worker.guard.log('expired', {})
        worker.send(open=False)
        self.open(worker, False)

    def open(self, worker: Worker, opened: bool) -> None:
        """Let clients come to a worker, or send them away."""
        if worker.opened != opened:
            worker.opened = opened
            if worker.number is not None:
                self.on_work(worker) if opened else self.on_launcher(worker)
        self.review()

    # Who is who.

    def _launchers(self) -> set[Worker]:
        """Return the processes that only fork the ones that work."""
        ids = {worker.id for worker in self.workers}
        parents = {worker.parent for worker in self.workers}
        return {
            worker
            for worker in self.workers
            if self._is_launcher(worker, ids, parents)
        }

    def _is_launcher(
        self, worker: Worker, ids: set[str], parents: set[str]
    ) -> bool:
        """Tell whether a process only forks the ones that work.

        A debugger in a launcher would be copied into every worker it forks;
        one that was attached before its first fork keeps its session.
        """
        if worker.attached or worker.debugs_launcher:
            return False
        if worker.only_launches:
            return True
        if worker.parent in ids:
            return False
        return worker.expecting or worker.id in parents

    def review(self) -> None:
        """Tell launchers and workers apart, again.

        Who is what shows as their children say hello, or fail to.
        """
        launchers = self._launchers()
        for worker in self.workers:
            launcher = worker in launchers
            if launcher and worker.expecting:
                loop = asyncio.get_running_loop()
                loop.call_later(CHILD_SECONDS, self.review)
            if launcher and worker.number is not None:
                worker.assign(None)
                self.on_launcher(worker)
            elif not launcher and worker.number is None:
                worker.assign(self._free_number(worker))
                self.on_work(worker)
        self.changed.set()
        self.changed = asyncio.Event()

    def _free_number(self, worker: Worker) -> int:
        taken = {
            other.number for other in self.workers if other.name == worker.name
        }
        if worker.wish is not None and worker.wish not in taken:
            return worker.wish
        return next(n for n in range(len(taken) + 1) if n not in taken)

    def first_free(
        self, suits: Callable[[Worker], bool], but: Collection[Worker] = ()
    ) -> Worker | None:
        """Return the worker that joined first and is in no session.

        :param suits: tells whether a worker is for this client at all
        :param but: workers to pass over
        """
        for worker in self.workers:
            if worker.wanted and not worker.attached and worker not in but:
                if suits(worker):
                    return worker
        return None

    def admits(self, peer: Peer) -> bool:
        """Tell whether a client may come to any worker, as far as is known.

        Where all have just gone, it waits for the next ones: whoever is none
        of our own is sent away until those say that it may come.
        """
        if not self.workers:
            return peer.uid in (0, os.geteuid())
        return any(worker.guard.admits(peer) for worker in self.workers)

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

"""A port for terminals, and the threads of a service that call for one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
import logging

from osdbg.gateway import invitation
from osdbg.gateway.listener import Listener
from osdbg.gateway.listening import ListeningGroup
from osdbg.gateway.peers import Peer
from osdbg.gateway.prompts import Prompts
from osdbg.gateway import protocol
from osdbg.gateway.worker import Worker

# How many of the following ports will do, where the one asked for is taken.
_SPARE_PORTS = 16


class PromptPort(ListeningGroup):
    """One ``host:port`` for the prompts of all workers behind it."""

    def __init__(self, host: str, number: int) -> None:
        """Name the port; it is opened when the first worker is there.

        :param host: where to listen
        :param number: the TCP port
        """
        super().__init__(host, number)
        self._prompts = Prompts()
        self._urgent = 0
        self._listener = Listener(
            self,
            self._accept,
            'breakpoint() in {name} opens a prompt at {address}: type '
            'osdbg attach {target}',
            _SPARE_PORTS,
        )

    @property
    def is_used(self) -> bool:
        """Whether there is anybody in it."""
        return super().is_used or self._urgent > 0 or self._prompts.is_used

    def on_join(self, worker: Worker) -> None:
        """Open the port for the first process that is open."""
        names = sorted({other.name for other in self.workers})
        self._prompts.name = ', '.join(names)
        super().on_join(worker)

    def on_leave(self, worker: Worker) -> None:
        """Close the port after the last one."""
        self.close_if_unused()

    def close_if_unused(self) -> None:
        """Close the port if no worker is open, and none has called."""
        if not self._urgent and not any(w.opened for w in self.workers):
            self._listener.close()
            self._prompts.close()

    async def prompt(
        self,
        worker: Worker,
        where: str,
        seconds: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a thread that has stopped, until it goes on.

        A process that hangs may call although nobody has opened it.

        :param worker: its process
        :param where: its file and line
        :param seconds: how long it waits for a terminal; 0 for ever
        :param reader: what it writes
        :param writer: what it reads
        """
        self._urgent += 1
        self._listener.open()
        try:
            trouble = await self._listener.known()
            if trouble:
                writer.write(protocol.encode({'refused': trouble}))
                return
            target = invitation.target(self, self.public_number, worker)
            worker.log(
                logging.WARNING,
                f'osdbg: a breakpoint at {where} waits for a terminal: type '
                f'osdbg attach {target}',
            )
            title = f'{worker.title} at {where}'
            await self._prompts.serve_prompt(
                worker.guard, title, seconds, reader, writer
            )
        finally:
            self._urgent -= 1
            self.close_if_unused()

    async def _accept(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: Peer,
    ) -> None:
        await self._prompts.serve_client(peer, reader, writer)

    async def terminal(
        self,
        workers: Collection[Worker],
        peer: Peer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a terminal that has come over the control socket.

        :param workers: whose prompts it wants
        :param peer: who has come
        :param reader: what is typed there
        :param writer: what is shown there
        """
        opened = self._urgent or any(worker.opened for worker in workers)
        writer.write(protocol.encode({'go': bool(opened)}))
        if opened:
            names = ', '.join(sorted({worker.name for worker in workers}))
            guards = {worker.guard for worker in workers}
            await self._prompts.serve_user(peer, guards, names, reader, writer)

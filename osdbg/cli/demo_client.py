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

"""The client of ``osdbg demo``: as much of an IDE as it takes to debug.

It attaches once, to one port. For every other worker that the gateway then
announces it opens a session with the same breakpoint, as an IDE does.
"""

from __future__ import annotations

import asyncio
from typing import Any

from osdbg.cli.demo_session import Session
from osdbg.cli.demo_session import within


class Client:
    """A debug session as a person has it: one attach, all workers."""

    def __init__(self, port: int, path: str, line: int) -> None:
        """Prepare to attach.

        :param port: the one debug port
        :param path: the file of the breakpoint
        :param line: its line there
        """
        self.breakpoint = (path, line)
        self.configuration: dict[str, Any] = {
            'name': 'osdbg demo',
            'type': 'debugpy',
            'request': 'attach',
            'connect': {'host': '127.0.0.1', 'port': port},
            # An installed service is not "my code" to debugpy.
            'justMyCode': False,
        }
        self.sessions: dict[int, Session] = {}
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Any) -> None:
        """Have something done in the background."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self._failure = task.exception()
            self._changed.set()

    def announced(self, configuration: dict[str, Any]) -> None:
        """Debug another worker, too."""
        self.start(self._join(configuration))

    async def _join(self, configuration: dict[str, Any]) -> None:
        session = Session(self)
        await session.open(configuration)
        self.sessions[session.pid] = session
        self._changed.set()

    def lost(self, session: Session) -> None:
        """Note that a session has ended."""
        self.sessions.pop(session.pid, None)

    async def attach(self) -> None:
        """Attach to the port."""
        await self._join(self.configuration)

    async def session(self, pid: int) -> Session:
        """Wait until a worker is being debugged.

        :param pid: its process
        """
        return await within(
            f'debug session with process {pid}', self._session(pid)
        )

    async def _session(self, pid: int) -> Session:
        while pid not in self.sessions:
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            await self._changed.wait()
        return self.sessions[pid]

    async def detach(self) -> None:
        """Leave every worker."""
        for session in list(self.sessions.values()):
            await session.leave()

    def close(self) -> None:
        """Drop all connections."""
        for task in self._tasks:
            task.cancel()

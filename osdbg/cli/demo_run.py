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

"""The service of ``osdbg demo``, seen from outside: a process with workers."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, NamedTuple, TYPE_CHECKING

from osdbg.cli import demo_service
from osdbg.cli.demo_session import DemoFailed
from osdbg.cli.demo_session import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PROGRAM = os.path.abspath(demo_service.__file__)
CONNECTIONS = 2
"""How many requests each worker is sent at a time."""

_STOP_SECONDS = 10.0
_TURNS = 4
_TURN_SECONDS = 0.5
_POLL_SECONDS = 0.02


class Worker:
    """One process of the service and the port that only it serves."""

    def __init__(self, pid: int, port: int) -> None:
        """Keep who it is."""
        self.pid = pid
        self.port = port
        self.title = f'process {pid}'

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Send a request.

        :returns: the status and the decoded answer
        """
        request = f'GET {path} HTTP/1.1\r\nHost: demo\r\nConnection: close'
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        try:
            writer.write(f'{request}\r\n\r\n'.encode())
            head, _, body = (await reader.read()).partition(b'\r\n\r\n')
            return int(head.split()[1]), json.loads(body)
        finally:
            writer.close()

    async def until(self, state: str) -> None:
        """Wait until osdbg is in some state, and learn this one's number."""
        await within(f'{self.title} {state}', self._until(state))

    async def _until(self, state: str) -> None:
        while True:
            _status, found = await self.get('/')
            if found['state'] == state and found['number'] is not None:
                self.title = f'worker {found["number"]} [{self.pid}]'
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def load(self, deadline: float) -> int:
        """Send one request after the other.

        :param deadline: when to stop, in the loop's time
        :returns: how many were answered
        """
        now = asyncio.get_running_loop().time
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        try:
            answered = length = 0
            while now() < deadline:
                writer.write(b'GET /servers HTTP/1.1\r\nHost: demo\r\n\r\n')
                if length:
                    await reader.readexactly(length)
                else:
                    # They are all of one length.
                    head = await reader.readuntil(b'\r\n\r\n')
                    body = head.lower().split(b'content-length:')[1].split()
                    await reader.readexactly(int(body[0]))
                    length = len(head) + int(body[0])
                answered += 1
            return answered
        finally:
            writer.close()


class Rate(NamedTuple):
    """How fast the service was."""

    per_second: float
    """Requests, all workers together."""
    cost: float
    """CPU seconds of the workers per request."""


class Service:
    """The running service."""

    def __init__(
        self, process: asyncio.subprocess.Process, debug_port: int
    ) -> None:
        """Keep the process; see ``running``."""
        self.debug_port = debug_port
        self.port = 0
        self.workers: dict[int, Worker] = {}
        self._process = process
        self._changed = asyncio.Event()
        self._log: collections.deque[str] = collections.deque(maxlen=20)

    async def listen(self, echo: Callable[[str], None]) -> None:
        """Follow the service's output.

        :param echo: is given every line
        """
        assert self._process.stdout is not None  # noqa: S101
        async for raw in self._process.stdout:
            line = raw.decode(errors='replace').rstrip()
            words = line.split()
            if words[:2] == ['DEMO', 'worker']:
                worker = Worker(int(words[2]), int(words[3]))
                self.workers[worker.pid] = worker
            elif words[:2] == ['DEMO', 'service']:
                self.port = int(words[3])
            elif line:
                self._log.append(line)
                echo(line)
            self._changed.set()

    async def wait_workers(self, count: int) -> list[Worker]:
        """Wait until so many workers serve, and are known to the gateway.

        :returns: them, in the order of their numbers
        """
        await within(f'{count} workers', self._wait_workers(count))
        for worker in self.workers.values():
            await worker.until('armed')
        return sorted(self.workers.values(), key=lambda worker: worker.title)

    async def _wait_workers(self, count: int) -> None:
        ended = asyncio.ensure_future(self._process.wait())
        try:
            while len(self.workers) < count:
                self._changed.clear()
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait(
                    (changed, ended), return_when=asyncio.FIRST_COMPLETED
                )
                changed.cancel()
                if ended.done():
                    words = self._log[-1] if self._log else 'no word'
                    raise DemoFailed(f'the service ended: {words}')
        finally:
            ended.cancel()

    async def kill(self, worker: Worker) -> Worker:
        """Kill a worker.

        :returns: the one that the service starts in its place
        """
        known = set(self.workers)
        os.kill(worker.pid, signal.SIGKILL)
        await within('successor', self._wait_workers(len(known) + 1))
        del self.workers[worker.pid]
        return next(
            new for pid, new in self.workers.items() if pid not in known
        )

    async def measure(self) -> Rate:
        """Send requests to all workers for some time.

        :returns: the best of several turns: others use this machine, too
        """
        turns = [await self._measure() for _turn in range(_TURNS)]
        return Rate(
            max(turn.per_second for turn in turns),
            min(turn.cost for turn in turns),
        )

    async def _measure(self, seconds: float = _TURN_SECONDS) -> Rate:
        deadline = asyncio.get_running_loop().time() + seconds
        used = self._cpu_seconds()
        counts = await within(
            'answer to each request',
            asyncio.gather(
                *(
                    worker.load(deadline)
                    for worker in self.workers.values()
                    for _connection in range(CONNECTIONS)
                )
            ),
        )
        total = sum(counts)
        return Rate(total / seconds, (self._cpu_seconds() - used) / total)

    def _cpu_seconds(self) -> float:
        import psutil

        spent = (psutil.Process(pid).cpu_times() for pid in self.workers)
        return float(sum(times.user + times.system for times in spent))

    async def stop(self) -> None:
        """Stop the service as systemd does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await within(
                'end of the service', self._process.wait(), _STOP_SECONDS
            )
        finally:
            # Whatever it left, and all of it if that took too long.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return int(listener.getsockname()[1])


def _environment(port: int) -> dict[str, str]:
    """Keep the demo apart from whatever else is being debugged."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('OS_', 'OSDBG_'))
    }
    package = os.path.dirname(os.path.dirname(PROGRAM))
    path = [os.path.dirname(package), environ.get('PYTHONPATH', '')]
    environ['PYTHONPATH'] = os.pathsep.join(filter(None, path))
    environ['OS_REMOTE_DEBUG__PORT'] = str(port)
    environ['OS_REMOTE_DEBUG__NAME'] = 'demo'
    environ['OSDBG_SOCKET'] = f'osdbg-demo-{os.getpid()}-{port}'
    environ['OSDBG_GATEWAY_GRACE'] = '1'
    return environ


@contextlib.asynccontextmanager
async def running(
    native: bool, echo: Callable[[str], None]
) -> AsyncIterator[Service]:
    """Run the service for the time of a ``with`` block.

    :param native: whether it uses native threads instead of eventlet
    :param echo: is given every line the service writes
    """
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        PROGRAM,
        *(['--threading'] if native else []),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_environment(port),
        start_new_session=True,
    )
    service = Service(process, port)
    listening = asyncio.ensure_future(service.listen(echo))
    try:
        yield service
    finally:
        await service.stop()
        # Its pipe must be closed before the loop is: asyncio would complain
        # of it on the way out. All that wrote to it have ended.
        await within('end of its output', listening)

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

"""Services to measure, as real processes, and how they are measured."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import statistics
import sys
import tempfile
import time
from typing import Any
import uuid

from benchmarks.targets import Row
from osdbg import settings
from tests.functional import dap
from tests.functional import debuggers
from tests.functional import harness

SERVICE = str(pathlib.Path(__file__).resolve().parent / 'service.py')
ENGINES = ('eventlet', 'threading')
# With osdbg, by ``init()`` or ``wrap()``; the last stops for a token only.
MODES = ('osdbg', 'wrap', 'only')
SECONDS = 30.0
_UNIX_CONNECTED = '03'


class Lab(contextlib.ExitStack):
    """A gateway of our own, and services that end with the measurement."""

    def __init__(self) -> None:
        """Prepare an environment in which bytecode is cached."""
        super().__init__()
        self.socket = f'osdbg-bench-{uuid.uuid4().hex}'
        cache = tempfile.TemporaryDirectory(prefix='osdbg-bench-')
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('OS_REMOTE_DEBUG', 'OSDBG', 'PYDEVD'))
            and name != 'PYTHONDONTWRITEBYTECODE'
        }
        self.environ.update(
            OSDBG_SOCKET=self.socket,
            OSDBG_GATEWAY_GRACE=str(harness.GRACE),
            PYTHONHASHSEED='0',
            PYTHONPATH=str(harness.ROOT),
            PYTHONPYCACHEPREFIX=self.enter_context(cache),
        )

    def start(
        self,
        engine: str,
        mode: str = 'bare',
        workers: int = 1,
        **options: str,
    ) -> Any:
        """Start a service and wait until it serves.

        :param mode: ``bare``, one of ``MODES``, or ``listen`` (plain debugpy)
        :param workers: 0 for one process without a launcher
        :param options: those of ``[remote_debug]``, beside the port
        """
        environ = dict(self.environ)
        for name, value in options.items():
            environ[settings.env_name(name)] = value
        if options.get('backend') in debuggers.BACKENDS:
            environ['PYTHONPATH'] += os.pathsep + debuggers.require(
                options['backend']
            )
        service = Service(environ, engine, mode, workers)
        self.callback(service.kill)
        service.wait_workers(max(workers, 1))
        if mode in MODES:
            before = getattr(self, 'expected', 0)
            self.expected = before + workers + bool(workers) + (not workers)
            self._wait_armed(self.expected)
        return service

    def _wait_armed(self, count: int) -> None:
        """Wait until so many processes hold a line to the gateway."""

        def armed() -> bool:
            lines = pathlib.Path('/proc/net/unix').read_text().splitlines()
            fields = [line.split() for line in lines if self.socket in line]
            return sum(f[5] == _UNIX_CONNECTED for f in fields) >= count

        harness.wait_until(f'{count} armed processes', armed, SECONDS)

    def attach(
        self,
        service: Any,
        mark: str = '',
        processes: int = 1,
        path: str = SERVICE,
    ) -> Client:
        """Attach as VS Code would, with a breakpoint at a mark.

        :param service: any program that has a ``debug_port``
        :param path: the file that has the mark
        """
        client = Client(service.debug_port, timeout=10, justMyCode=True)
        client.exception_filters = ['uncaught']
        self.callback(client.hang_up)
        if mark:
            client.break_at(path, harness.line_of(mark, path))
        client.attach()
        client.wait_attached(processes)
        return client

    def gateway(self) -> int:
        """Return the process id of the gateway."""
        pids: list[int] = harness.processes_with('OSDBG_SOCKET', self.socket)
        return next(
            pid for pid in pids if 'osdbg.gateway' in harness.command_line(pid)
        )


class Service(harness.Process):
    """The service of ``service.py``."""

    def __init__(
        self, environ: dict[str, str], engine: str, mode: str, workers: int
    ) -> None:
        self.debug_port = harness.free_port()
        argv = [sys.executable, SERVICE, engine, mode, str(workers)]
        if mode in MODES:
            port = str(self.debug_port)
            environ = dict(environ, OS_REMOTE_DEBUG__PORT=port)
        elif mode == 'listen':
            argv.append(str(self.debug_port))
        super().__init__(argv, environ, f'{engine} service, {mode}')

    @property
    def http_port(self) -> int:
        """Return the port that all workers serve."""
        return int(self.wait_log(r'LISTENING (\d+)')[0].group(1))

    def wait_workers(self, count: int) -> list[int]:
        """Return the process ids of the workers, when so many serve."""
        self.wait_log(r'READY \d+', count, SECONDS)
        return [int(pid) for pid in re.findall(r'READY (\d+)', self.log)]


class Client(dap.Client):
    """A client that notes when things happened, in seconds from connect."""

    started = 0.0
    verified_at: float | None = None
    announced_at: list[float] | None = None

    def attach(self) -> Any:
        """Attach and wait until the first process goes on."""
        self.announced_at = []
        self.started = time.perf_counter()
        return super().attach()

    def _set_breakpoints(self, session: Any, path: str) -> None:
        super()._set_breakpoints(session, path)
        if self.verified_at is None and self.verified[session]:
            self.verified_at = time.perf_counter() - self.started

    def _on_child(self, configuration: Any) -> None:
        assert self.announced_at is not None
        self.announced_at.append(time.perf_counter() - self.started)
        super()._on_child(configuration)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used, all its threads together."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)


def threads(pid: int) -> int:
    """Return the number of native threads of a process."""
    return len(os.listdir(f'/proc/{pid}/task'))


def wake_ups(pid: int) -> int:
    """Return how often threads of a process have slept, the first aside."""
    texts = (
        path.read_text()
        for path in pathlib.Path(f'/proc/{pid}/task').glob('*/status')
        if path.parent.name != str(pid)
    )
    found = (
        re.search(r'\bvoluntary_ctxt_switches:\s+(\d+)', t) for t in texts
    )
    return sum(int(match.group(1)) for match in found if match)


def memory(pid: int) -> dict[str, float]:
    """Return the fields of ``smaps_rollup`` of a process, in MiB."""
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return {
        name: int(kib) / 1024
        for name, kib in re.findall(r'(\w+):\s+(\d+) kB', text)
    }


def quartiles(values: list[float]) -> str:
    """Return the range in which half of the values lie."""
    if len(values) < 3:
        return ''
    low, _, high = statistics.quantiles(values, n=4)
    return f'{low:.3g}-{high:.3g}'


def median_error(values: list[float]) -> float:
    """Return the standard error of the median, outliers aside."""
    low, _, high = statistics.quantiles(values, n=4)
    # 1.35 is the range of a normal distribution's quartiles in deviations,
    # 1.25 how much less the median says than the mean.
    error: float = 1.25 * (high - low) / 1.35 / len(values) ** 0.5
    return error


def milliseconds(
    group: str, what: str, values: list[float], note: str = ''
) -> Row:
    """Return the median of some times, with their spread beside it."""
    return Row(
        group,
        what,
        statistics.median(values),
        'ms',
        f'{quartiles(values)}{note}',
        median_error(values),
    )

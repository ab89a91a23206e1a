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

"""What happened to the requests, and whose fault that was."""

from __future__ import annotations

from collections.abc import Iterator
from collections import Counter
import contextlib
import statistics
import threading
import time

PATIENCE = 10.0
"""A request that takes longer, its worker being awake, is lost: seconds."""
PORT_SECONDS = 5.0
"""How soon the port has to be back."""


class Ledger:
    """Counts and judges.

    A request may fail if its worker was killed, and be late by as long as
    its worker was stopped, by a signal or at a breakpoint.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._absences: dict[int, list[list[float]]] = {}
        self._ended: dict[int, float] = {}
        self._cut_off: dict[int, float] = {}
        self._turnovers: list[list[float]] = []
        self.requests = 0
        self.failed_with_worker = 0
        self.delayed_with_worker = 0
        self.slowest = 0.0
        self.lost: list[str] = []
        self.visits = 0
        self.audits = 0
        self.played: Counter[str] = Counter()
        self.port_seconds: dict[str, list[float]] = {}
        self.history: list[str] = []
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def note(self, line: str) -> None:
        """Add a line to the history."""
        self.history.append(f'{self.elapsed:8.2f} {line}')

    # What the driver does to workers.

    @contextlib.contextmanager
    def away(self, pid: int) -> Iterator[None]:
        """Excuse a worker while it is stopped."""
        with _open_end(self._absences.setdefault(pid, [])):
            yield

    @contextlib.contextmanager
    def turnover(self, pids: list[int]) -> Iterator[None]:
        """Excuse a service whose workers are all being replaced."""
        for pid in pids:
            self.ended(pid, set())
        with _open_end(self._turnovers):
            yield

    def ended(self, pid: int, callers: set[int]) -> None:
        """Note that a worker is about to be ended.

        :param callers: the ports of those whose requests it has accepted
        """
        now = time.monotonic()
        self._ended[pid] = now
        self._cut_off.update(dict.fromkeys(callers, now))

    def has_ended(self, pid: int) -> bool:
        """Tell whether it was the driver who ended a worker."""
        return pid in self._ended

    # What became of requests.

    def answered(self, pid: int, start: float) -> None:
        """Note an answer by process ``pid`` to a request of ``start``."""
        end = time.monotonic()
        late = end - start - self._excused(pid, start, end)
        with self._lock:
            self.requests += 1
            self.slowest = max(self.slowest, late)
            if end - start - late > 1:
                self.delayed_with_worker += 1
        if late > PATIENCE:
            self._lose(f'worker {pid} answered after {late:.1f} s')

    def _excused(self, pid: int, start: float, end: float) -> float:
        spans = [*self._absences.get(pid, ()), *self._turnovers]
        return sum(
            max(0.0, min(end, until) - max(start, since))
            for since, until in spans
        )

    def failed(
        self, pid: int | None, port: int, start: float, why: str
    ) -> None:
        """Note a request without an answer.

        :param pid: the worker at the other end, if known
        :param port: of our end of the connection
        """
        with self._lock:
            self.requests += 1
            if self._was_ended(pid, port, start):
                self.failed_with_worker += 1
                return
        self._lose(f'worker {pid or "unknown"}, port {port}: {why}')

    def _was_ended(self, pid: int | None, port: int, start: float) -> bool:
        if pid is not None:
            # For some time: another may have its number later.
            return start < self._ended.get(pid, float('-inf')) + PATIENCE
        if self._cut_off.get(port, 0) > start:
            return True
        now = time.monotonic()
        return any(
            since < now and start < until for since, until in self._turnovers
        )

    def _lose(self, what: str) -> None:
        self.lost.append(f'{self.elapsed:8.2f} {what}')

    # The sum of it.

    def port_back(self, kind: str, seconds: float) -> None:
        """Note how long the port was away after a fault."""
        self.port_seconds.setdefault(kind, []).append(seconds)

    def report(self) -> str:
        """Return the figures as text."""
        lines = [
            f'{self.elapsed / 60:.1f} minutes, {sum(self.played.values())} '
            f'faults, {self.visits} checks by a client, {self.audits} audits '
            f'of threads and descriptors',
            f'{self.requests} requests: {len(self.lost)} lost; '
            f'{self.failed_with_worker} failed with a worker that was ended, '
            f'{self.delayed_with_worker} waited for one that was stopped; '
            f'the slowest other took {self.slowest:.2f} s',
            f'{"fault":22} {"times":>5}  port back: median and most seconds',
        ]
        for kind, times in sorted(self.played.items()):
            took = self.port_seconds.get(kind)
            lines.append(f'{kind:22} {times:5}  {_figures(took)}')
        return '\n'.join(lines)


def _figures(seconds: list[float] | None) -> str:
    if not seconds:
        return '     -      -'  # the client that was there went on each time
    return f'{statistics.median(seconds):6.2f} {max(seconds):6.2f}'


@contextlib.contextmanager
def _open_end(spans: list[list[float]]) -> Iterator[None]:
    """Add a span of time that goes on until the caller is done."""
    span = [time.monotonic(), float('inf')]
    spans.append(span)
    try:
        yield
    finally:
        span[1] = time.monotonic()

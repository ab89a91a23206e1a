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

"""Throughput of a service with one worker, as a ratio to it without osdbg.

Each condition has a process of its own; all of them are up, and one after the
other is kept busy for a second, round after round in another order. A ratio
is taken within a round, and the processes are replaced now and then, so that
neither what else the machine does nor the luck of one process's memory layout
counts. The service without osdbg is there twice: how far the second is from
1.0 is what the machine's noise amounts to.
"""

from __future__ import annotations

import statistics
from typing import Callable, NamedTuple

from benchmarks import lab as lab_
from benchmarks import load
from benchmarks.targets import Row

_CONNECTIONS = 8
_BARE = 'without osdbg'


def _nothing(lab: lab_.Lab, service: lab_.Service) -> None:
    pass


def _attach(lab: lab_.Lab, service: lab_.Service) -> None:
    lab.attach(service)


def _attach_cold(lab: lab_.Lab, service: lab_.Service) -> None:
    lab.attach(service, 'cold')


def _detach(lab: lab_.Lab, service: lab_.Service) -> None:
    client = lab.attach(service, 'cold')
    load.run(service.http_port, 1, _CONNECTIONS)
    client.detach()


_CONDITIONS: dict[
    str, tuple[str, Callable[[lab_.Lab, lab_.Service], None]]
] = {
    _BARE: ('bare', _nothing),
    'without osdbg, once more': ('bare', _nothing),
    'armed, no client': ('osdbg', _nothing),
    'client attached': ('osdbg', _attach),
    'client attached, cold breakpoint': ('osdbg', _attach_cold),
    'after detach': ('osdbg', _detach),
    'debugpy.listen(), no client': ('listen', _nothing),
    'debugpy.listen(), client attached': ('listen', _attach),
}


class Speed(NamedTuple):
    """Requests per second of wall time and of the worker's CPU time."""

    wall: float
    cpu: float


class _Samples:
    """What was measured of one engine."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}
        self.broken: dict[str, str] = {}
        self.bare: list[Speed] = []

    def add(self, speeds: dict[str, Speed]) -> None:
        bare = speeds[_BARE]
        self.bare.append(bare)
        for name, speed in speeds.items():
            self.wall.setdefault(name, []).append(speed.wall / bare.wall)
            self.cpu.setdefault(name, []).append(speed.cpu / bare.cpu)


def measure(quick: bool) -> list[Row]:
    """Measure both engines."""
    batches, rounds = (1, 3) if quick else (4, 4)
    rows = []
    for engine in lab_.ENGINES:
        samples = _Samples()
        for _ in range(batches):
            with lab_.Lab() as lab:
                _measure_batch(lab, engine, rounds, samples)
        rows += _rows(f'throughput, {engine}', samples)
    return rows


def _measure_batch(
    lab: lab_.Lab, engine: str, rounds: int, samples: _Samples
) -> None:
    services = {}
    for name, (mode, prepare) in _CONDITIONS.items():
        service = lab.start(engine, mode)
        try:
            _speed(service)  # what is done at the first request only
            prepare(lab, service)
            services[name] = service
        except Exception as error:
            if mode != 'listen':
                raise
            samples.broken[name] = f'{type(error).__name__}: {error}'
    order = list(services)
    for _ in range(rounds):
        speeds = {}
        for name in order:
            try:
                speeds[name] = _speed(services[name])
            except load.ServiceBroken as error:
                if _CONDITIONS[name][0] != 'listen':
                    raise
                samples.broken[name] = str(error)
        samples.add(speeds)
        order = order[3:] + order[:3]


def _speed(service: lab_.Service) -> Speed:
    (pid,) = service.wait_workers(1)
    before = lab_.cpu_seconds(pid)
    requests, seconds = load.run(service.http_port, 1, _CONNECTIONS)
    used = lab_.cpu_seconds(pid) - before
    return Speed(requests / seconds, requests / used)


def _rows(group: str, samples: _Samples) -> list[Row]:
    wall = statistics.median(speed.wall for speed in samples.bare)
    cpu = statistics.median(1e6 / speed.cpu for speed in samples.bare)
    rows = [Row(group, _BARE, wall, 'req/s', f'CPU {cpu:.0f} us a request')]
    for name in _CONDITIONS:
        if name == _BARE:
            continue
        if name in samples.broken:
            rows.append(Row(group, name, None, 'x', samples.broken[name]))
            continue
        ratios = samples.wall[name]
        per_cpu = statistics.median(samples.cpu[name])
        note = f'{lab_.quartiles(ratios)}; by CPU time {per_cpu:.3f}'
        rows.append(Row(group, name, statistics.median(ratios), 'x', note))
    return rows

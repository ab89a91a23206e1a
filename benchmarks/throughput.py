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

Each condition has a process of its own, and all are up. Before and after each
short measurement of one comes one of the service without osdbg, and the ratio
is taken to these two; the processes are replaced now and then. So neither
what else the machine does nor the luck of one process's memory layout counts.
The service without osdbg is measured against itself as well: how far that is
from 1.0 is what the noise amounts to. ``at best`` compares the tenths of the
measurements that were disturbed least, as timeit's advice goes.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import random
import statistics
from typing import NamedTuple

from benchmarks import lab as lab_
from benchmarks.load import Load
from benchmarks.load import ServiceBroken
from benchmarks.load import Speed
from benchmarks.targets import Row
from tests.functional import harness

_SECONDS = 0.05
_WARM_UP_SECONDS = 0.5
_BARE = 'without osdbg'


def _nothing(lab: lab_.Lab, service: lab_.Service, busy: Load) -> None:
    pass


def _attach(lab: lab_.Lab, service: lab_.Service, busy: Load) -> None:
    lab.attach(service)


def attach_at(
    mark: str,
) -> Callable[[lab_.Lab, lab_.Service, Load], None]:
    """Return what attaches with a breakpoint.

    :param mark: of the line in ``service.py``
    """

    def attach(lab: lab_.Lab, service: lab_.Service, busy: Load) -> None:
        lab.attach(service, mark)

    return attach


def _detach(lab: lab_.Lab, service: lab_.Service, busy: Load) -> None:
    before = lab_.threads(busy.worker)
    client = lab.attach(service, 'cold')
    busy.run(_WARM_UP_SECONDS)
    client.detach()
    harness.wait_until(
        'end of the debugger', lambda: lab_.threads(busy.worker) <= before
    )


def _detach_plain(lab: lab_.Lab, service: lab_.Service, busy: Load) -> None:
    client = lab.attach(service, 'cold')
    busy.run(_WARM_UP_SECONDS)
    client.detach()


class Condition(NamedTuple):
    """What a service is measured under."""

    mode: str
    """As for ``Lab.start``."""
    prepare: Callable[[lab_.Lab, lab_.Service, Load], None] = _nothing
    """Called when the service is warm."""
    options: Mapping[str, str] = {}
    """Options of ``[remote_debug]``."""
    prove: Callable[[lab_.Service], None] | None = None
    """Called at the end: raises unless the condition has been what it says."""


CONDITIONS = {
    'without osdbg, another process': Condition('bare'),
    'armed, no client': Condition('osdbg'),
    'client attached': Condition('osdbg', _attach),
    'client attached, cold breakpoint': Condition('osdbg', attach_at('cold')),
    'after detach': Condition('osdbg', _detach),
    'debugpy.listen(), no client': Condition('listen'),
    'debugpy.listen(), client attached': Condition('listen', _attach),
    'debugpy.listen(), after detach': Condition('listen', _detach_plain),
}


class _Samples:
    """What was measured of one engine."""

    def __init__(self, names: Iterable[str], servers: int) -> None:
        self.servers = servers
        self.bare: list[Speed] = []
        self.speeds: dict[str, list[Speed]] = {name: [] for name in names}
        self.wall: dict[str, list[float]] = {name: [] for name in names}
        self.cpu: dict[str, list[float]] = {name: [] for name in names}
        self.broken: dict[str, str] = {}

    def add(self, name: str, speed: Speed) -> None:
        """Note a speed between the last two of the bare service."""
        self.speeds[name].append(speed)
        before, after = self.bare[-2:]
        wall, cpu = before.wall + after.wall, before.cpu + after.cpu
        self.wall[name].append(2 * speed.wall / wall)
        self.cpu[name].append(2 * speed.cpu / cpu)


def measure(quick: bool) -> list[Row]:
    """Measure both engines."""
    return compare('throughput', CONDITIONS, quick)


def compare(
    what: str,
    conditions: Mapping[str, Condition],
    quick: bool,
    servers: int = 10,
    engines: Iterable[str] = lab_.ENGINES,
) -> list[Row]:
    """Measure engines under some conditions, beside the bare service.

    :param what: the group of the rows, beside the engine
    :param conditions: what to measure, by its name in the table
    :param quick: whether a rough figure will do
    :param servers: how much the application does for a request
    :param engines: which
    """
    batches, rounds = (1, 20) if quick else (5, 32)
    rows = []
    for engine in engines:
        samples = _Samples(conditions, servers)
        for _ in range(batches):
            with lab_.Lab() as lab:
                _measure_batch(lab, engine, conditions, rounds, samples)
        rows += _rows(f'{what}, {engine}', samples)
    return rows


def _measure_batch(
    lab: lab_.Lab,
    engine: str,
    conditions: Mapping[str, Condition],
    rounds: int,
    samples: _Samples,
) -> None:
    bare = _start(lab, engine, Condition('bare'), samples.servers)
    others = {}
    for name, condition in conditions.items():
        try:
            others[name] = _start(lab, engine, condition, samples.servers)
        except Exception as error:
            if condition.mode != 'listen':
                raise
            samples.broken[name] = f'{type(error).__name__}: {error}'
    for _ in range(rounds):
        samples.bare.append(bare.run(_SECONDS))
        for name in random.sample(list(others), len(others)):
            try:
                speed = others[name].run(_SECONDS)
            except (ServiceBroken, OSError) as error:
                if conditions[name].mode != 'listen':
                    raise
                samples.broken[name] = str(error)
                del others[name]
            else:
                samples.bare.append(bare.run(_SECONDS))
                samples.add(name, speed)
    for name, busy in others.items():
        prove = conditions[name].prove
        if prove is not None:
            prove(busy.service)


def _start(
    lab: lab_.Lab, engine: str, condition: Condition, servers: int
) -> Load:
    # Plain debugpy cannot follow a launcher to its worker.
    workers = 0 if condition.mode == 'listen' else 1
    service = lab.start(engine, condition.mode, workers, **condition.options)
    busy = Load(service, service.wait_workers(1)[0], servers)
    lab.callback(busy.close)
    busy.run(_WARM_UP_SECONDS)
    condition.prepare(lab, service, busy)
    busy.run(_WARM_UP_SECONDS)
    return busy


def _best(speeds: list[Speed]) -> Speed:
    """Return what is reached in the tenth that was disturbed least."""
    wall, cpu = (statistics.quantiles(kind, n=10)[-1] for kind in zip(*speeds))
    return Speed(wall, cpu)


def _rows(group: str, samples: _Samples) -> list[Row]:
    best = _best(samples.bare)
    wall = statistics.median(speed.wall for speed in samples.bare)
    note = f'CPU {1e6 / best.cpu:.0f} us a request, {best.wall:.0f} at best'
    rows = [Row(group, _BARE, wall, 'req/s', note)]
    for name, ratios in samples.wall.items():
        if name in samples.broken:
            rows.append(Row(group, name, None, 'x', samples.broken[name]))
            continue
        error = lab_.median_error(ratios)
        cpu = samples.cpu[name]
        at_best = _best(samples.speeds[name])
        note = (
            f'+-{error:.3f}; by CPU {statistics.median(cpu):.3f}'
            f'+-{lab_.median_error(cpu):.3f}'
            f'; at best {at_best.wall / best.wall:.3f}'
            f', by CPU {at_best.cpu / best.cpu:.3f}'
        )
        median = statistics.median(ratios)
        rows.append(Row(group, name, median, 'x', note, error))
    return rows

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

"""Memory that osdbg adds to a process, and what the gateway takes.

Of a service, the pages that are not a file's: those are shared with whoever
runs the same Python, the gateway included. ``own`` are the ones that no other
process has, ``share`` adds the process's part of those it has in common with
the ones it was forked from. The figure is the greater of both differences.
"""

from __future__ import annotations

import statistics

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import harness

_WORKERS = 3
_REQUESTS = 20
_KINDS = {'own': 'Private_Dirty', 'share': 'Pss_Anon'}


def measure(quick: bool) -> list[Row]:
    """Measure both engines, and report the greater figures."""
    runs = 2 if quick else 5
    rows = []
    for what, workers in (
        ('armed, one process', 0),
        ('armed, forked processes', _WORKERS),
    ):
        found = [
            _measure_armed(engine, workers, runs) for engine in lab_.ENGINES
        ]
        worst = max(max(deltas.values()) for deltas in found)
        note = '; '.join(
            f'{engine}: own {deltas["own"]:+.2f} share {deltas["share"]:+.2f}'
            for engine, deltas in zip(lab_.ENGINES, found)
        )
        rows.append(Row('memory', what, worst, 'MiB', note))
    return rows + _measure_gateway()


def _measure_armed(engine: str, workers: int, runs: int) -> dict[str, float]:
    """Return the difference per process, a launcher counting as one."""
    found: dict[str, dict[str, list[float]]] = {
        mode: {kind: [] for kind in _KINDS} for mode in ('bare', 'osdbg')
    }
    for _ in range(runs):
        for mode, samples in found.items():
            with lab_.Lab() as lab:
                for kind, mib in _sample(lab, engine, mode, workers).items():
                    samples[kind].append(mib)
    return {
        kind: statistics.median(found['osdbg'][kind])
        - statistics.median(found['bare'][kind])
        for kind in _KINDS
    }


def _sample(
    lab: lab_.Lab, engine: str, mode: str, workers: int
) -> dict[str, float]:
    service = lab.start(engine, mode, workers)
    pids = {service.pid, *service.wait_workers(max(workers, 1))}
    for _ in range(_REQUESTS):
        harness.http_get(service.http_port, '/')
    sizes = [lab_.memory(pid) for pid in pids]
    return {
        kind: statistics.mean(size[field] for size in sizes)
        for kind, field in _KINDS.items()
    }


def _measure_gateway() -> list[Row]:
    rows = []
    with lab_.Lab() as lab:
        service = lab.start('eventlet', 'osdbg', 16)
        idle = lab_.memory(lab.gateway())
        lab.attach(service, 'cold', processes=16)
        for what, size in (
            ('gateway', idle),
            ('gateway, client attached', lab_.memory(lab.gateway())),
        ):
            own = size['Private_Clean'] + size['Private_Dirty']
            note = f'RSS, of 16 workers; PSS {size["Pss"]:.1f} USS {own:.1f}'
            rows.append(Row('memory', what, size['Rss'], 'MiB', note))
    return rows

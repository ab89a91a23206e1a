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

"""Time from a client's TCP connect until it is of use.

The service is started anew for each figure, as the first attach in a process
is the one that imports the debugger.
"""

from __future__ import annotations

import statistics
import time

from benchmarks import lab as lab_
from benchmarks.targets import Row

_WORKERS = (1, 4, 16)


def measure(quick: bool) -> list[Row]:
    """Measure with 1, 4 and 16 workers."""
    rows = []
    with lab_.Lab() as lab:
        _attach_once(lab, 1)  # writes the bytecode of the debugger
    for workers in _WORKERS:
        found: dict[str, list[float]] = {}
        for _ in range(2 if quick else 7):
            with lab_.Lab() as lab:
                lab.environ['PYTHONPYCACHEPREFIX'] = ''
                for what, seconds in _attach_once(lab, workers).items():
                    found.setdefault(what, []).append(seconds)
        plural = 's' if workers > 1 else ''
        for what, values in found.items():
            rows.append(
                Row(
                    'attach',
                    f'{what}, {workers} worker{plural}',
                    statistics.median(values),
                    's',
                    lab_.quartiles(values),
                )
            )
    return rows


def _attach_once(lab: lab_.Lab, workers: int) -> dict[str, float]:
    service = lab.start('eventlet', 'osdbg', workers)
    client = lab.attach(service, 'cold')
    assert client.verified_at is not None and client.announced_at is not None
    found = {'first verified breakpoint': client.verified_at}
    if workers > 1:
        client.wait_for(
            'all announced',
            lambda: len(client.announced_at or ()) == workers - 1 or None,
        )
        found['all announced'] = client.announced_at[-1]
    client.wait_attached(workers)
    found['all attached'] = time.perf_counter() - client.started
    client.detach()
    again = lab.attach(service, 'cold', workers)
    assert again.verified_at is not None
    found['first verified breakpoint, next attach'] = again.verified_at
    return found

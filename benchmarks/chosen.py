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

"""What it costs everybody else that one request is chosen to stop.

First ``osdbg.here()``, the condition of a breakpoint, where it is false: in a
request that ``integrations/serving.py`` has told of, and where its stack has
to be searched. Then the throughput of a service whose ``only_header`` keeps
its client out of all requests that are measured, as in ``throughput.py``.

There are requests for which the application has much to do, as those of
OpenStack have, and such that are hardly more than the server's own work.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks import lab as lab_
from benchmarks.targets import Row
from benchmarks import throughput

_GROUP = 'osdbg.here(), false'

# The cheapest of many rounds: what disturbs one only ever makes it longer.
_PROGRAM = """
import json, timeit
from osdbg import activities
from osdbg import here

environ = {
    'REQUEST_METHOD': 'GET',
    'SCRIPT_NAME': '',
    'PATH_INFO': '/v2.1/servers/5f1d/os-interface',
    'HTTP_X_REQUEST_ID': 'req-0b5e55ed-0000-4000-8000-00000000c0de',
    'HTTP_X_OPENSTACK_NOVA_API_VERSION': '2.95',
}
asked = {
    'path=': lambda: here(path='^/v3/auth'),
    'request_id=': lambda: here(request_id='req-1'),
    'header=': lambda: here(header='X-Mine: yes'),
}

def cost(ask):
    assert ask() is False
    number = 2000
    return 1e6 * min(timeit.Timer(ask).repeat(25, number)) / number

def deep(depth):
    if depth:
        return deep(depth - 1)
    return {name: cost(ask) for name, ask in asked.items()}

def application(environ, start_response):
    return deep(29)

found = {'nobody knows of': deep(30)}
found['not told of'] = application(environ, None)
activities.current.set(activities.WsgiRequest(environ))
found['told of'] = application(environ, None)
print(json.dumps(found))
"""

# What the application makes for a request: 10 take some 10 microseconds.
_REQUESTS = {'long requests': 2_000, 'short requests': 10}
_attach_cold = throughput.CONDITIONS['client attached, cold breakpoint']
_attach_hot = throughput.attach_at('hot')
_CONDITIONS = {
    name: throughput.CONDITIONS[name]
    for name in (
        'without osdbg, another process',
        'client attached',
        'after detach',
    )
} | {
    'wrap(), cold breakpoint': _attach_cold._replace(mode='wrap'),
    'wrap(only_header), cold breakpoint': _attach_cold._replace(mode='only'),
    'wrap(only_header), breakpoint in each': throughput.Condition(
        'only', _attach_hot
    ),
}


def measure(quick: bool) -> list[Row]:
    """Measure the condition, then services of all engines."""
    rows = _measure_here(5 if quick else 15)
    for what, servers in _REQUESTS.items():
        what = f'throughput while one is chosen, {what}'
        rows += throughput.compare(
            what, _CONDITIONS, quick, servers, (*lab_.ENGINES, 'asyncio')
        )
    return rows


def _measure_here(runs: int) -> list[Row]:
    found = []
    with lab_.Lab() as lab:
        for _ in range(runs):
            done = subprocess.run(
                [sys.executable, '-c', _PROGRAM],
                cwd='/',
                env=lab.environ,
                stdout=subprocess.PIPE,
                check=True,
            )
            found.append(json.loads(done.stdout))
    return [
        _row(
            f'{criterion}, request {known}',
            [f[known][criterion] for f in found],
        )
        for known in ('told of', 'not told of', 'nobody knows of')
        for criterion in found[0][known]
    ]


def _row(what: str, values: list[float]) -> Row:
    return Row(
        _GROUP,
        what,
        statistics.median(values),
        'us',
        lab_.quartiles(values),
        lab_.median_error(values),
    )

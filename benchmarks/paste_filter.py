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

"""What the paste filter costs each request while no client is attached."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import harness

_GROUP = 'paste filter, a request'
_STOPS = {
    'break_on_exception': 'true',
    'break_on_path': '^/v2.1/servers',
    'break_on_request_id': 'req-0b5e55ed-0000-4000-8000-00000000c0de',
}

# The cheapest of many rounds: what disturbs one only ever makes it longer.
_PROGRAM = '''
import json, sys, timeit
from osdbg.integrations.paste import filter_factory

def app(environ, start_response):
    return ()

served = filter_factory({{}}, **{options})(app)
assert (served is app) == {off}
environ = {{"SCRIPT_NAME": "", "PATH_INFO": "/v2.1/servers"}}

def cost(app):
    number = 20000
    timer = timeit.Timer(lambda: app(environ, None))
    return min(timer.repeat(25, number)) / number

print(json.dumps([cost(served) - cost(app), cost(app)]))
'''


def measure(quick: bool) -> list[Row]:
    """Measure the filter off, then on."""
    runs = 5 if quick else 15
    with lab_.Lab() as lab:
        return [
            _measure(lab, runs, 'off', {}),
            _measure(
                lab,
                runs,
                'on, no client',
                {'port': str(harness.free_port()), **_STOPS},
            ),
        ]


def _measure(
    lab: lab_.Lab, runs: int, what: str, options: dict[str, str]
) -> Row:
    program = _PROGRAM.format(options=options, off='port' not in options)
    costs = []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, '-c', program],
            cwd='/',
            env=lab.environ,
            stdout=subprocess.PIPE,
            check=True,
        )
        costs.append([seconds * 1e9 for seconds in json.loads(done.stdout)])
    added = [cost for cost, _ in costs]
    bare = statistics.median(bare for _, bare in costs)
    note = f'{lab_.quartiles(added)}; without it {bare:.0f} ns'
    if 'port' not in options:
        note += '; the same object'
    return Row(_GROUP, what, statistics.median(added), 'ns', note)

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

"""What ``import osdbg`` and ``init(CONF)`` cost in fresh processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import harness

_UNWANTED = {
    'threading',
    'socket',
    'logging',
    'oslo_config',
    'eventlet',
    'debugpy',
    'pydevd',
}

_IMPORT = '''
import sys, time
before = set(sys.modules)
start = time.perf_counter()
import osdbg
took = time.perf_counter() - start
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps({"took": took, "loaded": loaded}))
'''

# As in a service: the configuration is read, then osdbg is asked.
_INIT = '''
import json, sys, time
from oslo_config import cfg
conf = cfg.CONF
conf([], project="bench", default_config_files=[{config!r}])
start = time.perf_counter()
from osdbg import init
took = time.perf_counter() - start
before = set(sys.modules)
times = []
for _ in range(200):
    start = time.perf_counter()
    status = init(conf)
    times.append(time.perf_counter() - start)
assert (status is not None) == {on}
print(json.dumps({{
    "import": took,
    "first": times[0],
    "later": sorted(times[1:])[len(times) // 2],
    "loaded": sorted(set(sys.modules) - before),
}}))
'''
_CONFIG = """\
[DEFAULT]
debug = false
[database]
connection = sqlite://
[oslo_messaging_rabbit]
heartbeat_rate = 3
"""


def measure(quick: bool) -> list[Row]:
    """Measure the import, then ``init()`` off and on."""
    runs = 10 if quick else 40
    with lab_.Lab() as lab:
        return [
            *_measure_import(lab, runs),
            *_measure_init(lab, runs, on=False),
            *_measure_init(lab, runs, on=True),
        ]


def _run(lab: lab_.Lab, code: str, **environ: str) -> tuple[float, Any]:
    """Run a program; return the seconds it took and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd='/',
        env={**lab.environ, **environ},
        stdout=subprocess.PIPE,
        check=True,
    )
    took = time.perf_counter() - start
    return took, json.loads(done.stdout) if done.stdout else None


def _measure_import(lab: lab_.Lab, runs: int) -> list[Row]:
    _run(lab, 'import osdbg')  # writes the bytecode
    pairs = []
    inside = []
    for _ in range(runs):
        empty, _ = _run(lab, 'pass')
        full, _ = _run(lab, 'import osdbg')
        pairs.append((empty, full))
        _, report = _run(lab, _IMPORT)
        inside.append(report['took'] * 1000)
    over = [(full - empty) * 1000 for empty, full in pairs]
    empty_ms = statistics.median(empty for empty, _ in pairs) * 1000
    loaded = report['loaded']
    unwanted = sorted(_UNWANTED & {name.split('.')[0] for name in loaded})
    group = 'import osdbg'
    return [
        Row(
            group,
            'over an empty interpreter',
            statistics.median(over),
            'ms',
            f'{lab_.quartiles(over)}; an empty one {empty_ms:.1f} ms',
        ),
        Row(group, 'the statement', statistics.median(inside), 'ms'),
        _modules(group, 'modules loaded', loaded),
        _modules(group, 'unwanted modules loaded', unwanted),
    ]


def _measure_init(lab: lab_.Lab, runs: int, *, on: bool) -> list[Row]:
    environ = {}
    if on:
        environ['OS_REMOTE_DEBUG__PORT'] = str(harness.free_port())
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as config:
        config.write(_CONFIG)
        config.flush()
        code = _INIT.format(config=config.name, on=on)
        _run(lab, code, **environ)  # writes the bytecode
        reports = [_run(lab, code, **environ)[1] for _ in range(runs)]
    group = f'init(CONF), {"on" if on else "off"}'
    loaded = reports[0]['loaded']
    return [
        _time(group, 'from osdbg import init', reports, 'import'),
        _time(group, 'first call in a process', reports, 'first'),
        _time(group, 'later calls', reports, 'later'),
        _modules(group, 'modules loaded by the call', loaded),
    ]


def _time(group: str, what: str, reports: list[Any], key: str) -> Row:
    values = [report[key] * 1e6 for report in reports]
    note = lab_.quartiles(values)
    return Row(group, what, statistics.median(values), 'us', note)


def _modules(group: str, what: str, names: list[str]) -> Row:
    return Row(group, what, len(names), '', ' '.join(names))

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

"""``python -m benchmarks``: print one table of what osdbg costs."""

from __future__ import annotations

import argparse
from importlib import metadata
import json
import os
import platform
import sys
import time
import traceback
from typing import Any

from benchmarks import attach
from benchmarks import checks
from benchmarks import commands
from benchmarks import connecting
from benchmarks import green
from benchmarks import import_cost
from benchmarks import memory
from benchmarks import paste_filter
from benchmarks import runner
from benchmarks import stacks
from benchmarks.targets import Row
from benchmarks import throughput
from benchmarks import waiting

_ALL = {
    'import_cost': import_cost.measure,
    'memory': memory.measure,
    'paste_filter': paste_filter.measure,
    'runner': runner.measure,
    'attach': attach.measure,
    'checks': checks.measure,
    'commands': commands.measure,
    'connecting': connecting.measure,
    'stacks': stacks.measure,
    'green': green.measure,
    'throughput': throughput.measure,
    'waiting': waiting.measure,
}


def main() -> int:
    """Run the benchmarks.

    :returns: 0 unless a measurement itself failed: a missed target is for
        the reader to judge, on a machine that may be busy
    """
    parser = argparse.ArgumentParser(prog='python -m benchmarks')
    parser.add_argument('--quick', action='store_true', help='fewer rounds')
    parser.add_argument('--only', choices=_ALL, help='one measurement')
    parser.add_argument('--json', action='store_true')
    arguments = parser.parse_args()
    rows: list[Row] = []
    failed = 0
    for name in [arguments.only] if arguments.only else list(_ALL):
        start = time.monotonic()
        try:
            rows += _ALL[name](arguments.quick)
        except Exception:
            failed = 1
            print(f'{name} failed:', file=sys.stderr)
            traceback.print_exc()
        took = time.monotonic() - start
        print(f'{name}: {took:.0f} s', file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps(_report(rows, arguments.quick), indent=1))
    else:
        _print_table(rows)
    return failed


def _report(rows: list[Row], quick: bool) -> dict[str, Any]:
    """Return the rows, and what they were measured with."""
    return {
        'date': time.strftime('%Y-%m-%d'),
        'python': platform.python_version(),
        'packages': {
            name: metadata.version(name)
            for name in ('debugpy', 'eventlet', 'oslo.service')
        },
        'cpus': os.cpu_count(),
        'load': os.getloadavg()[0],
        'quick': quick,
        'rows': [row.as_json() for row in rows],
    }


def _print_table(rows: list[Row]) -> None:
    loads = ' '.join(f'{number:.1f}' for number in os.getloadavg())
    print(
        f'Python {platform.python_version()}, {os.cpu_count()} CPUs, '
        f'load {loads}; medians; beside them quartiles or standard errors'
    )
    group = ''
    width = max((len(row.what) for row in rows), default=0) + 2
    for row in rows:
        if row.group != group:
            group = row.group
            print(f'\n{group}')
        value = '-' if row.value is None else _number(row)
        target = ''
        if row.target is not None:
            comparison, limit = row.target
            target = f'{comparison} {limit:g}'
        print(
            f'  {row.what:{width}}{value:>12}  {target:8}{row.verdict:8}'
            f'{row.note}'.rstrip()
        )


def _number(row: Row) -> str:
    assert row.value is not None
    digits = 3 if abs(row.value) < 10 else 1
    if row.unit in ('req/s', '') or row.unit == 'us' and row.value >= 100:
        digits = 0
    return f'{row.value:.{digits}f} {row.unit}'.rstrip()


if __name__ == '__main__':
    sys.exit(main())

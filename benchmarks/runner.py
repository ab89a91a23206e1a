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

"""What ``osdbg run`` adds to the start of a service."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import harness

_GROUP = 'osdbg run'
# Until its first line, and until it could launch its workers.
_PROGRAMS = {
    'to the first line': 'pass',
    'to a service about to launch': (
        'from oslo_config import cfg; from oslo_service import service; '
        'cfg.CONF([], default_config_files=[]); '
        'service.ServiceLauncher(cfg.CONF)'
    ),
}


def measure(quick: bool) -> list[Row]:
    """Start programs as they are and under ``osdbg run``, in turns."""
    runs = 8 if quick else 30
    with lab_.Lab() as lab:
        return [
            _measure(lab, runs, what, program)
            for what, program in _PROGRAMS.items()
        ]


def _measure(lab: lab_.Lab, runs: int, what: str, program: str) -> Row:
    bare = [sys.executable, '-c', program]
    port = str(harness.free_port())
    under = [sys.executable, '-m', 'osdbg', 'run', '--port', port, '--', *bare]
    for words in (bare, under):
        _seconds(lab, words)  # writes the bytecode
    pairs = [(_seconds(lab, bare), _seconds(lab, under)) for _ in range(runs)]
    added = [(ours - alone) * 1000 for alone, ours in pairs]
    alone_ms = statistics.median(alone for alone, _ in pairs) * 1000
    return Row(
        _GROUP,
        what,
        statistics.median(added),
        'ms',
        f'{lab_.quartiles(added)}; by itself it takes {alone_ms:.0f} ms',
    )


def _seconds(lab: lab_.Lab, words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        words,
        cwd='/',
        env=lab.environ,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start

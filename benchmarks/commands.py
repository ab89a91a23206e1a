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

"""How long a person waits for a command.

Beside it, in turns: the same Python with nothing to do.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import time

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import harness

_GROUP = 'commands'
_PROCESSES = 64
_ARMED = """
import os, sys, time
from osdbg import init
init()
for _ in range(int(sys.argv[1]) - 1):
    if not os.fork():
        break
time.sleep(600)
"""


def measure(quick: bool) -> list[Row]:
    """Run the commands as people do, and as programs do."""
    runs = 8 if quick else 30
    with lab_.Lab() as lab:
        rows = [_measure(lab, runs, '--help', ['--help'])]
        service = harness.Process(
            [sys.executable, '-c', _ARMED, str(_PROCESSES)],
            dict(lab.environ, OS_REMOTE_DEBUG__PORT=str(harness.free_port())),
            'armed',
        )
        lab.callback(service.kill)
        harness.wait_until(
            'armed processes', lambda: _count(lab) == _PROCESSES, lab_.SECONDS
        )
        what = f'ps, {_PROCESSES} processes'
        rows.append(_measure(lab, runs, what, ['ps']))
        rows.append(_measure(lab, runs, f'{what}, in colours', ['ps'], True))
    return rows


def _count(lab: lab_.Lab) -> int:
    done = subprocess.run(
        [sys.executable, '-m', 'osdbg', 'ps'],
        env=lab.environ,
        check=True,
        capture_output=True,
    )
    return len(done.stdout.splitlines()) - 1


def _measure(
    lab: lab_.Lab,
    runs: int,
    what: str,
    words: list[str],
    terminal: bool = False,
) -> Row:
    bare = [sys.executable, '-c', 'pass']
    command = [sys.executable, '-m', 'osdbg', *words]
    _seconds(lab, command, terminal)  # writes the bytecode
    pairs = [
        (_seconds(lab, bare, False), _seconds(lab, command, terminal))
        for _ in range(runs)
    ]
    times = [1000 * ours for _, ours in pairs]
    alone = 1000 * statistics.median(alone for alone, _ in pairs)
    return Row(
        _GROUP,
        what,
        statistics.median(times),
        'ms',
        f'{lab_.quartiles(times)}; an empty Python takes {alone:.0f} ms',
        lab_.median_error(times),
    )


def _seconds(lab: lab_.Lab, words: list[str], terminal: bool) -> float:
    if not terminal:
        start = time.perf_counter()
        subprocess.run(
            words, env=lab.environ, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - start
    master, slave = pty.openpty()
    environ = dict(lab.environ, TERM='xterm', COLUMNS='120')
    start = time.perf_counter()
    with subprocess.Popen(words, env=environ, stdout=slave) as command:
        os.close(slave)
        try:
            while os.read(master, 65536):
                pass
        except OSError:
            pass  # the end, of a terminal
        command.wait(lab_.SECONDS)
    os.close(master)
    return time.perf_counter() - start

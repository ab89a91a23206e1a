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

"""What it costs that steps and stops are those of green threads.

While a client is attached, each switch between green threads is followed
(``osdbg/backends/_pydevd_steps.py``). Its cost is what a switch takes less
what it takes in the same moment with greenlet's callback taken out, in a real
process, with a real client. After that client has left, a switch is compared
to one before it came. Beside it stands ``eventlet.sleep(0)``, where up to
Python 3.11 the tracing of eventlet's own code costs far more.

The rest of the group is in ``parked.py`` and ``chosen.py``.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
import contextlib
import json
import pathlib
import socket
import statistics
import sys
from typing import Any

from benchmarks import chosen
from benchmarks import lab as lab_
from benchmarks import parked
from benchmarks.targets import Row
from tests.functional import harness

PROGRAM = str(pathlib.Path(__file__).with_name('green_program.py'))
_GROUP = 'switches of green threads, what is added'
_MEASURED = {'switch': 'switch', 'sleep': 'eventlet.sleep(0)'}
_BEFORE, _AFTER = 'before', 'after detach'
_Costs = dict[str, float]


def measure(quick: bool) -> list[Row]:
    """Measure switches, stops among parked ones, and chosen requests."""
    return [
        *_measure_switches(5 if quick else 20),
        *parked.measure(quick),
        *chosen.measure(quick),
    ]


class Program(harness.Process):
    """The program of ``green_program.py``."""

    def __init__(self, lab: lab_.Lab, parked: int = 0) -> None:
        """Start it, and wait until it serves.

        :param parked: how many green threads wait beside
        """
        self.debug_port = harness.free_port()
        super().__init__(
            [sys.executable, PROGRAM, str(parked)],
            dict(lab.environ, OS_REMOTE_DEBUG__PORT=str(self.debug_port)),
            f'{parked} parked',
        )
        lab.callback(self.kill)
        found = self.wait_log(r'LISTENING (\d+)', timeout=lab_.SECONDS)
        self._address = '127.0.0.1', int(found[0].group(1))
        self._lab = lab
        self._main = self.connect()

    def connect(self) -> Connection:
        """Return a connection of its own: a green thread."""
        sock = socket.create_connection(self._address, lab_.SECONDS)
        return Connection(self._lab.enter_context(sock))

    def ask(self, command: str) -> Any:
        """Return what a command answers."""
        self._main.send(command)
        return self._main.answer()

    def wait_followed(self, followed: bool) -> None:
        """Wait until its switches are, or are no longer."""
        harness.wait_until(
            f'switches followed: {followed}',
            lambda: self.ask('followed') is followed,
        )


class Connection:
    """A green thread of the program."""

    def __init__(self, sock: socket.socket) -> None:
        """Take the connection."""
        self._sock = sock
        self._stream = sock.makefile()

    def send(self, command: str) -> None:
        """Send a command."""
        self._sock.sendall(f'{command}\n'.encode())

    def answer(self) -> Any:
        """Wait for the answer to it."""
        return json.loads(self._stream.readline())


def _measure_switches(rounds: int) -> list[Row]:
    """Have many processes, each with its one client, and their medians."""
    found: dict[str, list[_Costs]] = collections.defaultdict(list)
    for _ in range(rounds):
        with lab_.Lab() as lab:
            for state, costs in _live(lab, Program(lab)):
                found[state].append(costs)
    before, after = found.pop(_BEFORE), found.pop(_AFTER)
    rows = []
    for what, name in _MEASURED.items():
        for state, each in found.items():
            rows.append(_row(f'{name}, {state}', what, each))
        added = [b[what] - a[what] for a, b in zip(before, after)]
        median = statistics.median(costs[what] for costs in before)
        note = f'; {median:.3f} us before the client came'
        rows.append(_added(f'{name}, {_AFTER}', added, note))
    return rows


def _live(lab: lab_.Lab, program: Program) -> Iterator[tuple[str, _Costs]]:
    """Return what switches take in the life of a process."""
    yield _BEFORE, program.ask('costs')
    client = lab.attach(program, 'stop', path=PROGRAM)
    program.wait_followed(True)
    yield 'attached', program.ask('costs')
    with _pending_step(client, program):
        yield 'another steps', program.ask('costs')
    yield 'it steps itself', _costs_in_step(client, program)
    client.detach()
    program.wait_followed(False)
    yield _AFTER, program.ask('costs')


@contextlib.contextmanager
def _pending_step(client: lab_.Client, program: Program) -> Iterator[None]:
    """Have a green thread wait in the midst of a step."""
    client.break_at(PROGRAM, harness.line_of('step', PROGRAM))
    stepping = program.connect()
    stepping.send('step')
    stop = client.wait_stopped('breakpoint')
    stop.session.request('next', threadId=stop.thread)
    yield
    program.ask('open_gate')
    client.wait_stopped('step').resume()
    stepping.answer()


def _costs_in_step(client: lab_.Client, program: Program) -> _Costs:
    client.break_at(PROGRAM, harness.line_of('costs in step', PROGRAM))
    stepping = program.connect()
    stepping.send('costs_in_step')
    client.wait_stopped('breakpoint').step().resume()
    costs: _Costs = stepping.answer()
    return costs


def _row(what: str, measured: str, costs: list[_Costs]) -> Row:
    """Return what it adds that switches are followed."""
    otherwise = [each[f'{measured}, not followed'] for each in costs]
    added = [each[measured] - other for each, other in zip(costs, otherwise)]
    note = f'; {statistics.median(otherwise):.3f} us when not followed'
    return _added(what, added, note)


def _added(what: str, values: list[float], note: str) -> Row:
    return Row(
        _GROUP,
        what,
        statistics.median(values),
        'us',
        f'{lab_.quartiles(values)}{note}',
        lab_.median_error(values),
    )

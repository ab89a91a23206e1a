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

"""How long a client waits at a stop for what thousands of others are at.

Nothing is collected until it asks for threads, so beside that stands the time
from a request until its ``stopped`` event has come, with the others and
without. All programs are up, and stop in turns.
"""

from __future__ import annotations

import time

from benchmarks import green
from benchmarks import lab as lab_
from benchmarks.targets import Row

_GROUP = 'stops among parked green threads'
_COUNTS = (0, 1_000, 10_000)


def measure(quick: bool) -> list[Row]:
    """Measure with none, with some and with many green threads."""
    with lab_.Lab() as lab:
        stops = {count: _Stops(lab, count) for count in _COUNTS}
        for _ in range(5 if quick else 20):
            for each in stops.values():
                each.run()
    return [row for each in stops.values() for row in each.rows()]


class _Stops:
    """Stops in one program."""

    def __init__(self, lab: lab_.Lab, count: int) -> None:
        self._what = f'{count} parked'
        self._stopped: list[float] = []
        self._threads: list[float] = []
        self._listed = 0
        self._program = green.Program(lab, count)
        self._client = lab.attach(self._program, 'stop', path=green.PROGRAM)
        self._connection = self._program.connect()
        self.run()  # what is done for the first time is done in that
        self._stopped.clear()
        self._threads.clear()

    def run(self) -> None:
        """Stop, ask for threads, and go on."""
        start = time.perf_counter()
        self._connection.send('stop')
        stop = self._client.wait_stopped('breakpoint')
        stopped = time.perf_counter()
        self._listed = len(stop.session.threads())
        answered = time.perf_counter()
        self._stopped.append(1000 * (stopped - start))
        self._threads.append(1000 * (answered - stopped))
        stop.resume()
        self._connection.answer()

    def rows(self) -> list[Row]:
        note = f'; {self._listed} listed'
        return [
            lab_.milliseconds(
                _GROUP, f'stopped event, {self._what}', self._stopped
            ),
            lab_.milliseconds(
                _GROUP, f'threads answered, {self._what}', self._threads, note
            ),
        ]

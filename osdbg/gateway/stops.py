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

"""How long a worker may be stopped, and whose turn it is to stop.

The agents say when threads stop and go on. The gateway has the clock: in a
worker that is stopped nothing else may be running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
import logging
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from osdbg.gateway.worker import Worker

PATIENCE = 5.0
"""How long an evaluation may go on when a worker is to resume, in seconds."""

LONG = 60.0
"""After how many seconds a stop without a limit is told in the log."""

LINGER = 2.0
"""How long a worker that is stepped, or has just been told that it may stop,
keeps its turn without being stopped, in seconds."""

_TICK_SECONDS = 1.0
# A breakpoint that is passed a thousand times a second is not logged so often.
_QUIET_SECONDS = 10.0
# An agent out of its mind takes no more room than this.
_MAX_STOPS = 10_000


class Stops:
    """The threads of one worker that are stopped."""

    def __init__(self, worker: Worker, limit: float, beats: bool) -> None:
        """Begin without any.

        :param worker: whose they are
        :param limit: the seconds that a stop may last; 0 for ever
        :param beats: whether the worker is to keep its heartbeats
        """
        self.prompts = 0
        """How many of its threads have a prompt, or wait for one."""
        self._worker = worker
        self._limit = limit
        self._beats = beats
        # By number, where.
        self._stops: dict[int, str] = {}
        # Where the client sees it stopped: others are stopped with that one.
        self._where = ''
        self._since = 0.0
        self._along = False
        # By number, when they were told to go on.
        self._told: dict[int, float] = {}
        self._turn_until = 0.0
        self._noted = False
        self._beaten = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._passed: dict[str, float] = {}

    def enter(self, number: int, where: str, along: bool = False) -> None:
        """Note that a thread has stopped.

        :param number: of this stop
        :param where: its file and line
        :param along: whether only because others have; it may be the first
        """
        if len(self._stops) >= _MAX_STOPS:
            return
        self._stops[number] = where
        self._turn_until = 0.0
        if not self._where:
            self._where, self._since, self._along = where, _now(), along
            self._noted = False
        elif self._along and not along:
            self._where, self._along = where, False
        self._beat(_now())
        if self._ticking is None:
            self._wait()

    def leave(self, numbers: list[int], stepping: bool) -> None:
        """Note that threads go on, and the next stop begins anew.

        :param numbers: of their stops
        :param stepping: whether it is going to stop again soon
        """
        known = [number for number in numbers if number in self._stops]
        for number in known:
            del self._stops[number]
            self._told.pop(number, None)
        if not known:
            return
        self._where, self._since = '', _now()
        if stepping:
            self.keep_turn()
        if not self._stops:
            self._stop_ticking()

    def clear(self) -> None:
        """Note that the debugger, or the worker, is gone."""
        self._stops.clear()
        self._told.clear()
        self._where = ''
        self._turn_until = 0.0
        self._stop_ticking()

    def describe(self) -> dict[str, Any] | None:
        """Return where it is stopped, and for how many seconds, if it is."""
        for where in self._stops.values():
            seconds = _now() - self._since
            return {'where': self._where or where, 'seconds': seconds}
        return None

    # The limit, and the heartbeats.

    def _wait(self) -> None:
        delay = _TICK_SECONDS
        if self._limit:
            left = self._since + self._limit - _now()
            delay = min(delay, max(left, 0.0))
        loop = asyncio.get_running_loop()
        self._ticking = loop.call_later(delay, self._tick)

    def _stop_ticking(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _tick(self) -> None:
        now = _now()
        self._beat(now)
        late = [n for n, then in self._told.items() if now - then > PATIENCE]
        if late:
            self._worker.send(abandon=late)
        if self._limit and now - self._since >= self._limit:
            self._resume(now)
        elif not self._limit and not self._noted:
            self._noted = now - self._since >= LONG
            if self._noted:
                self._note(self._where, now - self._since)
        self._wait()

    def _beat(self, now: float) -> None:
        """Have the worker keep its heartbeats, also where stops are short."""
        if self._beats and now - self._beaten >= _TICK_SECONDS:
            self._beaten = now
            self._worker.send(beat=True)

    def _note(self, where: str, seconds: float) -> None:
        self._worker.guard.log_of_client(
            'stopped', logging.WARNING, where=where, seconds=round(seconds, 1)
        )

    def _resume(self, now: float) -> None:
        """Have all threads go on.

        Once more after the same time, if one of them has not.
        """
        where = self._where or next(iter(self._stops.values()))
        seconds = now - self._since
        for number in self._stops:
            self._told.setdefault(number, now)
        self._where, self._since = '', now
        self._note(where, seconds)
        self._worker.send(
            resume=(
                f'osdbg: {self._worker.title} has been stopped at {where} for '
                f'{seconds:.1f} s and goes on by itself: for more time set '
                f'[remote_debug] max_stop_seconds, which is {self._limit:g}; '
                f'0 is no limit'
            )
        )

    # Turns.

    @property
    def has_turn(self) -> bool:
        """Whether it is stopped, or will be in a moment."""
        busy = bool(self._stops) or self.prompts > 0
        return busy or _now() < self._turn_until

    def keep_turn(self) -> None:
        """Let no other worker stop for a moment."""
        self._turn_until = _now() + LINGER

    def decide(self, number: int, where: str, all: Iterable[Worker]) -> None:
        """Tell a thread whether it may stop.

        :param number: of its question
        :param where: its file and line
        :param all: the workers of this gateway
        """
        other = rival(self._worker, all)
        if other is None:
            self.keep_turn()
            self._worker.send(stop={'n': number, 'go': True})
            return
        why = ''
        if _now() >= self._passed.get(where, 0.0):
            why = f'osdbg: breakpoint at {where} passed: {reason(other)}'
            self._worker.log(logging.WARNING, why)
            if len(self._passed) >= _MAX_STOPS:
                self._passed.clear()
            self._passed[where] = _now() + _QUIET_SECONDS
        self._worker.send(stop={'n': number, 'go': False, 'why': why})


def rival(worker: Worker, all: Iterable[Worker]) -> Worker | None:
    """Return the worker of the same service whose turn it is instead.

    :param worker: the one that would stop
    :param all: the workers of this gateway
    """
    if worker.stops.has_turn:
        return None
    mine = (worker.name, worker.guard.uid)
    for other in all:
        if other.stops.has_turn and (other.name, other.guard.uid) == mine:
            return other
    return None


def reason(other: Worker) -> str:
    """Say why a breakpoint is passed: another worker is stopped."""
    found = other.stops.describe()
    where = f' at {found["where"]}' if found else ''
    return (
        f'{other.title} is stopped{where}, and [remote_debug] stop_policy is '
        f'one_worker'
    )


def _now() -> float:
    return asyncio.get_running_loop().time()

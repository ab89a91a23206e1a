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

"""The figures osdbg must reach, and what a measurement's result is."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

_TESTS = {'>=': operator.ge, '<=': operator.le}


@dataclasses.dataclass
class Row:
    """One figure."""

    group: str
    what: str
    value: float | None
    """None when it cannot be had, for the reason in ``note``."""
    unit: str = ''
    note: str = ''
    error: float = 0.0
    """The standard error of the value, where noise matters."""

    @property
    def target(self) -> tuple[str, float] | None:
        """The comparison and the limit, where there is one."""
        return TARGETS.get((self.group, self.what))

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or nothing where there is no target.

        ``unclear`` is what is missed by less than the machine's noise.
        """
        if self.target is None:
            return ''
        comparison, limit = self.target
        if self.value is None:
            return 'missed'
        if _TESTS[comparison](self.value, limit):
            return 'met'
        near = abs(self.value - limit) <= 2 * self.error
        return 'unclear' if near else 'missed'

    def as_json(self) -> dict[str, Any]:
        """Return the row as ``--json`` prints it."""
        return {
            **dataclasses.asdict(self),
            'target': ' '.join(map(str, self.target or ())) or None,
            'verdict': self.verdict or None,
        }


TARGETS: dict[tuple[str, str], tuple[str, float]] = {
    ('throughput, eventlet', 'armed, no client'): ('>=', 0.98),
    ('throughput, eventlet', 'after detach'): ('>=', 0.98),
    ('throughput, threading', 'armed, no client'): ('>=', 0.98),
    ('throughput, threading', 'after detach'): ('>=', 0.98),
    ('import osdbg', 'over an empty interpreter'): ('<=', 3.0),
    ('import osdbg', 'unwanted modules loaded'): ('<=', 0),
    ('init(CONF), off', 'first call in a process'): ('<=', 100.0),
    ('init(CONF), off', 'later calls'): ('<=', 100.0),
    ('init(CONF), off', 'modules loaded by the call'): ('<=', 0),
    ('paste filter, a request', 'off'): ('<=', 1000.0),
    ('paste filter, a request', 'on, no client'): ('<=', 1000.0),
    ('osdbg run', 'to the first line'): ('<=', 150.0),
    ('osdbg run', 'to a service about to launch'): ('<=', 150.0),
    ('memory', 'armed, one process'): ('<=', 2.0),
    ('memory', 'armed, forked processes'): ('<=', 2.0),
    ('memory', 'gateway'): ('<=', 40.0),
    ('attach', 'first verified breakpoint, 1 worker'): ('<=', 1.0),
    ('attach', 'all announced, 16 workers'): ('<=', 3.0),
    ('checks', 'whose it is, 4000 other connections'): ('<=', 5.0),
    ('checks', 'who that is, 4000 other connections'): ('<=', 5.0),
    ('commands', '--help'): ('<=', 100.0),
    ('commands', 'ps, 64 processes'): ('<=', 150.0),
    ('commands', 'ps, 64 processes, in colours'): ('<=', 150.0),
    ('stacks', 'command, 1000 green threads'): ('<=', 300.0),
    (
        'switches of green threads, what is added',
        'switch, attached',
    ): ('<=', 2.0),
    (
        'switches of green threads, what is added',
        'switch, another steps',
    ): ('<=', 2.0),
    # None, within what one process differs from itself in two seconds.
    (
        'switches of green threads, what is added',
        'switch, after detach',
    ): ('<=', 0.05),
    ('stops among parked green threads', 'threads answered, 1000 parked'): (
        '<=',
        200.0,
    ),
    ('osdbg.here(), false', 'path=, request told of'): ('<=', 2.0),
    ('osdbg.here(), false', 'request_id=, request told of'): ('<=', 2.0),
    ('osdbg.here(), false', 'header=, request told of'): ('<=', 2.0),
    ('connecting', 'debugpy, first verified breakpoint'): ('<=', 1.0),
    ('connecting', 'debugpy, first verified breakpoint, next time'): (
        '<=',
        1.0,
    ),
    ('connecting', 'pydevd, first request stopped'): ('<=', 1.0),
    ('connecting', 'pydevd, first request stopped, next time'): ('<=', 1.0),
    ('connecting', 'pydevd_pycharm, first request stopped'): ('<=', 1.0),
    ('connecting', 'pydevd_pycharm, first request stopped, next time'): (
        '<=',
        1.0,
    ),
    ('waiting, idle', 'debugpy, direction = connect, wake-ups'): ('<=', 0),
    ('waiting, idle', 'pydevd, wake-ups'): ('<=', 0),
    ('waiting, idle', 'pydevd_pycharm, wake-ups'): ('<=', 0),
    ('waiting, idle', 'remote_pdb, wake-ups'): ('<=', 0),
    ('waiting, eventlet', 'debugpy, direction = connect'): ('>=', 0.98),
    ('waiting, eventlet', 'pydevd'): ('>=', 0.98),
    ('waiting, eventlet', 'pydevd_pycharm'): ('>=', 0.98),
    ('waiting, eventlet', 'remote_pdb'): ('>=', 0.98),
    ('waiting, threading', 'debugpy, direction = connect'): ('>=', 0.98),
    ('waiting, threading', 'pydevd'): ('>=', 0.98),
    ('waiting, threading', 'pydevd_pycharm'): ('>=', 0.98),
    ('waiting, threading', 'remote_pdb'): ('>=', 0.98),
}

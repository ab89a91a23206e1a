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

"""The processes that are asked about, and what is told of them."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any

from osdbg.cli import look
from osdbg.cli import processes
from osdbg.doctor import proc
from osdbg import exceptions


# What a process tells of itself: see inspection/process.py.
_KEYS = {
    'python',
    'options',
    'patched',
    'debugger',
    'versions',
    'osdbg',
    'server',
    'started',
    'clock',
    'namespaces',
    'amqp',
    'watchdog',
}


@dataclasses.dataclass
class Spot:
    """The line that is said not to stop."""

    path: str
    line: int

    @property
    def local(self) -> str:
        """The file as it is called here."""
        return os.path.abspath(self.path)

    @property
    def asked(self) -> str:
        """The file as a service is asked for it."""
        return self.local if os.path.exists(self.local) else self.path

    def read(self) -> bytes | None:
        """Return the source that lies here; None if there is none."""
        return proc.regular(self.local)

    def __str__(self) -> str:
        return f'{self.path}:{self.line}'


@dataclasses.dataclass
class Patient:
    """One process."""

    pid: int
    process: processes.Process | None = None
    told: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """What people call it."""
        if self.process is not None:
            return processes.title(self.process)
        return f'{processes.show(proc.name(self.pid))} [{self.pid}]'

    @property
    def answers(self) -> bool:
        """Whether it has said what it is."""
        return bool(self.told) and 'trouble' not in self.told

    @property
    def is_worker(self) -> bool:
        """Whether it is armed, and no launcher."""
        return self.process is not None and self.process['worker'] is not None

    @property
    def attached(self) -> bool:
        """Whether a client is attached to it, and not only about to be."""
        return self.process is not None and bool(self.process['client'])


@dataclasses.dataclass
class Case:
    """All that is known."""

    patients: list[Patient]
    spot: Spot | None = None

    @property
    def armed(self) -> list[Patient]:
        """Those that osdbg is on in."""
        return [each for each in self.patients if each.process is not None]

    @property
    def workers(self) -> list[Patient]:
        """Those that can be debugged."""
        return [each for each in self.patients if each.is_worker]

    @property
    def answering(self) -> list[Patient]:
        """Those that have said what they are."""
        return [each for each in self.patients if each.answers]


def gather(service: str | None, spot: Spot | None) -> Case:
    """Ask all that can be asked.

    :param service: a service, a worker, or a process id; None for the only
        service there is
    :param spot: the line that is said not to stop, if one is
    :raises: OsdbgError when there is no such process
    """
    known = processes.ask()
    try:
        armed = processes.find(service, known)
    except exceptions.OsdbgError:
        if not service:
            raise
        return Case(_unarmed(service), spot)
    armed.sort(key=_order)
    patients = [Patient(each['pid'], each) for each in armed]
    for each, (_, told) in zip(patients, look.ask_all(armed, 'process')):
        each.told = told if _KEYS <= told.keys() else _trouble(told)
    if spot is not None:
        answers = look.ask_all(armed, 'source', path=spot.asked)
        for each, (_, told) in zip(patients, answers):
            each.source = told
    return Case(patients, spot)


def _order(process: processes.Process) -> tuple[str, int]:
    worker = process['worker']
    return process['name'], -1 if worker is None else worker


def _trouble(told: look.Answer) -> look.Answer:
    """Say why a process has not told what it is."""
    other = 'it runs another version of osdbg: restart the service'
    return {'trouble': told.get('trouble', other)}


def _unarmed(word: str) -> list[Patient]:
    """Return the processes of this host that a word means.

    :raises: OsdbgError when there are none
    """
    found = (
        [int(word)] if re.fullmatch('[0-9]{1,9}', word) else proc.named(word)
    )
    found = [pid for pid in found if proc.exists(pid)]
    if not found:
        raise exceptions.OsdbgError(
            f'no process is armed, or runs, as {processes.show(word)}: write '
            f'the process id, which ps -ef tells'
        )
    return [Patient(pid) for pid in found]

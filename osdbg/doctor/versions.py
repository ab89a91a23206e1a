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

"""Which versions are there, and is it one osdbg that does it all?"""

from __future__ import annotations

from collections.abc import Iterator
import os
import sys
from typing import Any

from osdbg.cli import processes
from osdbg.doctor.case import Case
from osdbg.doctor.case import Patient
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor import proc
from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.inspection import process as inspection
from osdbg.inspection import source

TITLE = 'Versions'

OSDBG_DIFFERS = Check(
    'osdbg-differs',
    NOTE,
    '{runner} runs another osdbg ({there}) than this command ({here})',
    'They speak with each other, and what one of them cannot do is refused; '
    'but what was mended in one is not in the other.',
    'install the same version in both environments, and restart the service',
)
OSDBG_REPLACED = Check(
    'osdbg-replaced',
    NOTE,
    '{runner} runs an osdbg that has been replaced on the disk since',
    'What it has not loaded as yet, it would load from the new version.',
    'restart the service; the gateway ends with the last of them',
)

_OWN = os.path.dirname(os.path.abspath(os.path.dirname(__file__)))


def examine(case: Case) -> Iterator[Finding]:
    """Compare what osdbg is in the process, the gateway, and here."""
    for patient in case.answering:
        told = patient.told
        directory = told['osdbg']
        yield from _compare(patient.title, 'it', directory, told['started'])
    if case.workers:
        pid = _gateway(case.workers[0])
        directory = _package_of(pid)
        if directory:
            yield from _compare(
                '', 'the gateway', directory, source.started(pid)
            )


def _compare(
    title: str, runner: str, directory: str, started: float
) -> Iterator[Finding]:
    if not os.path.isdir(directory):
        return  # in a container
    if os.path.realpath(directory) != os.path.realpath(_OWN):
        yield OSDBG_DIFFERS.found(
            title, runner=runner, there=directory, here=_OWN
        )
    if _newest(directory) > started + 1:
        yield OSDBG_REPLACED.found(title, runner=runner)


def _newest(directory: str) -> float:
    """Return when the last file of a package was put there."""
    return max(
        (
            os.stat(os.path.join(folder, name)).st_ctime
            for folder, _, names in os.walk(directory)
            for name in names
            if name.endswith('.py')
        ),
        default=0,
    )


def _gateway(patient: Patient) -> int:
    """Return the process id of the gateway; 0 if it has just gone."""
    try:
        sock = processes.gateway_of(patient.process or {})
    except (OSError, exceptions.OsdbgError):
        return 0
    try:
        return credentials.peer(sock)[0]
    finally:
        sock.close()


def _package_of(pid: int) -> str:
    """Return where the gateway was told to find osdbg."""
    for word in proc.words(pid):
        path = os.path.join(word, 'osdbg')
        if word.startswith('/') and os.path.isdir(path):
            return path
    return ''


def table(case: Case) -> tuple[list[str], list[list[str]]]:
    """Return the versions: of this command, and of the processes.

    :returns: the titles of the columns, and the rows
    """
    here = '.'.join(map(str, sys.version_info[:3]))
    columns = ['PACKAGE', 'THIS COMMAND']
    told = [_told(here, inspection.installed(sys.path))]
    pid = _gateway(case.workers[0]) if case.workers else 0
    if _package_of(pid):
        columns.append('GATEWAY')
        told.append(_told_of_gateway(pid))
    for patient in case.answering:
        versions = _told(
            patient.told['python']['version'], patient.told['versions']
        )
        # Workers of one service have the same.
        name = processes.show((patient.process or {}).get('name', ''))
        if (name, versions) not in zip(columns[2:], told[1:]):
            columns.append(name)
            told.append(versions)
    names = dict.fromkeys(name for each in told for name in each)
    rows = [[name, *(each.get(name, '-') for each in told)] for name in names]
    return columns, rows


def _told_of_gateway(pid: int) -> dict[str, str]:
    """Return what it runs; it needs nothing that is installed but itself."""
    found = inspection.installed([os.path.dirname(_package_of(pid))])
    version = proc.program(pid).removeprefix('python')
    told = _told(processes.show(version), {'osdbg': found.get('osdbg')})
    return told


def _told(python: str, versions: dict[str, Any]) -> dict[str, str]:
    found = {'Python': python, 'osdbg': 'from source'}
    for name in inspection.PACKAGES:
        if versions.get(name):
            found[name] = processes.show(versions[name][0][0])
    return found

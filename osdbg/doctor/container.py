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

"""Does it live where we do?"""

from __future__ import annotations

from collections.abc import Iterator

from osdbg.doctor.case import Case
from osdbg.doctor.case import Patient
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor.findings import PROBLEM
from osdbg.inspection import process as inspection

TITLE = 'Containers'

OTHER_NETWORK = Check(
    'other-network',
    PROBLEM,
    'it lives in a network namespace of its own',
    'The gateway is found by an abstract socket, and debug ports are opened, '
    'in the network namespace of the service: nothing of it is seen from '
    'here, not even whether osdbg is on.',
    'ask where it lives: docker exec CONTAINER osdbg doctor, or nsenter -t '
    '{pid} -n osdbg doctor; an IDE gets there by osdbg bridge',
)
OTHER_FILES = Check(
    'other-files',
    NOTE,
    'it has a file system of its own (another mount namespace)',
    'The paths that it tells are not those of this machine, so that an IDE '
    'needs a path mapping, even for the same path.',
    'osdbg ide vscode --source DIR writes it',
)
OTHER_NUMBERS = Check(
    'other-numbers',
    NOTE,
    'its process id is {pid} only in its own container',
    'ps and kill here know it by another number.',
    'ps -ef | grep {name}, to find that one',
)


def examine(case: Case) -> Iterator[Finding]:
    """Compare the namespaces with ours."""
    ours = inspection.namespaces('self')
    for patient in case.patients:
        theirs = _theirs(patient)
        differ = {name for name in theirs if ours.get(name) != theirs[name]}
        who = patient.title
        if 'net' in differ and patient.process is None:
            yield OTHER_NETWORK.found(who, pid=patient.pid)
        if 'mnt' in differ:
            yield OTHER_FILES.found(who)
        if 'pid' in differ and patient.process is not None:
            name = patient.process['name']
            yield OTHER_NUMBERS.found(who, pid=patient.pid, name=name)


def _theirs(patient: Patient) -> dict[str, str]:
    if patient.process is None:
        return inspection.namespaces(str(patient.pid))
    found: dict[str, str] = patient.told.get('namespaces', {})
    return found

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

"""Is it the same time everywhere?"""

from __future__ import annotations

from collections.abc import Iterator
import time

from osdbg.doctor.case import Case
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE

TITLE = 'The clock'

CLOCK_DIFFERS = Check(
    'clock-differs',
    NOTE,
    'its clock is {seconds} s {which} of ours',
    'osdbg itself goes by another clock, which cannot be set; but tokens, '
    'leases and "service is up" go by this one, and a service that takes its '
    'peers for dead does not come to your line.',
    'timedatectl, on both sides; or see what sets LD_PRELOAD for it',
)
CLOCK_JUMPED = Check(
    'clock-jumped',
    NOTE,
    'its clock has been set since it started: it is {seconds} s {which} of '
    'where it would be',
    'What the service had planned by it comes too early, too late, or not '
    'at all.',
    'restart the service',
)

_ENOUGH = 5.0


def examine(case: Case) -> Iterator[Finding]:
    """Compare the clocks of the processes with ours."""
    for patient in case.answering:
        clock = patient.told['clock']
        told = clock['time'] + time.monotonic() - clock['monotonic']
        for check, seconds in (
            (CLOCK_DIFFERS, told - time.time()),
            (CLOCK_JUMPED, clock['jumped']),
        ):
            if abs(seconds) > _ENOUGH:
                yield check.found(
                    patient.title,
                    seconds=f'{abs(seconds):.0f}',
                    which='ahead' if seconds > 0 else 'behind',
                )

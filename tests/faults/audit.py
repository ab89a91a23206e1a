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

"""What is left behind: processes, threads, descriptors, files."""

from __future__ import annotations

from collections import Counter
import os
from typing import TYPE_CHECKING

from tests.faults import service
from tests.functional.harness import wait_until

if TYPE_CHECKING:
    from tests.faults.storm import Storm

_SETTLE_SECONDS = 15.0
# Readings in a row, a fiftieth of a second apart.
_ALIKE = 25


class Auditor:
    """Remembers what each process had after its first session."""

    def __init__(self, storm: Storm) -> None:
        """Audit the processes of a storm."""
        self._storm = storm
        self._baselines: dict[int, Counter[str]] = {}

    def audit(self) -> None:
        """See that nothing has grown, while there is no load."""
        storm = self._storm
        storm.ledger.audits += 1
        with storm.load.quiet():
            self._wait_alone()
            expected = self._expected()
            for pid in expected:
                self._audit_process(pid)
        # Another process may have the number of one that is no more.
        for pid in self._baselines.keys() - expected:
            del self._baselines[pid]
        storm.assertEqual([], os.listdir(storm.temporary), 'temporary files')

    def _expected(self) -> set[int]:
        storm = self._storm
        workers = {worker.pid for worker in storm.service.workers()}
        return {storm.service.pid, *workers, *storm.gateways()}

    def _wait_alone(self) -> None:
        """Wait until there are our processes, and no others."""
        storm = self._storm
        strange: dict[int, str] = {}

        def alone() -> bool:
            expected = self._expected()
            members = service.group(storm.service.pid)
            found = {*storm.own_processes(), *members}
            strange.clear()
            for pid in found ^ expected:
                strange[pid] = service.describe(pid)
            return not strange and len(storm.gateways()) == 1

        try:
            wait_until('end of what is not ours', alone, _SETTLE_SECONDS)
        except TimeoutError as error:
            storm.fail(f'{error}: {strange}, gateways {storm.gateways()}')

    def _audit_process(self, pid: int) -> None:
        before = self._baselines.get(pid)
        if before is None:
            self._baselines[pid] = self._settled(pid)
            return
        try:
            wait_until(
                'end of threads and descriptors',
                lambda: not _grown(before, _holdings(pid)),
                _SETTLE_SECONDS,
            )
        except TimeoutError:
            grown = dict(_grown(before, _holdings(pid)))
            self._storm.fail(f'{service.describe(pid)} has more: {grown}')

    def _settled(self, pid: int) -> Counter[str]:
        """Return what a process has once that stays the same."""
        found: list[Counter[str]] = []

        def settled() -> bool:
            found.append(_holdings(pid))
            return found[-_ALIKE:] == _ALIKE * found[-1:]

        wait_until('settled process', settled, _SETTLE_SECONDS)
        return found[-1]


def _holdings(pid: int) -> Counter[str]:
    """Count the threads of a process, and its descriptors by their kinds."""
    kinds = (
        'file' if name.startswith('/') else name.partition(':')[0]
        for name in service.descriptors(pid)
    )
    return Counter(kinds) + Counter(threads=service.threads(pid))


def _grown(before: Counter[str], now: Counter[str]) -> Counter[str]:
    """Return what a process has more than before."""
    return now - before

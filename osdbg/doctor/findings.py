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

"""What may be found, and what is made of it.

Each check is written down once: the command fills it in, and the page about
troubleshooting shows it as it is.
"""

from __future__ import annotations

import dataclasses
import string
from typing import Any

from osdbg.cli import processes

OK = 'ok'
NOTE = 'note'
PROBLEM = 'problem'
LEVELS = (PROBLEM, NOTE, OK)
"""The worst first."""


@dataclasses.dataclass(frozen=True)
class Check:
    """Something that may be found."""

    name: str
    level: str
    what: str
    why: str = ''
    cure: str = ''

    def found(self, who: str = '', **facts: object) -> Finding:
        """Tell that it was.

        :param who: the process it was found in
        :param facts: for the names in braces
        """
        shown = {name: processes.show(value) for name, value in facts.items()}
        return Finding(
            self,
            self.what.format_map(shown),
            self.why.format_map(shown),
            self.cure.format_map(shown),
            [who] if who else [],
        )

    def blank(self, text: str) -> str:
        """Return a text of this check with its facts in capitals."""
        names = [name for _, name, _, _ in string.Formatter().parse(text)]
        return text.format_map(
            {name or '': (name or '').upper() for name in names}
        )


@dataclasses.dataclass
class Finding:
    """What was found, and in which processes."""

    check: Check
    what: str
    why: str
    cure: str
    processes: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            'check': self.check.name,
            'level': self.check.level,
            'what': self.what,
            'why': self.why,
            'type': self.cure,
            'processes': self.processes,
        }


def merge(findings: list[Finding]) -> list[Finding]:
    """Say once what was found in several processes; the worst first."""
    merged: dict[tuple[str, str, str], Finding] = {}
    for each in findings:
        key = (each.check.name, each.what, each.cure)
        before = merged.setdefault(key, each)
        if before is not each:
            before.processes += each.processes
    return sorted(
        merged.values(), key=lambda each: LEVELS.index(each.check.level)
    )

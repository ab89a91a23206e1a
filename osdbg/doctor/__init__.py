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

"""Why does it not stop? One file for each family of checks.

A family has a ``TITLE``, its checks as constants, and ``examine()``, which
yields what it has found.
"""

from __future__ import annotations

from collections.abc import Iterator
import importlib
from typing import Any

from osdbg.doctor.case import Case
from osdbg.doctor import findings

FAMILIES = (
    'process',
    'debugger',
    'breakpoint',
    'port',
    'server',
    'container',
    'clock',
    'heartbeats',
    'versions',
)
"""The modules of this package that have checks, in the order of reading."""


def families() -> Iterator[tuple[Any, list[findings.Check]]]:
    """Return each family with its checks."""
    for name in FAMILIES:
        module = importlib.import_module(f'{__name__}.{name}')
        yield (
            module,
            [
                each
                for each in vars(module).values()
                if isinstance(each, findings.Check)
            ],
        )


def examine(case: Case) -> list[findings.Finding]:
    """Return all there is to say of a case, the worst first."""
    found: list[findings.Finding] = []
    for module, _checks in families():
        found += module.examine(case)
    return findings.merge(found)

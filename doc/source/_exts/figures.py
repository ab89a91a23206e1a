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

"""``.. osdbg-figures:: FILE``: what ``python -m benchmarks --json`` measured.

Beside every figure that has a target stands whether it was reached. None is
left out: what was missed is shown like the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
import json
import math
from pathlib import Path
import textwrap
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils import statemachine

_COLUMNS = ('', 'Measured', 'Target', 'Verdict', 'Spread, and conditions')
_NOTE_LENGTH = 110


def _number(value: float, unit: str) -> str:
    """Write three digits of a figure, or all of those before the point."""
    digits = 0
    if value and value != int(value):
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f'{value:,.{digits}f} {unit}'.rstrip()


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    value = row['value']
    return (
        row['what'],
        'not to be had' if value is None else _number(value, row['unit']),
        row['target'] or '',
        row['verdict'] or '',
        textwrap.shorten(row['note'].lstrip('; '), _NOTE_LENGTH),
    )


def _conditions(report: dict[str, Any]) -> Iterator[str]:
    packages = ', '.join(
        f'{name} {version}' for name, version in report['packages'].items()
    )
    rounds = 'few' if report['quick'] else 'all'
    yield (
        f'Measured on {report["date"]} with Python {report["python"]}, '
        f'{packages}, on {report["cpus"]} CPUs; {report["load"]:.1f} programs '
        f'wanted to run there at the end (load average). {rounds.title()} '
        f'rounds were made{" (``--quick``)" if report["quick"] else ""}.'
    )
    verdicts = [row['verdict'] for row in report['rows'] if row['verdict']]
    counts = ', '.join(
        f'{verdicts.count(verdict)} {verdict}'
        for verdict in ('met', 'unclear', 'missed')
    )
    yield ''
    yield f'Of {len(verdicts)} targets: {counts}.'
    yield ''


def _tables(report: dict[str, Any]) -> Iterator[str]:
    for group, rows in groupby(report['rows'], lambda row: row['group']):
        yield f'.. rubric:: {group}'
        yield ''
        yield '.. list-table::'
        yield '   :header-rows: 1'
        yield '   :widths: 34 14 10 10 32'
        yield ''
        for cells in (_COLUMNS, *map(_cells, rows)):
            for number, cell in enumerate(cells):
                text = cell.replace('*', '\\*').replace('_', '\\_')
                yield f'   {" " if number else "*"} - {text}'.rstrip()
        yield ''


class FiguresDirective(Directive):
    """The figures of a report, one table for each group."""

    required_arguments = 1

    def run(self) -> list[Any]:
        """Read the report, write the tables, and parse them."""
        environment = self.state.document.settings.env
        file, path = environment.relfn2path(self.arguments[0])
        environment.note_dependency(file)
        report = json.loads(Path(path).read_text())
        lines = statemachine.StringList()
        for line in (*_conditions(report), *_tables(report)):
            lines.append(line, file, 0)
        node = nodes.container()
        self.state.nested_parse(lines, self.content_offset, node)
        return list(node.children)


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive('osdbg-figures', FiguresDirective)
    return {'parallel_read_safe': True}

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

"""What a command prints: for people on a terminal, or for programs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import importlib.util
import json
import os
import sys
from typing import Any

from osdbg.cli import processes

_GAP = '  '


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that prints for programs."""
    parser.add_argument(
        '--json', action='store_true', help='print JSON, for programs'
    )


def is_terminal() -> bool:
    """Tell whether a person reads what is printed."""
    return sys.stdout.isatty() and os.environ.get('TERM') != 'dumb'


def has_rich() -> bool:
    """Tell whether a person reads, and rich is installed."""
    return is_terminal() and importlib.util.find_spec('rich') is not None


def print_json(value: Any) -> None:
    """Print a value as JSON, in ASCII."""
    print(json.dumps(value, indent=None if value == [] else 2), flush=True)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    styles: dict[str, str] | None = None,
) -> None:
    """Print a table, in colours where a person reads.

    :param columns: the titles
    :param rows: of cells, whatever is in them
    :param styles: for the cells of which text there is a style of rich's
    """
    cells = [[processes.show(cell) for cell in row] for row in rows]
    if has_rich():
        _print_rich(columns, cells, styles or {})
        return
    for row in [list(columns), *cells]:
        print(_GAP.join(_padded(row, [list(columns), *cells])).rstrip())


def _padded(row: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [cell.ljust(width) for cell, width in zip(row, widths)]


def _print_rich(
    columns: Sequence[str], rows: list[list[str]], styles: dict[str, str]
) -> None:
    from rich import console
    from rich import table
    from rich import text

    shown = table.Table(box=None, pad_edge=False, header_style='bold')
    for column in columns:
        shown.add_column(column, overflow='fold')
    for row in rows:
        shown.add_row(*(text.Text(cell, styles.get(cell, '')) for cell in row))
    console.Console(highlight=False).print(shown)

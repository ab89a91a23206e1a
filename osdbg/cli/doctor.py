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

"""``osdbg doctor``: find out why a breakpoint does not stop."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from typing import Any

from osdbg.cli import output
from osdbg.cli import processes
from osdbg import doctor
from osdbg.doctor import case as case_
from osdbg.doctor import findings
from osdbg.doctor import versions

_STYLES = {'problem': 'bold red', 'note': 'yellow', 'ok': 'green'}
_INDENT = ' ' * 9
_MAX_WIDTH = 100
_SPOT = re.compile(r'(.+):([1-9][0-9]{0,8})')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.usage = 'osdbg doctor [-h] [--json] [FILE:LINE] [SERVICE]'
    parser.epilog = (
        'It looks, and changes nothing: no debugger is loaded, and nothing\n'
        'is stopped.\n'
        '\n'
        'exit codes: 0 no problem, 1 problems, 2 it was not written as it\n'
        'should be\n'
        '\n'
        'examples:\n'
        '  osdbg doctor                           the only service there is\n'
        '  osdbg doctor nova-conductor/1\n'
        '  osdbg doctor 4711                      any process, armed or not\n'
        '  osdbg doctor nova/conductor/manager.py:412 nova-conductor\n'
        '  osdbg doctor --json | jq -r ".findings[].what"'
    )
    argument = parser.add_argument(
        'words',
        nargs='*',
        type=_word,
        metavar='FILE:LINE, SERVICE',
        action=_AtMostOneEach,
        help='where a breakpoint does not stop; and a service, one of its '
        'workers (nova-conductor/1), or a process id, armed or not; in '
        'either order; unset, the only service there is',
    )
    argument.completer = processes.complete  # type: ignore[attr-defined]
    parser.set_defaults(spot=None, service=None)
    output.add_json(parser)


def _word(text: str) -> str | case_.Spot:
    found = _SPOT.fullmatch(text)
    return case_.Spot(found[1], int(found[2])) if found else text


class _AtMostOneEach(argparse.Action):
    """Refuses two services, or two lines."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        spots = [each for each in values if isinstance(each, case_.Spot)]
        services = [each for each in values if isinstance(each, str)]
        if len(spots) > 1 or len(services) > 1:
            parser.error(
                f'expected at the most one FILE:LINE and one SERVICE, found '
                f'{" ".join(map(str, values))}'
            )
        namespace.spot = spots[0] if spots else None
        namespace.service = services[0] if services else None


def run(arguments: argparse.Namespace) -> int:
    """Examine, and tell.

    :returns: 0 if there is no problem
    :raises: OsdbgError when it is not clear which processes are meant
    """
    case = case_.gather(arguments.service, arguments.spot)
    found = doctor.examine(case)
    if arguments.json:
        columns, rows = versions.table(case)
        output.print_json(
            {
                'processes': [each.title for each in case.patients],
                'findings': [each.as_json() for each in found],
                'versions': [dict(zip(columns, row)) for row in rows],
            }
        )
    else:
        _print(case, found)
    return int(any(each.check.level == findings.PROBLEM for each in found))


def _print(case: case_.Case, found: list[findings.Finding]) -> None:
    everyone = [
        [each.title for each in group]
        for group in (case.patients, case.workers, ())
    ]
    for finding in found:
        named = finding.processes not in everyone
        _print_level(finding.check.level)
        who = f'{", ".join(finding.processes)}: ' if named else ''
        _print_wrapped(who + finding.what, '')
        if finding.check.level != findings.OK:
            _print_wrapped(finding.why, f'{_INDENT}why:  ')
            _print_wrapped(finding.cure, f'{_INDENT}type: ')
            print()
    print()
    output.print_table(*versions.table(case))
    count = sum(each.check.level == findings.PROBLEM for each in found)
    print(f'\n{count or "no"} problem{"" if count == 1 else "s"} found')


def _print_level(level: str) -> None:
    text = level.ljust(len(_INDENT))
    if output.has_rich():
        from rich import console

        console.Console().print(text, style=_STYLES[level], end='')
    else:
        print(text, end='')


def _print_wrapped(text: str, start: str) -> None:
    width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    room = max(width - len(start or _INDENT), 30)
    lines = textwrap.wrap(
        text, room, break_long_words=False, break_on_hyphens=False
    )
    gap = ' ' * len(start or _INDENT)
    print(start + f'\n{gap}'.join(lines))

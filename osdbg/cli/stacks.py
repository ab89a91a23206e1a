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

"""``osdbg stacks``: where each thread and green thread is, and why."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
import sys
import time
from typing import Any

from osdbg.cli import look
from osdbg.cli import output
from osdbg.cli import processes
from osdbg.cli import stack_text

_STYLES = {
    'process': 'bold reverse',
    'title': 'bold',
    'place': 'dim',
    'waits': 'cyan',
}
_MOST_SECONDS = 3600.0

_Answer = tuple[processes.Process, look.Answer]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'The service runs on meanwhile; no debugger is loaded.\n'
        '\n'
        'examples:\n'
        '  osdbg stacks nova-conductor        all its workers\n'
        '  osdbg stacks nova-conductor/1 --diff 5      what hangs\n'
        '  osdbg stacks 4711 --json\n'
        '\n'
        'exit codes: 0 all is shown, 1 a process did not answer'
    )
    processes.add_service(parser)
    parser.add_argument(
        '--diff',
        type=_seconds,
        metavar='SECONDS',
        help='look twice, and show what is at the same instruction both times',
    )
    parser.add_argument(
        '--all',
        action='store_true',
        help='show each alone, and also those of osdbg and of a debugger, '
        'and hubs that are idle',
    )
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the stacks.

    :returns: 0 only if all processes have answered
    :raises: OsdbgError if it is not clear which are meant
    """
    found = processes.find(arguments.service)
    meant = [p for p in found if p['worker'] is not None] or found
    answers = _ask(meant)
    if arguments.diff is not None:
        time.sleep(arguments.diff)
        later = _ask(meant)
        for (_, before), (_, after) in zip(answers, later):
            compare(before, after)
        answers = later
    if arguments.json:
        output.print_json([_as_json(*each) for each in answers])
    else:
        for process, told in answers:
            _print(process, told, arguments)
    return 1 if any('trouble' in told for _, told in answers) else 0


def _ask(meant: list[processes.Process]) -> list[_Answer]:
    return [
        (process, told if 'trouble' in told else stack_text.unfold(told))
        for process, told in look.ask_all(meant, 'stacks')
    ]


def compare(before: look.Answer, after: look.Answer) -> None:
    """Say in the later of two answers what has ``moved`` between them.

    And how much CPU time, in seconds, each native thread has ``used``.
    """
    if 'trouble' in before:
        after.clear()
        after.update(before)
    if 'trouble' in after:
        return
    for kind, names in (
        ('threads', ('ident', 'native_id')),
        ('greenlets', ('id', 'kind')),
    ):
        was = {tuple(t[n] for n in names): t for t in before[kind]}
        for each in after[kind]:
            same = was.get(tuple(each[n] for n in names))
            each['moved'] = not same or same['frames'] != each['frames']
            if same and same.get('cpu') is not None and each['cpu']:
                each['used'] = round(each['cpu'] - same['cpu'], 2)


def _print(
    process: processes.Process,
    told: look.Answer,
    arguments: argparse.Namespace,
) -> None:
    title = processes.title(process)
    if 'trouble' in told:
        trouble = processes.show(told['trouble'])
        print(f'osdbg stacks: {title}: {trouble}', file=sys.stderr)
        return
    counts = f'{len(told["threads"])} threads, {len(told["greenlets"])} green'
    head = f'{title}: {counts}, Python {processes.show(told["python"])}'
    if arguments.diff is not None:
        told = {**told, **_unmoved(told)}
        head += f'; what did not move in {arguments.diff:g} s'
    text = stack_text.Text(told, process['pid'], arguments.all)
    _print_lines([('process', head), ('', ''), *text.lines()])


def _unmoved(told: look.Answer) -> look.Answer:
    return {
        kind: [each for each in told[kind] if not each['moved']]
        for kind in ('threads', 'greenlets')
    }


def _print_lines(lines: Iterable[stack_text.Line]) -> None:
    if not output.has_rich():
        print('\n'.join(text for _, text in lines))
        return
    from rich import console
    from rich import text as rich_text

    shown = rich_text.Text()
    for style, text in lines:
        shown.append(f'{text}\n', _STYLES.get(style))
    console.Console(highlight=False, soft_wrap=True).print(shown)


def _as_json(process: processes.Process, told: look.Answer) -> dict[str, Any]:
    names = ('name', 'worker', 'pid')
    return {**{name: process[name] for name in names}, **told}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f'expected seconds, such as 5 or 0.5, found {text!r}'
        )
    return seconds

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

"""``osdbg ps``: every armed process."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from osdbg import addresses
from osdbg.cli import output
from osdbg.cli import processes
from osdbg import exceptions
from osdbg.gateway import credentials

_COLUMNS = ('PID', 'SERVICE', 'WORKER', 'STATE', 'DEBUGGER', 'AT', 'CLIENT')
_STYLES = {
    'armed': 'green',
    'loaded': 'cyan',
    'attached': 'bold cyan',
    'closed': 'dim',
    'left out': 'dim',
}
_EVERY_SECONDS = 2.0
# Home; and erase what is below, and to the right of each line.
_HOME = '\x1b[H\x1b[J'
_CLEAR = '\x1b[2J'

_Row = list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'AT is where an IDE or a terminal connects; -> is where an IDE is\n'
        'called, which has to listen there.\n'
        '\n'
        'examples:\n'
        '  osdbg ps\n'
        '  osdbg ps nova-conductor --watch\n'
        '  osdbg ps --json | jq -r ".[] | select(.stopped) | .pid"\n'
        '  sudo osdbg ps      the processes of all users'
    )
    processes.add_service(parser, unset='all of them')
    parser.add_argument(
        '--watch',
        nargs='?',
        type=_seconds,
        const=_EVERY_SECONDS,
        metavar='SECONDS',
        help=f'again every so many seconds ({_EVERY_SECONDS:g}), in place, '
        f'until Ctrl-C',
    )
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the processes.

    :returns: 0, also if there are none
    :raises: OsdbgError if the gateway does not answer, or a process was
        named that is not armed
    """
    if arguments.watch is None:
        _print(arguments)
        return 0
    in_place = output.is_terminal() and not arguments.json
    sys.stdout.write(_CLEAR if in_place else '')
    while True:
        sys.stdout.write(_HOME if in_place else '')
        _print(arguments)
        sys.stdout.flush()
        time.sleep(arguments.watch)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(
            f'expected seconds, from 0.1 to 3600, found {text}; a SERVICE '
            f'goes before it'
        )
    return seconds


def _print(arguments: argparse.Namespace) -> None:
    found, none = processes.ask(), processes.NONE
    if arguments.service is not None:
        try:
            found = processes.find(arguments.service, found)
        except exceptions.OsdbgError as exc:
            if arguments.watch is None:
                raise
            found, none = [], str(exc)  # it may just start anew
    found.sort(key=_order)
    if arguments.json:
        output.print_json(found)
    elif found:
        rows, columns = _table(found)
        stopped = {_state(p): 'bold red' for p in found if p['stopped']}
        output.print_table(columns, rows, {**_STYLES, **stopped})
    else:
        print(f'osdbg ps: {none}', file=sys.stderr)


def _order(process: processes.Process) -> tuple[Any, ...]:
    worker = process['worker']
    return process['name'], worker is not None, worker or 0, process['pid']


def _table(
    found: list[processes.Process],
) -> tuple[list[_Row], tuple[str, ...]]:
    rows = [_row(process) for process in found]
    users = {process['uid'] for process in found}
    if len(users) == 1:
        return rows, _COLUMNS
    for row, process in zip(rows, found):
        uid = process['uid']
        row.insert(0, processes.show(credentials.user_name(uid) or uid))
    return rows, ('USER', *_COLUMNS)


def _row(process: processes.Process) -> _Row:
    worker = process['worker']
    return [
        str(process['pid']),
        processes.show(process['name']),
        'launcher' if worker is None else str(worker),
        _state(process),
        processes.show(process['backend']),
        _place(process),
        _client(process['client']),
    ]


def _state(process: processes.Process) -> str:
    stopped = process['stopped']
    if stopped:
        since = _spell(stopped['seconds'])
        return f'stopped at {processes.show(stopped["where"])} for {since}'
    state = process['state']
    if state == 'armed' and not process.get('opened', True):
        return 'closed'
    if state == 'armed' and not process.get('wanted', True):
        # It only launches, or [remote_debug] workers does not name it.
        return 'left out'
    return processes.show(state)


def _spell(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes:02d} min'
    return f'{minutes} min {rest:02d} s' if minutes else f'{rest} s'


def _place(process: processes.Process) -> str:
    host = processes.show(process['host'])
    if process['trouble']:
        return processes.show(process['trouble'])
    arrow = '-> ' if process['dials'] else ''
    return arrow + addresses.spell(host, process['port'])


def _client(client: dict[str, Any]) -> str:
    if not client:
        return '-'
    user = client['user'] or client['subject'] or client['uid']
    who = client['program'] or client['address']
    return ' '.join(
        processes.show(fact) for fact in (user, who) if fact is not None
    )

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

"""What ``osdbg open`` and ``osdbg close`` have in common: all but a word."""

from __future__ import annotations

import argparse
import sys

from osdbg import addresses
from osdbg.cli import output
from osdbg.cli import processes
from osdbg import exceptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of both commands."""
    processes.add_service(parser)
    output.add_json(parser)


def switch(
    arguments: argparse.Namespace,
    opened: bool,
    seconds: float | None = None,
    port: int | None = None,
) -> int:
    """Open or close processes, and say what has become of each.

    :param arguments: of ``add_arguments()``
    :param opened: whether clients are to come
    :param seconds: for how long; 0 for ever, None as their options say
    :param port: where, until they are closed; None for where they are
    :returns: the exit code: 0 only if all have obeyed, and clients can come
        to at least one if they are to
    :raises: OsdbgError when it is not clear which
    """
    meant = processes.find(arguments.service)
    if port is not None:
        _refuse_sockets(meant)
    told = processes.ask(
        ids=[p['id'] for p in meant], open=opened, seconds=seconds, port=port
    )
    now = {process['id']: process for process in told}
    found = [now[p['id']] for p in meant if p['id'] in now]
    troubles = [
        f'{processes.title(process)} {_GONE}'
        for process in meant
        if process['id'] not in now
    ]
    troubles += [
        f'{processes.title(process)} does not answer: it is stopped, or '
        f'stuck; it {"opens" if opened else "closes"} when it goes on'
        for process in found
        if process.get('opened', opened) is not opened
    ]
    obeying = [p for p in found if p.get('opened', opened) is opened]
    workers = [p for p in obeying if p['worker'] is not None]
    done, lines = 0, []
    for process in workers or obeying:
        title = processes.title(process)
        trouble = processes.show(process.get('trouble', ''))
        if opened and not is_named(process):
            lines.append(f'{title}: [remote_debug] workers leaves it out')
        elif opened and trouble:
            troubles.append(f'{title}: {trouble}')
        elif port not in (None, process['port']):
            troubles.append(
                f'{title} has a client at {_address(process)}: it moves to '
                f'{port} when that has left'
            )
        else:
            done += 1
            lines.append(f'{title}: {tell(process, opened)}')
    if not done and not troubles:
        troubles = ['nobody can be debugged: correct [remote_debug] workers']
    if arguments.json:
        output.print_json(found)
    elif lines:
        print('\n'.join(lines))
    for trouble in troubles:
        command = 'open' if opened else 'close'
        print(f'osdbg {command}: {trouble}', file=sys.stderr)
    return 1 if troubles else 0


_GONE = (
    'does not answer: it has ended, or it has just read its options anew; '
    'try again'
)


def is_named(process: processes.Process) -> bool:
    """Tell whether ``workers`` names an open process, or it is no worker."""
    return process['worker'] is None or bool(process.get('wanted', True))


def tell(process: processes.Process, opened: bool) -> str:
    """Say what it means that a process was opened or closed."""
    if process['dials']:
        what = 'an IDE is called that listens at'
        what = what if opened else 'no IDE is called at'
    else:
        what = f'{"clients" if opened else "no client"} may come at'
    return f'{what} {_address(process)}'


def _address(process: processes.Process) -> str:
    return addresses.spell(processes.show(process['host']), process['port'])


def _refuse_sockets(meant: list[processes.Process]) -> None:
    for process in meant:
        if addresses.is_unix(process['host']):
            raise exceptions.OsdbgError(
                f'{processes.title(process)} is at {_address(process)}, which '
                f'has no port: leave out --port'
            )

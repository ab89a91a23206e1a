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

"""``osdbg ide``: what an IDE has to know of a service, as it wants it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import dataclasses
import os
import sys
from typing import Any
from typing import TextIO

from osdbg import addresses
from osdbg.cli import output
from osdbg.cli import processes
from osdbg import exceptions
from osdbg.ide import base
from osdbg.ide import clients
from osdbg.ide import files
from osdbg.ide import mappings
from osdbg.ide import targets

_MAX_NAMES = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = (
        'Files that exist are kept as they are, comments and all; only the\n'
        'configuration of the same name is replaced.\n'
        '\n'
        'examples:\n'
        '  cd ~/src/nova && osdbg ide vscode nova-api\n'
        '  osdbg ide vscode --source ~/src/nova --source ~/src/oslo.log\n'
        '  osdbg ide nvim nova-compute --print\n'
        '  osdbg ide zed --port 5678 --name nova-api '
        '--map ~/src/nova=/opt/stack/nova'
    )
    parser.add_argument(
        'client',
        choices=list(clients.CLIENTS),
        metavar='CLIENT',
        help=f'one of {", ".join(clients.CLIENTS)}',
    )
    processes.add_service(parser, unset='all that the client can speak to')
    parser.add_argument(
        '--source',
        action='append',
        metavar='DIR',
        help='a checkout of what the service runs, or a directory of several; '
        'unset, the current directory',
    )
    parser.add_argument(
        '--map',
        action='append',
        type=_pair,
        default=[],
        metavar='LOCAL=REMOTE',
        help='a directory here, and what the service calls it',
    )
    parser.add_argument(
        '--output',
        metavar='FILE',
        help='unset, where the client looks for it in the current directory',
    )
    parser.add_argument(
        '--print',
        action='store_true',
        help='print the configuration, and write nothing',
    )
    parser.add_argument('--name', help='what to call the service there')
    apart = parser.add_argument_group('for a service that does not run here')
    apart.add_argument('--port', type=_port, metavar='N')
    apart.add_argument('--host', help='127.0.0.1 if it is unset')
    output.add_json(parser)


def _pair(text: str) -> tuple[str, str]:
    local, equals, remote = text.partition('=')
    if not (local and equals and remote):
        raise argparse.ArgumentTypeError(
            f'expected LOCAL=REMOTE, found {text}'
        )
    return os.path.abspath(os.path.expanduser(local)), remote


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(
            f'expected a port, from 1 to 65535, found {text}'
        )
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Write or print the configuration of a client.

    :returns: 0 if that is done
    :raises: OsdbgError
    """
    client = clients.CLIENTS[arguments.client](_project(arguments))
    plan = _plan(client, arguments)
    shown = arguments.print or not (client.place or arguments.output)
    edits = _edits(client, plan.targets, arguments.output, shown)
    if not shown:
        for edit in edits:
            edit.write()
    if arguments.json:
        output.print_json(_as_json(client, plan, edits))
        return 0
    for edit in edits:
        if shown:
            print(edit.text, end='')
        else:
            print(f'{processes.show(edit.path)}: {edit.done}')
    _tell(client, plan, sys.stderr if shown else sys.stdout)
    return 0


def _project(arguments: argparse.Namespace) -> str | None:
    """Return the directory that the client is to be opened in, if known."""
    if arguments.output is None:
        return os.getcwd()
    place = os.sep + clients.CLIENTS[arguments.client].place
    path = os.path.abspath(arguments.output)
    return path[: -len(place)] if path.endswith(place) else None


def _plan(client: base.Client, arguments: argparse.Namespace) -> targets.Plan:
    host, port = arguments.host, arguments.port
    given = mappings.written(arguments.map)
    if port is not None or (host and addresses.is_unix(host)):
        if arguments.service:
            raise exceptions.OsdbgError(
                f'--port is for what does not run here: leave it out, or '
                f'write --name {processes.show(arguments.service)}'
            )
        if arguments.source:
            raise exceptions.OsdbgError(
                '--port is for what does not run here, and cannot be asked '
                'for its files: write --map LOCAL=REMOTE in place of --source'
            )
        return targets.by_hand(
            host or '127.0.0.1', port, arguments.name or '', given
        )
    if host:
        raise exceptions.OsdbgError(f'--host {host} takes a --port')
    sources = _sources(arguments.source)
    plan = targets.running(client, arguments.service, sources, given)
    found = plan.found
    if arguments.source and found.missing and not (found.mapped or found.same):
        tried = ' '.join(f'--source {source}' for source in sources)
        raise exceptions.OsdbgError(
            f'{tried} holds none of the {len(found.missing)} packages '
            f'that {plan.targets[0].service} has imported: name the '
            f'checkout, the directory that their directories are in'
        )
    return plan if not arguments.name else _renamed(plan, arguments.name)


def _renamed(plan: targets.Plan, name: str) -> targets.Plan:
    if len(plan.targets) > 1:
        raise exceptions.OsdbgError(
            f'--name {processes.show(name)} would be that of '
            f'{len(plan.targets)} configurations: name a SERVICE'
        )
    plan.targets[0] = plan.targets[0].renamed(f'osdbg: {processes.show(name)}')
    return plan


def _sources(wanted: list[str] | None) -> list[str]:
    sources = [os.path.abspath(os.path.expanduser(s)) for s in wanted or ['.']]
    for source in sources:
        if not os.path.isdir(source):
            raise exceptions.OsdbgError(
                f'--source {source} is no directory: name one with a checkout'
            )
    return sources


@dataclasses.dataclass
class _Edit:
    """A file, as it will be."""

    path: str
    before: str
    text: str
    done: str | None = None

    def write(self) -> None:
        """Write it, unless it is that already."""
        self.done = 'changed' if self.before else 'written'
        if self.text == self.before:
            self.done = 'unchanged'
        else:
            files.write(self.path, self.text)


def _edits(
    client: base.Client,
    wanted: Sequence[base.Target],
    output_file: str | None,
    shown: bool,
) -> list[_Edit]:
    """Make all texts before a file is touched.

    :param shown: whether they are only printed
    :raises: OsdbgError if one of them is not understood
    """
    pieces = list(client.files(wanted))
    if output_file and len(pieces) > 1:
        raise exceptions.OsdbgError(
            f'--output is one file, and {client.title} wants {len(pieces)}: '
            f'name a SERVICE, or leave it out'
        )
    edits = []
    for place, some in pieces:
        path = os.path.abspath(output_file or place)
        before = '' if shown else files.read(path)
        edits.append(_Edit(path, before, _edited(client, path, before, some)))
    return edits


def _edited(
    client: base.Client,
    path: str,
    before: str,
    some: Sequence[base.Target],
) -> str:
    try:
        return client.edit(before, some)
    except base.Broken as exc:
        raise exceptions.OsdbgError(
            f'{path}, line {exc.line}: {exc.what}; it is left as it is: mend '
            f'it, or type osdbg ide {client.name} --print, and paste'
        ) from exc


def _tell(client: base.Client, plan: targets.Plan, to: TextIO) -> None:
    """Say what has been mapped, what has not, and what to do now."""
    found = plan.found
    for mapping in found.mapped:
        what = mapping.package or 'written down'
        line = f'{what}: {mapping.remote} is {mapping.local}'
        print(f'  {processes.show(line)}', file=to)
    for name, others in found.doubles.items():
        line = f'{name} is also in {", ".join(others)}: choose with --source'
        print(f'  {processes.show(line)}', file=to)
    for names, why in (
        (found.same, 'need no mapping, since the service runs them from here'),
        (found.missing, 'are in no checkout that was named'),
    ):
        if names:
            print(f'  {_count(names)} {why}', file=to)
    for note in plan.notes:
        print(f'  {note}', file=to)
    for target in plan.targets:
        if target.first:
            print(f'on the machine of the IDE: {target.first}', file=to)
    print(f'{client.title}: {client.hint(plan.targets)}', file=to)


def _count(names: list[str]) -> str:
    shown = ', '.join(map(processes.show, names[:_MAX_NAMES]))
    rest = len(names) - _MAX_NAMES
    return f'{shown} and {rest} more' if rest > 0 else shown


def _as_json(
    client: base.Client,
    plan: targets.Plan,
    edits: list[_Edit],
) -> dict[str, Any]:
    found = plan.found
    return {
        'client': client.name,
        'files': [
            {'path': edit.path, 'done': edit.done, 'text': edit.text}
            for edit in edits
        ],
        'configurations': [target.name for target in plan.targets],
        'first': [t.first for t in plan.targets if t.first],
        'mapped': [mapping._asdict() for mapping in found.mapped],
        'same': found.same,
        'covered': found.covered,
        'missing': found.missing,
        'doubles': found.doubles,
        'notes': plan.notes,
        'hint': client.hint(plan.targets),
    }

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

"""``osdbg attach``: a terminal for a breakpoint.

It does what ``nc`` does, with line editing, a history, and a word at the end.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
from typing import Any

from osdbg import addresses
from osdbg.cli import endpoint
from osdbg.cli import history
from osdbg.cli import output
from osdbg.cli import processes
from osdbg.cli import terminal as terminal_
from osdbg import exceptions
from osdbg.gateway import protocol
from osdbg.ide import targets
from osdbg.ide import vscode

_CONNECT_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = (
        'Ctrl-D detaches and lets the service go on. Ctrl-C drops the line\n'
        'that is being typed, and detaches while the service is running.\n'
        '\n'
        'examples:\n'
        '  osdbg attach                  the only service there is\n'
        '  osdbg attach nova-api/1       its worker 1\n'
        '  osdbg attach 127.0.0.1:4444   whatever has a prompt there\n'
        '  osdbg attach nova-api --json  how a client gets there'
    )
    argument = parser.add_argument(
        'address',
        nargs='?',
        metavar='SERVICE',
        help='a service, one of its workers (nova-api/1), a process id, or '
        '[HOST:]PORT, or unix:/PATH; unset, the only service there is',
    )
    argument.completer = processes.complete  # type: ignore[attr-defined]
    endpoint.add_user(parser)
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Be a terminal until the service lets go, or the user does.

    What speaks to an IDE and not to a terminal is told how to reach, and so
    is all for programs.

    :returns: 0 if there was a prompt, or somebody was told
    :raises: OsdbgError when nobody listens there, or nobody was let come
    """
    allowed = endpoint.users(arguments.user)
    address = read_address(arguments.address or '')
    everyone = processes.ask()
    if address is None:
        found = processes.find(arguments.address, everyone)
    else:
        found = [p for p in everyone if _is_at(p, *address)]
    prompts = [p for p in found if p['protocol'] == 'pdb']
    if not arguments.json:
        if address is not None and (prompts or not found):
            return _reach(found, *address, allowed)
        if prompts:
            prompts, allowed = endpoint.of_one_user(prompts, arguments.user)
            return _reach_workers(prompts, everyone, allowed)
    if endpoint.are_closed(found):
        raise endpoint.closed(found)
    if arguments.json:
        _print(found, arguments.address)
    else:
        print(tell_ide(found[0]))
    return 0


def _print(found: list[processes.Process], wanted: str) -> None:
    if not found:
        raise exceptions.OsdbgError(
            f'no armed process is at {wanted}: to try it, leave out --json'
        )
    output.print_json([describe(process) for process in found])


def _reach_workers(
    found: list[processes.Process],
    everyone: list[processes.Process],
    allowed: frozenset[int],
) -> int:
    """Connect to the prompts of some processes, and of no others.

    They may share their port with other workers and services. If they do not,
    the workers that replace them will do as well. A port of TLS is for others
    to use.
    """
    host, port = place = found[0]['host'], found[0]['port']
    ids = [p['id'] for p in found if (p['host'], p['port']) == place]
    neighbours = [p for p in everyone if p['port'] == port]
    if addresses.is_unix(host):
        neighbours = [p for p in neighbours if p['host'] == host]
    if not found[0].get('tls') and all(p['id'] in ids for p in neighbours):
        return _reach(found, host, port, allowed)
    return _talk(_ask_for(ids, found))


def _ask_for(ids: list[str], found: list[processes.Process]) -> socket.socket:
    """Have the gateway lead a terminal to some processes."""
    try:
        sock = socket.socket(fileno=processes.gateway_of(found[0]).detach())
        sock.settimeout(_CONNECT_SECONDS)
        sock.sendall(protocol.encode({'terminal': ids}))
        answer = b''
        # Byte by byte: what follows is the prompt's.
        while not answer.endswith(b'\n'):
            byte = sock.recv(1)
            if not byte:
                raise OSError('it hangs up')
            answer += byte
    except OSError as exc:
        raise exceptions.GatewayUnavailable(
            found[0]['gateway'], str(exc)
        ) from exc
    if not protocol.decode(answer)['go']:
        raise endpoint.closed(found)
    sock.settimeout(None)
    return sock


def _reach(
    found: list[processes.Process],
    host: str,
    port: int,
    allowed: frozenset[int],
) -> int:
    """Connect, even to a process that was not opened.

    SIGURG may have opened a prompt in it, and only the port tells.
    """
    address = addresses.spell(processes.show(host), port)
    try:
        return _talk(endpoint.connect(host, port, allowed), address)
    except exceptions.OsdbgError as exc:
        if endpoint.are_closed(found):
            raise endpoint.closed(found) from exc
        raise


def read_address(text: str) -> tuple[str, int] | None:
    """Read what was typed for an address.

    :param text: an address, as in ``endpoint.read()``
    :returns: None if it is the name of a service, or an armed process
    """
    if text.isdecimal() and any(
        str(p['pid']) == text for p in processes.ask()
    ):
        return None
    return endpoint.read(text)


def _is_at(process: processes.Process, host: str, port: int) -> bool:
    """Tell whether an address of this host is that of a process."""
    same: bool = process['host'] == host
    return (process['port'] == port) and (same or addresses.is_loopback(host))


def tell_ide(process: processes.Process) -> str:
    """Say how an IDE reaches a process whose debugger is for IDEs.

    :param process: what the gateway says of it
    """
    name = processes.show(process['name'])
    target = targets.of(process)
    if process['protocol'] == 'pydevd':
        return (
            f'{name} is debugged by {process["backend"]}: let the debug '
            f'server of the IDE listen at '
            f'{addresses.spell(processes.show(target.host), target.port)}'
        )
    first = f'on its machine type {target.first}, and ' * bool(target.first)
    configuration = vscode.VSCode().configuration(target)
    return (
        f'{name} is debugged from an IDE: {first}type osdbg ide vscode '
        f'{name}, or in the launch.json of VS Code, or what another has for '
        f'it, write\n'
        f'{json.dumps(configuration, indent=4)}'
    )


def describe(process: processes.Process) -> dict[str, Any]:
    """Return what a program has to know to reach a process.

    :returns: what ``osdbg ps --json`` tells of it, and ``address``, where a
        client connects, or listens if ``dials``; ``first``, what is typed on
        its machine before; ``configuration``, that of VS Code, for DAP
    """
    target, configuration = targets.of(process), None
    address, first = addresses.spell(target.host, target.port), target.first
    if process['protocol'] == 'dap':
        configuration = vscode.VSCode().configuration(target)
    elif addresses.is_unix(process['host']):
        # A terminal connects to it, which no IDE does.
        address, first = processes.show(process['host']), ''
    return {
        **process,
        'address': address,
        'first': first,
        'configuration': configuration,
    }


def _talk(sock: socket.socket, address: str | None = None) -> int:
    """Be a terminal.

    :param address: of the other end, if it was called there
    :returns: the exit code
    :raises: OsdbgError if that hangs up without a word
    """
    # By it the end is noticed; a script in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with sock, history.kept():
        terminal = terminal_.Terminal(sock)
        why = terminal.run()
    if address is not None and why == terminal_.NEVER and not terminal.heard:
        raise endpoint.hung_up(address)
    print(f'osdbg attach: {why}', file=sys.stderr)
    return 0 if terminal.prompted else 1

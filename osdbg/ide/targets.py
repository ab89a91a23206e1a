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

"""What there is to debug, and how a client gets to it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import os
from typing import Any

from osdbg import addresses
from osdbg.cli import look
from osdbg.cli import processes
from osdbg import exceptions
from osdbg.ide import base
from osdbg.ide import clients
from osdbg.ide import mappings

_ANY = {'0.0.0.0': '127.0.0.1', '::': '::1'}  # noqa: S104
_KINDS = {'pydevd_pycharm': 'pycharm', 'pydevd': 'pydev'}


@dataclasses.dataclass
class Plan:
    """What is to be written, and what is to be said of it."""

    targets: list[base.Target]
    found: mappings.Found = dataclasses.field(default_factory=mappings.Found)
    notes: list[str] = dataclasses.field(default_factory=list)
    """What the client will not have, and why."""


def by_hand(
    host: str, port: int | None, name: str, given: Iterable[mappings.Mapping]
) -> Plan:
    """Plan for a service of which only the address is known.

    :param name: what to call it; empty for its address
    """
    here, number, first = reach(host, port)
    name = name or (host if addresses.is_unix(host) else f'port {number}')
    found = mappings.find({}, [], list(given))
    target = base.Target(
        f'osdbg: {processes.show(name)}',
        here,
        number,
        mappings=tuple(found.mapped),
        first=first,
    )
    return Plan([target], found)


def running(
    client: base.Client,
    wanted: str | None,
    sources: Sequence[str],
    given: Iterable[mappings.Mapping],
) -> Plan:
    """Plan for services that run.

    :param wanted: which, as in ``processes.find()``; None for all that the
        client can speak to
    :param sources: directories with checkouts
    :param given: what somebody has written down on the command line
    :raises: OsdbgError if there is none
    """
    everyone = processes.ask()
    if not everyone:
        raise exceptions.OsdbgError(
            f'{processes.NONE}; or say where it will be, with --port'
        )
    found = everyone
    if wanted is not None:
        found = processes.find(wanted, everyone)
    whys = {p['id']: refusal(client, p) for p in found}
    able = [p for p in found if not whys[p['id']]]
    if not able:
        raise exceptions.OsdbgError(whys[found[0]['id']])
    plan = Plan([], notes=list(dict.fromkeys(filter(None, whys.values()))))
    places: dict[tuple[str, int], list[processes.Process]] = {}
    for process in sorted(able, key=lambda p: (p['name'], p['port'])):
        place = process['host'], process['port']
        places.setdefault(place, []).append(process)
    names = _names(places)
    for place, group in places.items():
        if not any(process.get('opened', True) for process in group):
            name = processes.show(group[0]['name'])
            plan.notes.append(f'to let clients come, type osdbg open {name}')
        mapped = _map(client, group, sources, list(given), plan)
        plan.targets.append(_target(group[0], names[place], mapped))
    return plan


def of(process: processes.Process) -> base.Target:
    """Return where a process is debugged, without any paths."""
    return _target(process, f'osdbg: {processes.show(process["name"])}', [])


def reach(
    host: str, port: int | None, tls: bool = False
) -> tuple[str, int, str]:
    """Return how an IDE on this machine gets to an address.

    :returns: a host and a port, and what to type before
    """
    if not (tls or addresses.is_unix(host)):
        return _ANY.get(host, host), port or addresses.DEFAULT_PORT, ''
    first = processes.show(addresses.tunnel(host, port, tls))
    return '127.0.0.1', port or addresses.DEFAULT_PORT, first


def refusal(client: base.Client, process: processes.Process) -> str:
    """Say why a client cannot debug a process, and what to type instead.

    :returns: nothing if it can
    """
    backend = process['backend']
    name = processes.show(process['name'])
    said = f'{name} is debugged by {processes.show(backend)}'
    if process['protocol'] == 'pdb':
        return f'{said}, from a terminal: type osdbg attach {name}'
    if not client.speaks_to(backend, process['protocol']):
        other = _KINDS.get(backend, 'vscode')
        wish = client.backends[0] if client.backends else 'debugpy'
        return (
            f'{said}, which {client.title} does not speak to: type osdbg ide '
            f'{other} {name}, or set [remote_debug] backend = {wish}'
        )
    if process['dials'] and not client.can_listen:
        able = (c.name for c in clients.CLIENTS.values() if c.can_listen)
        return (
            f'{name} calls its IDE (direction = connect), and {client.title} '
            f'does not listen: remove direction, or type osdbg ide with one '
            f'of {", ".join(able)}'
        )
    return ''


def _target(
    process: processes.Process, name: str, mapped: list[mappings.Mapping]
) -> base.Target:
    # No host is called so, and a terminal might obey it.
    host, port = processes.show(process['host']), process['port']
    first = ''
    if not process['dials']:
        host, port, first = reach(host, port, bool(process.get('tls')))
    return base.Target(
        name, host, port, process['dials'], tuple(mapped), first
    )


def _names(places: dict[tuple[str, int], list[Any]]) -> dict[Any, str]:
    """Name the addresses by their services, as long as that is clear."""
    services = {
        place: sorted({processes.show(p['name']) for p in group})
        for place, group in places.items()
    }
    every = [name for names in services.values() for name in names]
    named = {}
    for (host, port), names in services.items():
        spot = processes.show(host) if addresses.is_unix(host) else port
        name = names[0] if len(names) == 1 else f'port {spot}'
        if len(names) == 1 and every.count(name) > 1:
            name = f'{name} ({spot})'
        named[host, port] = f'osdbg: {name}'
    return named


def _map(
    client: base.Client,
    group: list[processes.Process],
    sources: Sequence[str],
    given: list[mappings.Mapping],
    plan: Plan,
) -> list[mappings.Mapping]:
    """Ask the workers of an address where their files are."""
    workers = [p for p in group if p['worker'] is not None] or group
    packages: dict[str, list[str]] = {}
    written: dict[mappings.Mapping, None] = {}
    shared = True
    answers = look.ask_all(workers, 'imports')
    silent = [each for each in answers if 'trouble' in each[1]]
    if len(silent) == len(answers):
        raise _nobody_answers(*silent[0])
    for process, told in answers:
        if 'trouble' in told:
            plan.notes.append(_silence(process, told))
            continue
        # No editor has files called so, and a terminal might obey them.
        plain = {
            name: places
            for name, places in told['packages'].items()
            if ''.join((name, *places)).isprintable()
        }
        pairs = [p for p in told['path_mappings'] if ''.join(p).isprintable()]
        packages = {**plain, **packages}
        written.update(dict.fromkeys(mappings.written(pairs)))
        shared = shared and _sees_our_files(process['pid'])
    found = mappings.find(packages, sources, [*given, *written], shared)
    if client.service_maps:
        found.mapped = [m for m in found.mapped if m not in written]
    plan.found.add(found)
    return found.mapped


def _sees_our_files(pid: int) -> bool:
    try:
        return os.readlink(f'/proc/{pid}/ns/mnt') == os.readlink(
            '/proc/self/ns/mnt'
        )
    except OSError:
        return False


def _silence(process: processes.Process, told: look.Answer) -> str:
    return f'{processes.title(process)}: {processes.show(told["trouble"])}'


def _nobody_answers(
    process: processes.Process, told: look.Answer
) -> exceptions.OsdbgError:
    """Return why nothing is written: it would lose the mappings there are."""
    return exceptions.OsdbgError(
        f'{_silence(process, told)}; or, to have it without any path, type '
        f'--port {process["port"]} --name {processes.show(process["name"])}'
    )

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

"""Addresses as users type them, and connections to them."""

from __future__ import annotations

import argparse
import os
import pwd
import re
import select
import socket
import time
from typing import Any

from osdbg import addresses
from osdbg.cli import processes
from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.gateway import peers

CONNECT_SECONDS = 5.0
"""How long whoever listens may take to accept a connection."""

LOOK_SECONDS = 0.01
"""How often to look whether it has."""


def add_user(parser: argparse.ArgumentParser) -> None:
    """Add the option that says whose program may listen there."""
    parser.add_argument(
        '--user',
        metavar='NAME',
        help='whose the service is, if several users have one; who may listen '
        'at an address, beside you and root: nobody else on this host is told '
        'a word',
    )


def read(text: str) -> tuple[str, int] | None:
    """Read an address.

    :param text: ``HOST:PORT``, ``[IPV6]:PORT``, a port of this machine, or
        ``unix:/PATH`` or ``unix:@NAME``
    :returns: the host, and the port or 0; None if it is something else
    """
    if addresses.is_unix(text):
        return text, 0
    host, _, port = text.rpartition(':')
    if not re.fullmatch('[0-9]{1,5}', port) or not 0 < int(port) < 65536:
        return None
    return host.strip('[]') or '127.0.0.1', int(port)


def users(name: str | None) -> frozenset[int]:
    """Return whose programs may listen at an address of this host.

    :param name: the value of ``--user``
    :raises: OsdbgError if that is nobody
    """
    own = frozenset((0, os.geteuid()))
    return own if name is None else own | {_number(name)}


def of_one_user(
    found: list[processes.Process], name: str | None
) -> tuple[list[processes.Process], frozenset[int]]:
    """Return whose processes are meant, and whose programs may listen there.

    Each is of the user of its gateway, which the kernel knows. Only root is
    told of those of others, and anybody may call a service like another.

    :param found: what a word means
    :param name: the value of ``--user``
    :raises: OsdbgError if it could be several users, or is nobody
    """
    title = processes.show(found[0]['name'])
    if name is not None:
        uid = _number(name)
        found = [process for process in found if process['uid'] == uid]
        if not found:
            raise exceptions.OsdbgError(
                f'{title} is no service of user {processes.show(name)}: type '
                f'osdbg ps to see whose it is'
            )
    owners = {process['uid'] for process in found}
    if len(owners) > 1:
        names = sorted(str(credentials.user_name(u) or u) for u in owners)
        raise exceptions.OsdbgError(
            f'{title} is a service of several users: type --user with one of '
            f'{processes.show(", ".join(names))}'
        )
    return found, users(None) | owners


def _number(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise exceptions.OsdbgError(
            f'--user {processes.show(name)} is nobody on this host: type the '
            f'name or the number of one'
        ) from None


def is_trusted(sock: Any, address: str, allowed: frozenset[int]) -> bool:
    """Tell whether who listens on this host is known, and is no stranger.

    Ports and abstract names belong to whoever comes first, and what is typed
    at a prompt, or comes from an IDE, may be worth something.

    :param sock: has been connected
    :param address: of the other end, as the user has typed it
    :param allowed: who may listen there
    :returns: False as long as nobody has accepted
    :raises: OsdbgError if somebody else has
    """
    try:
        peer = peers.identify(sock)
    except OSError as exc:
        raise hung_up(address, exc.strerror) from exc
    if peer.is_remote or peer.uid in allowed:
        return True
    if peer.uid is None:
        if _has_ended(sock):
            raise hung_up(address)
        return False
    name = processes.show(credentials.user_name(peer.uid) or peer.uid)
    raise exceptions.OsdbgError(
        f'{address} is in the hands of user {name}, who is neither you nor '
        f'root: if the service runs as {name}, type --user {name}'
    )


def not_accepted(address: str) -> exceptions.OsdbgError:
    """Return what to say when nobody has accepted in time."""
    return exceptions.OsdbgError(
        f'nobody takes the call at {address} in {CONNECT_SECONDS:g} s; where '
        f'the port is led on to a container, connect to its own address'
    )


def hung_up(address: str, why: str | None = None) -> exceptions.OsdbgError:
    """Return what to say when it has hung up without a word."""
    reason = f' ({why})' if why else ''
    return exceptions.OsdbgError(
        f'{address} hangs up without a word{reason}: the log of the service '
        f'says why'
    )


def are_closed(found: list[processes.Process]) -> bool:
    """Tell whether clients may come to none of some processes."""
    return bool(found) and not any(p.get('opened', True) for p in found)


def closed(found: list[processes.Process]) -> exceptions.OsdbgError:
    """Return what to say when ``are_closed()`` is true."""
    name = processes.show(found[0]['name'])
    return exceptions.OsdbgError(
        f'{name} lets no client come: type osdbg open {name} first'
    )


def connect(host: str, port: int, allowed: frozenset[int]) -> socket.socket:
    """Connect to whoever has a prompt at an address.

    :param allowed: who may have it
    :raises: OsdbgError if that is nobody, or somebody else
    """
    address = addresses.spell(processes.show(host), port)
    try:
        sock = _connect(host, port)
    except OSError as exc:
        raise exceptions.OsdbgError(
            f'nobody listens at {address} ({exc.strerror or exc}): look into '
            f'the log of the service for the port of its prompts'
        ) from exc
    try:
        _wait_accepted(sock, address, allowed)
    except BaseException:
        sock.close()
        raise
    sock.settimeout(None)
    return sock


def _wait_accepted(
    sock: socket.socket, address: str, allowed: frozenset[int]
) -> None:
    end = time.monotonic() + CONNECT_SECONDS
    while not is_trusted(sock, address, allowed):
        if time.monotonic() > end:
            raise not_accepted(address)
        time.sleep(LOOK_SECONDS)


def _has_ended(sock: Any) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


def _connect(host: str, port: int) -> socket.socket:
    if not addresses.is_unix(host):
        return socket.create_connection((host, port), CONNECT_SECONDS)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(CONNECT_SECONDS)
        sock.connect(addresses.unix_name(host))
    except BaseException:
        sock.close()
        raise
    return sock

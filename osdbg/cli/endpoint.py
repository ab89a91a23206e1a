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

import socket

from osdbg import addresses
from osdbg.cli import processes
from osdbg import exceptions

CONNECT_SECONDS = 5.0
"""How long whoever listens may take to accept a connection."""


def read(text: str) -> tuple[str, int] | None:
    """Read an address.

    :param text: ``HOST:PORT``, ``[IPV6]:PORT``, a port of this machine, or
        ``unix:/PATH`` or ``unix:@NAME``
    :returns: the host, and the port or 0; None if it is something else
    """
    if addresses.is_unix(text):
        return text, 0
    host, _, port = text.rpartition(':')
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return None
    return host.strip('[]') or '127.0.0.1', int(port)


def connect(host: str, port: int) -> socket.socket:
    """Connect to whoever has a prompt at an address.

    :raises: OsdbgError if that is nobody
    """
    try:
        sock = _connect(host, port)
    except OSError as exc:
        address = addresses.spell(processes.show(host), port)
        raise exceptions.OsdbgError(
            f'nobody listens at {address} ({exc.strerror or exc}): look into '
            f'the log of the service for the port of its prompts'
        ) from exc
    sock.settimeout(None)
    return sock


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

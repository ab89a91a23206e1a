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

"""The gateways of a host, for commands: an agent needs only its own."""

from __future__ import annotations

import _socket
import os
import re

from osdbg.gateway import credentials
from osdbg.gateway import protocol

_NAMES = '/proc/net/unix'
_OF_USER = re.compile(r' @osdbg-(\d+)\n')


def places() -> list[str]:
    """Return where processes that this user may see can have a gateway.

    That of the user, the one that root may run for all users, and for root
    those of everybody. An abstract name is shared with the containers that
    use the host's network.
    """
    found = [protocol.place()]
    host = protocol.host_address()
    if host:
        found.append(_write(host))
        if os.geteuid() == 0:
            found += [f'@osdbg-{uid}' for uid in _users() if uid]
    return found


def call(place: str) -> _socket.socket:
    """Connect to a gateway.

    :param place: one of ``places()``
    :raises: as ``protocol.connect()``
    """
    if place == protocol.place():
        return protocol.connect()
    of_host = place == _write(protocol.host_address())
    owner = 0 if of_host else int(place.rpartition('-')[2])

    def check(sock: _socket.socket) -> object:
        return credentials.check(sock, place, owner)

    # Of all gateways of a host, none is waited for that is busy.
    address = place.replace('@', '\0', 1)
    return protocol.connect_to(address, wait=False, check=check)


def _write(address: str) -> str:
    return address.replace('\0', '@')


def _users() -> list[int]:
    """Return the users that have a gateway of their own."""
    try:
        with open(_NAMES, encoding='ascii', errors='replace') as file:
            return sorted({int(uid) for uid in _OF_USER.findall(file.read())})
    except OSError:
        return []

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

"""Which listeners of this gateway have a port: it is asked for only once.

In a gateway of one user they are in each other's way. In one that root runs
for all users, those of different users share a port: whoever comes gets to
the workers of his own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
import weakref

from osdbg import addresses
from osdbg.gateway.peers import Peer

if TYPE_CHECKING:
    from osdbg.gateway.listener import Listener

_ANYWHERE = {'0.0.0.0', '::', ''}  # noqa: S104
_LISTENERS: weakref.WeakSet[Listener] = weakref.WeakSet()


def enter(listener: Listener) -> None:
    """Have others know of a listener, as long as it lives."""
    _LISTENERS.add(listener)


def names(listener: Listener, number: int) -> str:
    """Name the services that have a port already that a listener wants.

    :returns: nothing if none has; those of other users have no names
    """
    found = set()
    for other in _in_the_way(listener, number):
        for worker in other.group.workers:
            if other.group.uid != listener.group.uid:
                found.add('a service of another user')
                continue
            secured = ', TLS' if other.group.tls else ''
            found.add(f'{worker.name} (backend = {worker.backend}{secured})')
    return ', '.join(sorted(found))


def host(listener: Listener, number: int) -> Listener | None:
    """Return the listener of another user whose port a listener can share."""
    for other in _in_the_way(listener, number):
        group, own = other.group, listener.group
        if (
            type(group) is type(own)
            and _is_same(group.host, own.host)
            and group.uid != own.uid
            and not (group.tls or own.tls)
        ):
            return other
    return None


def _is_same(one: str, other: str) -> bool:
    both = addresses.is_loopback(one) and addresses.is_loopback(other)
    return one == other or both


def _in_the_way(listener: Listener, number: int) -> Iterable[Listener]:
    own = listener.group.host
    for other in _LISTENERS:
        there = other.group.host
        if not other.listens or other.number != number:
            continue
        if _is_same(own, there) or {own, there} & _ANYWHERE:
            yield other


class Guest:
    """What a listener has for a server that shares another's."""

    def __init__(self, host: Listener, guest: Listener) -> None:
        """Share a port.

        :param host: the listener that has it
        :param guest: the one that does not
        """
        self._host = host
        self._guest = guest
        host.guests.append(guest)

    def close(self) -> None:
        """Share it no more."""
        if self._guest in self._host.guests:
            self._host.guests.remove(self._guest)


def choose(host: Listener, peer: Peer) -> Listener | None:
    """Return the listener whose workers a client may come to.

    :param host: the one at whose port it has come in
    :returns: that of its own user, if there is one; None if there is none
    """
    found = [host, *host.guests]
    found.sort(key=lambda listener: listener.group.uid != peer.uid)
    return next((x for x in found if x.group.admits(peer)), None)

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

"""How much room and time others are given in the gateway.

Whoever connects may be anybody, or out of his mind; what he takes must not
grow until the kernel ends the gateway, and with it all sessions there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import resource
from typing import Any
import weakref

MAX_MEMORY = 256 * 1024 * 1024
"""What the gateway never takes more of, in bytes: the sum of all below."""

BACKLOG = 512
"""How many connections may come at the same moment: to one more, Linux answers
after a second."""

MAX_ARRIVALS = 256
"""How many connections to the control socket may not have said yet what they
are for."""

MAX_STRANGERS = 64
"""How many clients there may be, at all ports, that have said nothing, and how
many that have begun a session and not got a worker."""

MAX_SERVED = 2048
"""How many connections to the control socket may stay: one for each armed
process, one more for each that is being debugged."""

MAX_PENDING = 1000
"""How many requests of a client may be without an answer."""

MESSAGE_SECONDS = 30.0
"""How long a message may take to come, once it has begun."""

# For what is left to say to somebody who does not read.
_FLUSH_SECONDS = 5.0
_MAX_UNREAD = 64 * 1024 * 1024
# Below this a connection is not looked at.
_LITTLE_UNREAD = 64 * 1024


class TooSlow(asyncio.TimeoutError):
    """A message had begun, and did not end in time."""


@contextlib.contextmanager
def in_time(reader: asyncio.StreamReader, seconds: float) -> Iterator[None]:
    """Have reading raise TooSlow when the time is over.

    :param reader: is of no use any more then
    :param seconds: how long what is read inside may take
    """
    slow = TooSlow(f'a message was not complete after {seconds:g} s')
    timer = asyncio.get_running_loop().call_later(
        seconds, reader.set_exception, slow
    )
    try:
        yield
    finally:
        timer.cancel()


class Crowd:
    """Connections of which it is not known yet what will become of them.

    There is room for so many that have said nothing, and for as many that
    have. For one more, the oldest goes: nobody keeps others out by staying.
    """

    def __init__(self, most: int) -> None:
        """Begin without any.

        :param most: how many of either kind there is room for
        """
        self._most = most
        self._silent: dict[object, Callable[[], None]] = {}
        self._heard: dict[object, Callable[[], None]] = {}

    def enter(
        self, who: object, dismiss: Callable[[], None], expected: int = 0
    ) -> None:
        """Make room for one more.

        :param dismiss: is called if it has to go
        :param expected: how many were asked to come, and have room beside
        """
        self._add(self._silent, who, dismiss, expected)

    def hear(self, who: object, expected: int = 0) -> None:
        """Note that one has said something sensible.

        :param expected: as above
        """
        if who in self._silent:
            dismiss = self._silent.pop(who)
            self._add(self._heard, who, dismiss, expected)

    def _add(
        self,
        queue: dict[object, Callable[[], None]],
        who: object,
        dismiss: Callable[[], None],
        expected: int,
    ) -> None:
        if len(queue) >= self._most + expected:
            queue.pop(next(iter(queue)))()
        queue[who] = dismiss

    def leave(self, who: object) -> None:
        """Forget one: it has gone, or is known now."""
        self._silent.pop(who, None)
        self._heard.pop(who, None)


STRANGERS = Crowd(MAX_STRANGERS)
"""The clients at all ports that have not attached."""

# The connections whose other end is slow to read.
_SLOW: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()


def _unread(transport: Any) -> int:
    """Return how many bytes wait for the other end to read them."""
    try:
        size: int = transport.get_write_buffer_size()
    except AttributeError:
        return 0  # of TLS, closed: asyncio has let go what is below it
    return size


def relieve(transport: Any, most: int = _MAX_UNREAD) -> None:
    """Cut off who has stopped reading, before too much waits for it.

    :param transport: to which something has just been written
    :param most: how much may wait on this connection, in bytes; on all of
        them together it is 64 MiB, of which who has most loses it
    """
    if _unread(transport) > most:
        transport.abort()
    if _unread(transport) < _LITTLE_UNREAD:
        return
    _SLOW.add(transport)
    slow = {other: _unread(other) for other in list(_SLOW)}
    for other, size in slow.items():
        if size < _LITTLE_UNREAD:
            _SLOW.discard(other)
    if sum(slow.values()) > _MAX_UNREAD:
        max(slow, key=slow.__getitem__).abort()


def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection once all is sent, or after five seconds."""
    transport: Any = writer.transport

    def cut_off() -> None:
        # One that has closed by itself meanwhile must not be aborted.
        if _unread(transport):
            transport.abort()

    writer.close()
    if _unread(transport):
        asyncio.get_running_loop().call_later(_FLUSH_SECONDS, cut_off)


def raise_descriptor_limit() -> None:
    """Take as many descriptors as the system gives; 1024 are soon used."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

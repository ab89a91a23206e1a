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

"""What agents and the gateway say to each other, and where they meet.

One JSON object a line over a UNIX stream socket. An agent sends ``hello``
(who it is), ``forked``, ``launching``, ``open`` (whether clients may come),
``loaded``, ``failed`` or ``attached`` (it has heard of that); the gateway
sends ``port``, ``load``, ``unload``, ``attached``, ``worker``, ``log``,
``audit``, ``open`` (a command asks for that), ``look`` (a command has a
question) and ``absent`` (no IDE listens yet).

Of each thread that stops the agent sends ``stopped`` (a number, where, and
whether only ``along`` with others) and ``resumed`` (the numbers that go on,
and whether that is only a step). The gateway sends ``resume`` (all of them,
and why) when that has lasted too long, ``abandon`` (the numbers of those that
are still evaluating something then), and ``beat`` once a second, if the worker
is to keep its heartbeats.

With ``stop_policy = one_worker`` a thread that is about to stop first sends
``stopping`` (a number, and where), and is answered by ``stop`` (the number,
whether it may ``go`` ahead, and if not, perhaps why).

Other connections are for one purpose each. For each ``load`` the agent sends
``join`` with the ticket of that order, and hands the socket to the debugger:
from then on it speaks the debugger's own protocol, DAP or pydevd's. A thread
that has stopped sends ``prompt``: once it is told ``go``, and not ``refused``,
pdb talks to a terminal there. A command sends ``ask`` and is answered once, or
``terminal`` with the ids of the workers whose prompts it wants: once it is
told ``go``, it is the terminal. Or it sends ``look``, with the id of a worker
and a question, and gets what the agent of that sends after ``answer`` with the
ticket of the question, and after the end of a line from the gateway: without
one nobody waits for it any more.

On Linux the address is in the abstract namespace: there is no file to go
stale, it is shared across systemd's PrivateTmp and across containers that use
the host's network (Kolla's do), and ``bind`` elects the gateway.

Only built-in modules that eventlet does not patch are used here, because the
agent's thread must block for real under any patching.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
import os
import struct
import sys
from typing import Any

from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.gateway import payload
from osdbg.gateway import private
from osdbg import waiting

MAX_LINE = 64 * 1024
"""The longest line that either side accepts, in bytes."""

GRACE = float(os.environ.get('OSDBG_GATEWAY_GRACE', '5'))
"""How long a gateway that nobody uses lives on, in seconds."""

ABSENT = (ConnectionRefusedError, FileNotFoundError)
"""What ``connect`` raises when there is no gateway."""

# In a line; the answer to a command has thirty for each process.
_MAX_VALUES = 100_000
_CONNECT_SECONDS = 1
_LOOK_SECONDS = 0.1
_LOOKS = 5
_IS_LINUX = sys.platform.startswith('linux')


def address() -> str:
    """Return the address of this user's gateway."""
    if _IS_LINUX:
        return '\0' + _name()
    return private.address(_name())


def _name() -> str:
    """Return its name, another one for tests."""
    return os.environ.get('OSDBG_SOCKET') or f'osdbg-{os.geteuid()}'


def place() -> str:
    """Return the address as people write it."""
    return address().replace('\0', '@')


def host_address() -> str:
    """Return the address of the gateway that root may run for all users.

    :returns: nothing where there is none to be: in tests, and not on Linux
    """
    name = os.environ.get('OSDBG_HOST_SOCKET', '')
    if not name and not os.environ.get('OSDBG_SOCKET'):
        name = 'osdbg'
    return '\0' + name if name and _IS_LINUX else ''


def listen(where: str = '') -> _socket.socket | None:
    """Become the gateway.

    :param where: its address; without one, that of this user's
    :returns: the listening socket, or None if another has the name
    """
    if not _IS_LINUX:
        return private.listen(_name())
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.bind(where or address())
    except OSError:
        sock.close()
        return None
    sock.listen(128)
    return sock


def listen_aside() -> _socket.socket | None:
    """Become the gateway, where whoever has the name is none.

    :returns: the listening socket, or None if there is a gateway already
    :raises: GatewayUnavailable
    """
    return private.listen(_name())


def aside() -> str:
    """Return the address of the gateway that is not where it should be.

    :raises: GatewayUnavailable
    """
    return private.address(_name())


def squatter() -> str:
    """Tell who has the name of the gateway and is none.

    :returns: nothing if it is a gateway, or nobody has it
    """
    for _attempt in range(_LOOKS):
        try:
            connect_to(address()).close()
            return ''
        except exceptions.GatewayUnavailable as exc:
            return exc.reason
        except BlockingIOError:
            pass  # a gateway would have let somebody in, in that second
        except OSError:
            waiting.pause(_LOOK_SECONDS)  # one may just be about to listen
    return 'is taken by a program that lets nobody in'


def claim_spawn() -> _socket.socket | None:
    """Take the turn to start a gateway.

    :returns: a socket to close when the gateway stands, or None when it is
        somebody else's turn
    """
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.bind(address() + '-spawn')
    except OSError:
        sock.close()
        return None
    return sock


def connect(own: bool = False, wait: bool = True) -> _socket.socket:
    """Connect to this user's gateway, or to the one for all users.

    :param own: whether only this user's will do
    :param wait: for a second, where many others connect to it just now
    :raises: OSError when there is none (ABSENT) or it accepts nobody,
        GatewayUnavailable when the one who answers is another user
    """
    try:
        return connect_to(address(), wait)
    except (exceptions.GatewayUnavailable, OSError):
        # Whoever has the name may be none; then it is there.
        sock = _try_aside()
        if sock is None and host_address() and not own:
            sock = _try(host_address())
            if sock is not None and credentials.peer(sock)[1] != 0:
                sock.close()  # no gateway for all users, whatever it is
                sock = None
        if sock is None:
            raise
        return sock


def _try_aside() -> _socket.socket | None:
    found = map(_try, private.addresses(_name()))
    return next(filter(None, found), None)


def _try(where: str) -> _socket.socket | None:
    try:
        return connect_to(where)
    except (exceptions.GatewayUnavailable, OSError):
        return None


def _check(sock: _socket.socket) -> object:
    return credentials.check(sock, place())


def connect_to(
    where: str | bytes,
    wait: bool = True,
    check: Callable[[_socket.socket], object] = _check,
) -> _socket.socket:
    """Connect to the gateway at an address.

    :param where: the address
    :param wait: for a second, where many others connect to it just now
    :param check: raises GatewayUnavailable for who may not be there; without
        one, that is anybody but this user and root
    :raises: as ``connect()``
    """
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        # Without a limit a full backlog would block for ever; with one of
        # Python's, Linux says at once that it is full, with its own it waits.
        if wait:
            _limit_sending(sock, _CONNECT_SECONDS)
        else:
            sock.settimeout(_CONNECT_SECONDS)
        sock.connect(where)
        sock.settimeout(None)
        _limit_sending(sock, 0)
        check(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _limit_sending(sock: _socket.socket, seconds: int) -> None:
    limit = struct.pack('ll', seconds, 0)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, limit)


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as a line."""
    return payload.encode(message) + b'\n'


def decode(line: bytes) -> dict[str, Any]:
    """Return the message in a line.

    :raises: ValueError if it is not a JSON object
    """
    return payload.decode(line, _MAX_VALUES)


class Channel:
    """The agent's end of the control connection."""

    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self._buffer = b''
        self._address = sock.getpeername()

    def connect(self) -> _socket.socket:
        """Connect to the same gateway once more.

        :raises: as ``connect()``
        """
        return connect_to(self._address)

    def send(self, **message: Any) -> None:
        """Send one message, and never wait: it may be in a request.

        A gateway that is gone is noticed in receive, and one that has stopped
        reading is left.
        """
        data = encode(message)
        try:
            if self._sock.send(data, _socket.MSG_DONTWAIT) < len(data):
                self.hang_up()
        except BlockingIOError:
            self.hang_up()
        except OSError:
            pass

    def receive(self) -> dict[str, Any] | None:
        """Block until a message comes; return None when the peer is gone."""
        while b'\n' not in self._buffer:
            try:
                data = self._sock.recv(MAX_LINE)
            except OSError:
                return None
            if not data or len(self._buffer) > MAX_LINE:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b'\n', 1)
        try:
            return decode(line)
        except ValueError:
            return None

    def hang_up(self) -> None:
        """End the connection; whoever blocks in ``receive`` returns."""
        try:
            self._sock.shutdown(_socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was quicker

    def close(self) -> None:
        """Close this process's end."""
        self._sock.close()

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

"""Whose a TCP socket of this host is.

The kernel is asked for the one socket (sock_diag(7)): that takes as long
whatever else goes on on the host. Where that is not allowed
(``RestrictAddressFamilies`` of systemd), ``/proc/net/tcp`` and ``tcp6`` are
read, which takes some milliseconds with thousands of connections, and may pass
over one while others come and go: then it is read again.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NO_COOKIE = b'\xff' * 8
_ANY_STATE = 0xFFFFFFFF
_HEADER = struct.Struct('=IHHII')
_REQUEST = struct.Struct('=BBBxI')
_ANSWER = struct.Struct('=BBBB')
_OWNER = struct.Struct('=IIIII')
_ID_SIZE = 48
_SECONDS = 1.0
# A table is read while it changes.
_READINGS = 3

Address = tuple[str, int]


class Owner(NamedTuple):
    """Whose a socket is."""

    uid: int
    inode: int


class _Line:
    """A line to the kernel: kept, since there may be no descriptor later."""

    def __init__(self) -> None:
        self._sock: socket.socket | None = None
        self._number = 0
        self.tells = False
        """Whether it has ever told of a socket: then it tells of all."""

    def ask(self, body: bytes) -> bytes:
        """Ask something, and return the answer to that.

        :raises: OSError
        """
        if self._sock is None:
            self._sock = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG
            )
            self._sock.settimeout(_SECONDS)
        self._number = (self._number + 1) % 2**32
        size = _HEADER.size + len(body)
        head = _HEADER.pack(
            size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, self._number, 0
        )
        self._sock.sendto(head + body, (0, 0))
        while True:  # an answer may have come too late for who asked
            answer = self._sock.recv(4096)
            if _HEADER.unpack_from(answer)[3] == self._number:
                return answer


_line = _Line()


def owner(of: Address, to: Address) -> Owner | None:
    """Look up a connected socket.

    :param of: its own address, a number and a port
    :param to: the address of the other end
    :returns: None if there is no such socket here; without an inode nobody has
        it, not yet or not any more, and it seems to be root's
    """
    found = None
    try:
        found = _ask(of, to)
        # Not there, or not to be told? The end that is ours is there.
        _line.tells = _line.tells or bool(found or _ask(to, of))
    except OSError:
        _line.tells = False
    if not _line.tells:
        found = _look(of, to)
    return found


def _ask(of: Address, to: Address) -> Owner | None:
    """Ask the kernel for it.

    :returns: None if it has no such socket, or does not tell
    :raises: OSError where it cannot be asked
    """
    own, other = ipaddress.ip_address(of[0]), ipaddress.ip_address(to[0])
    family = socket.AF_INET if own.version == 4 else socket.AF_INET6
    ident = struct.pack('>HH', of[1], to[1])
    ident += own.packed.ljust(16, b'\0') + other.packed.ljust(16, b'\0')
    ident += struct.pack('=I', 0) + _NO_COOKIE
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ANY_STATE) + ident
    answer = _line.ask(body)
    kind = _HEADER.unpack_from(answer)[1]
    start = _HEADER.size + _ANSWER.size
    ports = ident[:4]
    # Where nobody is connected, the kernel tells of who only listens there.
    if kind != _SOCK_DIAG_BY_FAMILY or answer[start : start + 4] != ports:
        return None
    rest = start + _ID_SIZE
    _expires, _read, _write, uid, inode = _OWNER.unpack_from(answer, rest)
    return Owner(uid, inode)


def _look(of: Address, to: Address) -> Owner | None:
    """Find it in the tables of the kernel."""
    for _reading in range(_READINGS):
        for path, wanted in _rows(of, to):
            try:
                with open(path, 'rb', buffering=1024 * 1024) as file:
                    table = file.read()
            except OSError:
                continue
            start = table.find(wanted)
            if start >= 0:
                # st, queues, timer, retransmits, uid, timeout, inode
                fields = table[start + len(wanted) :].split(None, 7)
                return Owner(int(fields[4]), int(fields[6]))
    return None


def _rows(of: Address, to: Address) -> list[tuple[str, bytes]]:
    """Return how its row begins, in each table that may have it.

    IPv4 is in both: a socket made for IPv6 may be connected by it.
    """
    if ':' in of[0]:
        return [('/proc/net/tcp6', _row(of[0], of[1], to[0], to[1]))]
    mapped = [f'::ffff:{host}' for host in (of[0], to[0])]
    return [
        ('/proc/net/tcp', _row(of[0], of[1], to[0], to[1])),
        ('/proc/net/tcp6', _row(mapped[0], of[1], mapped[1], to[1])),
    ]


def _row(host: str, port: int, other: str, other_port: int) -> bytes:
    return f'{_hex(host)}:{port:04X} {_hex(other)}:{other_port:04X} '.encode()


def _hex(host: str) -> str:
    """Write an address as the kernel does: by words of this processor."""
    packed = ipaddress.ip_address(host).packed
    words = struct.unpack(f'={len(packed) // 4}I', packed)
    return ''.join(f'{word:08X}' for word in words)

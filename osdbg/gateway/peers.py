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

"""Who is at the other end of a connection, as the kernel knows it.

A UNIX socket says so itself. For TCP the socket at the other end is looked up,
if it is on this host: its owner is who has made it. One that was closed
meanwhile has no inode any more and seems to be root's, in all of the kernel's
answers; what an owner who is gone has left behind is nobody's.
"""

from __future__ import annotations

import asyncio
from concurrent import futures
import itertools
import os
import socket
from typing import Any, NamedTuple

from osdbg import addresses
from osdbg.gateway import credentials
from osdbg.gateway import sock_diag
from osdbg.gateway import words

# Whoever has so many files open is looked through last.
_MANY = 256
# Names of users may come from a server that does not answer.
_LOOK_SECONDS = 2.0
_LOOKING = futures.ThreadPoolExecutor(1, 'osdbg lookup')


class Peer(NamedTuple):
    """One end of a connection."""

    address: str
    """Where it is, as people write it."""
    uid: int | None = None
    """Its user; None if that is not known: another host, or gone."""
    pid: int = 0
    """Its process, if that is known already."""
    inode: int = 0
    """Its TCP socket, if it is on this host."""
    is_remote: bool = False
    """Whether it is on another host, or may be."""
    subject: str = ''
    """The name in its certificate, which somebody we trust has signed."""


def identify(sock: Any) -> Peer:
    """Find out who is at the other end of a connection.

    :param sock: connected, TCP or UNIX
    :raises: OSError if it is connected no more
    """
    if sock.family == socket.AF_UNIX:
        pid, uid = credentials.peer(sock)
        name = sock.getsockname()
        if isinstance(name, bytes):
            name = name.decode(errors='replace').replace('\0', '@')
        return Peer(f'unix:{name}', _known(uid), pid)
    there, here = _plain(sock.getpeername()), _plain(sock.getsockname())
    address = addresses.spell(*there)
    for _attempt in range(2):
        found = sock_diag.owner(there, here)
        if found is None:
            return Peer(address, is_remote=not _is_here(there[0], here[0]))
        # It was open all the while in between if it still is: the owner of a
        # socket and its inode are not read in one go.
        if found.inode and found == sock_diag.owner(there, here):
            sock.getpeername()  # and if it was not reset meanwhile
            return Peer(address, _known(found.uid), inode=found.inode)
    return Peer(address)


def _plain(name: Any) -> tuple[str, int]:
    """Return an address and a port, IPv4 as such wherever it comes from."""
    host = name[0].partition('%')[0]
    if host.lower().startswith('::ffff:') and '.' in host:
        host = host[len('::ffff:') :]
    return host, name[1]


def _is_here(host: str, own: str) -> bool:
    """Tell whether an address is of this host.

    :param own: one that is
    """
    if addresses.is_loopback(host) or host == own:
        return True
    import psutil

    try:
        found = psutil.net_if_addrs().values()
    except OSError:
        return False  # netlink is forbidden
    names = {each.address.partition('%')[0] for all in found for each in all}
    return host in names


def _known(uid: int) -> int | None:
    return None if credentials.may_be_anybody(uid) else uid


async def describe(peer: Peer) -> dict[str, Any]:
    """Return what is to be known of a client, for logs and audit hooks.

    That takes some milliseconds, in a thread.

    :returns: uid, user, pid, program and address; None for what is not known
    """
    loop = asyncio.get_running_loop()
    looking = loop.run_in_executor(_LOOKING, _describe, peer)
    try:
        return await asyncio.wait_for(looking, _LOOK_SECONDS)
    except asyncio.TimeoutError:
        return _facts(peer, None, peer.pid)


def _describe(peer: Peer) -> dict[str, Any]:
    pid = peer.pid
    if not pid and peer.inode and peer.uid is not None:
        pid = _find_process(peer.inode, peer.uid)
    return _facts(peer, credentials.user_name(peer.uid), pid)


def _facts(peer: Peer, user: str | None, pid: int) -> dict[str, Any]:
    return {
        'uid': peer.uid,
        'user': user,
        'subject': peer.subject or None,
        'pid': pid or None,
        'program': _program_name(pid) if pid else None,
        'address': peer.address,
    }


def _find_process(inode: int, uid: int) -> int:
    """Return the process that has a socket; 0 if it is not to be seen.

    Whoever has not its rights cannot see what a process has open.
    """
    wanted = f'socket:[{inode}]'
    try:
        names = os.listdir('/proc')
    except OSError:
        return 0  # no descriptor is left
    pids = [int(name) for name in names if name.isdecimal()]
    busy = []
    # The last ones first: a client has often been started just now.
    for pid in sorted(pids, reverse=True):
        found = _open_files(pid, uid, _MANY + 1)
        if len(found) > _MANY:
            busy.append(pid)
        elif _is_among(found, wanted):
            return pid
    for pid in busy:  # a service with thousands of connections
        if _is_among(_open_files(pid, uid), wanted):
            return pid
    return 0


def _open_files(pid: int, uid: int, most: int | None = None) -> list[str]:
    """Return what a process has open, unless it is another user's.

    :param most: how many will do
    """
    path = f'/proc/{pid}/fd'
    try:
        # Of one that has changed its user, root has that.
        if os.stat(path).st_uid in (uid, 0):
            with os.scandir(path) as found:
                return [entry.path for entry in itertools.islice(found, most)]
    except OSError:
        pass  # it has ended, or is not to be seen
    return []


def _is_among(paths: list[str], wanted: str) -> bool:
    for path in reversed(paths):  # it has been opened just now
        try:
            if os.readlink(path) == wanted:
                return True
        except OSError:
            continue  # closed meanwhile
    return False


def _program_name(pid: int) -> str | None:
    try:
        with open(f'/proc/{pid}/comm', 'rb') as file:
            name = file.read().decode(errors='replace')
    except OSError:
        return None
    return words.quote(name.strip())

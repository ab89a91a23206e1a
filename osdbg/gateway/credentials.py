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

"""Whose process is at the other end of a UNIX socket, by SO_PEERCRED.

Only built-in modules are used here, as in ``protocol``.
"""

from __future__ import annotations

import _socket
import io
import os
import pwd
import struct
import sys
from typing import Any

from osdbg import exceptions

_IS_LINUX = sys.platform.startswith('linux')
_CREDENTIALS = struct.Struct('3i')
_UID_MAP = '/proc/self/uid_map'
_OVERFLOW_UID = '/proc/sys/kernel/overflowuid'


def peer(sock: Any) -> tuple[int, int]:
    """Return the process id and the user id at the other end.

    Where the system cannot tell (no SO_PEERCRED), the directory of the
    socket let nobody else in: it is this user.
    """
    option = getattr(_socket, 'SO_PEERCRED', None)
    if option is None:
        return 0, os.geteuid()
    data = sock.getsockopt(_socket.SOL_SOCKET, option, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(data)
    return pid, uid


def check(sock: Any, place: str, owner: int | None = None) -> int:
    """Refuse anybody but one user and root.

    :param place: where that is
    :param owner: who may be there; without it, this user
    :returns: the process id at the other end
    :raises: GatewayUnavailable
    """
    pid, uid = peer(sock)
    whom = 'you' if owner is None else f'user {owner}'
    if uid not in (0, os.geteuid() if owner is None else owner):
        raise exceptions.GatewayUnavailable(
            place, f'belongs to user {uid} (process {pid}), not to {whom}'
        )
    if _IS_LINUX and may_be_anybody(uid):
        raise exceptions.GatewayUnavailable(
            place,
            f'belongs to user {uid} (process {pid}), which in this user '
            f'namespace is everyone from outside of it: run the service as '
            f'another user',
        )
    return pid


def may_be_anybody(uid: int) -> bool:
    """Tell whether a user id stands for all that this namespace lacks.

    Abstract sockets belong to the network namespace, which a container may
    share with its host, and users to the user namespace.
    """
    if uid != int(_content_of(_OVERFLOW_UID) or 65534):
        return False
    return _content_of(_UID_MAP).split() != [b'0', b'0', b'4294967295']


def _content_of(path: str) -> bytes:
    # open() is one that eventlet may be told to patch.
    try:
        with io.FileIO(path) as file:
            return file.read()
    except OSError:
        return b''


def user_name(uid: int | None) -> str | None:
    """Return what a user is called; None if nobody knows."""
    if uid is None:
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None

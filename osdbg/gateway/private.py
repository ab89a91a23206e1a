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

"""A place to meet that only this user can enter.

Names of abstract sockets belong to whoever comes first. Where that was
somebody else, agents and gateway meet in a directory of this user's.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterator
import fcntl
import os
import pwd
import stat

from osdbg import exceptions
from osdbg import waiting

_LOOK_SECONDS = 0.02
_LOCK_SECONDS = 2.0


def _places(uid: int) -> list[str]:
    """Return the directories that may do, the best one first."""
    return [
        f'/run/user/{uid}/osdbg',
        f'{_home(uid)}/.osdbg',
        # Not by tempfile, which has a lock that eventlet may have made green.
        f'{os.environ.get("TMPDIR") or "/tmp"}/osdbg-{uid}',  # noqa: S108
    ]


def directory() -> str:
    """Return the directory, and make it if it is not there.

    :raises: GatewayUnavailable if there is none
    """
    uid = os.geteuid()
    why = ''
    for path in _places(uid):
        try:
            return _checked(path, uid, True)
        except OSError as exc:
            why = f'{path}: {exc.strerror or exc}'
    raise exceptions.GatewayUnavailable(
        'a directory that only you can enter', f'is not to be had ({why})'
    )


def _home(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return '/nonexistent'


def _checked(path: str, uid: int, make: bool) -> str:
    if make:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
    found = os.lstat(path)
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == uid
    if not own or stat.S_IMODE(found.st_mode) & 0o077:
        raise OSError('it is not a directory that only you can enter')
    return path


def address(name: str) -> str:
    """Return the address of a gateway that is to be started there.

    :param name: what it is called
    :raises: GatewayUnavailable
    """
    return os.path.join(directory(), name)


def addresses(name: str) -> Iterator[str]:
    """Return where a gateway may be.

    What systemd shows of these directories differs from unit to unit
    (``ProtectHome``, ``PrivateTmp``), and one of them goes when a user logs
    out.

    :param name: what it is called
    """
    uid = os.geteuid()
    for path in _places(uid):
        try:
            yield os.path.join(_checked(path, uid, False), name)
        except OSError:
            continue


def listen(name: str) -> _socket.socket | None:
    """Become the gateway there.

    :param name: what it is called
    :returns: the listening socket, or None if there is a gateway already
    :raises: GatewayUnavailable
    """
    path = address(name)
    lock = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if _locked(lock) and not _is_alive(path):
            if os.path.lexists(path):
                os.unlink(path)  # of one that was killed
            sock.bind(path)
            sock.listen(128)
            return sock
    except OSError as exc:
        sock.close()
        raise exceptions.GatewayUnavailable(path, str(exc)) from exc
    finally:
        os.close(lock)
    sock.close()
    return None


def _locked(lock: int) -> bool:
    """Keep others from becoming the gateway until the lock is closed."""
    end = waiting.monotonic() + _LOCK_SECONDS
    while waiting.monotonic() < end:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            waiting.pause(_LOOK_SECONDS)
    return False


def _is_alive(path: str) -> bool:
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(path)
    except BlockingIOError:
        return True  # nobody more fits in, and it is this user's
    except OSError:
        return False
    finally:
        sock.close()
    return True


def leave(name: str) -> None:
    """Remove what ``listen`` has made, once nobody listens there.

    The next gateway may have come meanwhile: then it is that one's.

    :param name: the address of the socket, which may also be abstract
    """
    if not name.startswith('/'):
        return
    try:
        lock = os.open(os.path.dirname(name), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # somebody has tidied up
    try:
        if _locked(lock) and not _is_alive(name):
            os.unlink(name)
    except OSError:
        pass
    finally:
        os.close(lock)

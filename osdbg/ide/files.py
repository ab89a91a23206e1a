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

"""Files that are changed as a whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile

from osdbg import exceptions

_MAX_BYTES = 4 * 1024 * 1024


def read(path: str) -> str:
    """Return what is in a file, with the ends of its lines as they are.

    :returns: nothing if there is none
    :raises: OsdbgError if it cannot be read, or is none of text
    """
    try:
        # For a pipe, open() would wait for somebody to write to it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 'rb') as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, 'it is no ordinary file')
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise OSError(errno.EFBIG, f'it has more than {_MAX_BYTES} bytes')
        return data.decode('utf-8')
    except FileNotFoundError:
        return ''
    except UnicodeDecodeError as exc:
        line = data.count(b'\n', 0, exc.start) + 1
        raise exceptions.OsdbgError(
            f'{path}, line {line}: it is no UTF-8: save it as that, or name '
            f'another file with --output'
        ) from exc
    except OSError as exc:
        raise _refused(path, exc) from exc


def write(path: str, text: str) -> None:
    """Replace a file, or make one, its directory as well.

    Whoever reads it meanwhile finds the old one or the new one. It keeps its
    permissions and its owner, and stays where a symbolic link leads.

    :raises: OsdbgError
    """
    real = os.path.realpath(path)
    try:
        data = text.encode('utf-8')
        os.makedirs(os.path.dirname(real), exist_ok=True)
        before = _status(real)
        handle, new = tempfile.mkstemp(dir=os.path.dirname(real))
        try:
            with open(handle, 'wb') as file:
                file.write(data)
                _resemble(file.fileno(), before)
            os.replace(new, real)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
    except (OSError, UnicodeEncodeError) as exc:
        raise _refused(path, exc) from exc


def _status(path: str) -> os.stat_result | None:
    """Return what is known of a file that may be replaced.

    :raises: OSError if it may not: a directory's rights are not enough
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        return os.stat(path)
    except FileNotFoundError:
        return None


def _resemble(descriptor: int, before: os.stat_result | None) -> None:
    if before is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    # After that, which would take some of them away.
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _refused(path: str, exc: Exception) -> exceptions.OsdbgError:
    why = getattr(exc, 'strerror', None) or exc
    return exceptions.OsdbgError(
        f'{path} ({why}): name another file with --output, or type --print'
    )

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

"""UNIX sockets to listen on: private, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import contextlib
import errno
import os
import socket
import stat
from typing import Any

from osdbg import addresses
from osdbg import exceptions
from osdbg.gateway import credentials
from osdbg.gateway import dap

_BACKLOG = 128
# Nobody but the user: also for the moment between bind and chmod.
_UMASK = 0o177


class UnixServer:
    """A server at a host ``unix:...``, and its file."""

    def __init__(self, accept: Callable[..., Any], host: str) -> None:
        """Take the address.

        The file of a socket where nobody listens any more is replaced; no
        other file is ever touched.

        :param accept: serves a client
        :param host: one for which ``addresses.is_unix`` is true
        :raises: OsdbgError, which says what to type
        """
        self._accept = accept
        self._host = host
        self._path = addresses.unix_path(host)
        self._server: asyncio.Server | None = None
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind()
            self._sock.listen(_BACKLOG)
            self._file = self._identity()
        except BaseException:
            self._sock.close()
            raise

    async def start_serving(self) -> None:
        """Accept clients."""
        self._server = await asyncio.start_unix_server(
            self._accept, sock=self._sock, limit=dap.MAX_HEADER
        )

    def _bind(self) -> None:
        try:
            self._bind_once()
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise exceptions.OsdbgError(self._why_not(exc)) from exc
            in_the_way = self._who_is_in_the_way()
            if in_the_way:
                raise exceptions.OsdbgError(in_the_way) from exc
            os.unlink(self._path)
            self._bind_once()

    def _bind_once(self) -> None:
        before = os.umask(_UMASK)
        try:
            self._sock.bind(addresses.unix_name(self._host))
        finally:
            os.umask(before)

    def _why_not(self, exc: OSError) -> str:
        directory = os.path.dirname(self._path)
        reason = exc.strerror or str(exc)
        if exc.errno == errno.ENOENT:
            return f'{reason}: type mkdir -m 700 {directory}'
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return (
                f'{reason}: let user {os.geteuid()} write in {directory}, or '
                f'set another [remote_debug] host'
            )
        return f'{reason}: correct [remote_debug] host'

    def _who_is_in_the_way(self) -> str:
        """Return who has the address; nothing for a file left behind."""
        rest = 'or set another [remote_debug] host. It opens by itself then'
        path = self._path
        if path:
            found = os.lstat(path)
            if not stat.S_ISSOCK(found.st_mode):
                return f'{path} is a file, and no socket: move it, {rest}'
            if found.st_uid != os.geteuid():
                return f'{path} is of user {found.st_uid}: remove it, {rest}'
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(addresses.unix_name(self._host))
            except ConnectionRefusedError:
                return ''  # whoever bound it has died
            except OSError:
                return f'another program has it: end that, {rest}'
            pid, uid = credentials.peer(probe)
        return f'process {pid} of user {uid} has it: end that, {rest}'

    def close(self) -> None:
        """Stop listening, and remove the file if it is still ours."""
        if self._server is not None:
            self._server.close()
        self._sock.close()
        if self._file is not None and self._identity() == self._file:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _identity(self) -> tuple[int, ...] | None:
        with contextlib.suppress(OSError):
            if self._path:
                found = os.lstat(self._path)
                # The number of an inode is given to the next file.
                return found.st_dev, found.st_ino, found.st_mtime_ns
        return None

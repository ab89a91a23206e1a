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

"""The connection from a prompt to its client: it never raises, it ends.

Whether it blocks the thread or lets other green threads run is decided anew
each time it waits: a prompt that was called for by a request may be stepped
into the hub, and a signal handler may interrupt either.
"""

from __future__ import annotations

import _socket
import io
import json
import os
from typing import Any

from osdbg import greenlets
from osdbg import patching
from osdbg import waiting

_CHUNK = 8192
_MAX_LINE = 64 * 1024
_LOOK_SECONDS = 0.5
_select: Any = patching.native('select')


class _TimeUp(BaseException):
    """Raised in the green thread that has waited long enough."""


class Line:
    """A stream socket to whoever types at the prompt."""

    def __init__(self, sock: Any) -> None:
        """Take a connected socket.

        :param sock: one of ``_socket``, which eventlet does not patch
        """
        sock.setblocking(False)
        self._sock = sock
        self._over = False
        self._pid = os.getpid()
        self._unread = b''
        self.thrown: BaseException | None = None
        """What the service has thrown into a green thread that waited."""

    @property
    def _ended(self) -> bool:
        """Whether there is nothing more to come, or to say, in this process.

        What a forked child has is its parent's: it must not read a word.
        """
        return self._over or self._pid != os.getpid()

    def wait_go(self, seconds: float) -> str:
        """Wait for a client.

        :param seconds: how long at the most; 0 for ever
        :returns: why there is none; empty if there is one
        """
        end = waiting.monotonic() + seconds if seconds else None
        line = b''
        # Byte by byte: what follows is the terminal's.
        while not line.endswith(b'\n') and len(line) < _MAX_LINE:
            byte = self.recv(1, end)
            if not byte:
                over = end is not None and waiting.monotonic() >= end
                return 'nobody came' if over else 'the connection has ended'
            line += byte
        try:
            message = json.loads(line)
            return '' if message.get('go') else str(message.get('refused'))
        except (AttributeError, ValueError):
            return f'the gateway says {line[:80]!r}'

    def recv(self, size: int, end: float | None = None) -> bytes:
        """Return what comes next; nothing when that is the end.

        :param end: until when to wait, by the monotonic clock
        """
        while not self._ended:
            try:
                data: bytes = self._sock.recv(size)
                return data
            except BlockingIOError:
                if not self._wait(False, end):
                    break
            except OSError:
                break
        return b''

    def sendall(self, data: bytes) -> None:
        """Send, unless nobody is there any more."""
        view = memoryview(data)
        while view and not self._ended:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                self._wait(True, None)
            except OSError:
                self._over = True

    def makefile(self, mode: str) -> io.TextIOWrapper:
        """Return what remote-pdb asks for its encoding, and nothing else."""
        return io.TextIOWrapper(io.BytesIO(), encoding='utf-8')

    def readline(self) -> str:
        """Return the next line; an empty one at the end.

        One that is too long comes in pieces.
        """
        while b'\n' not in self._unread and len(self._unread) < _MAX_LINE:
            data = self.recv(_CHUNK)
            if not data:
                break
            self._unread += data
        line, newline, self._unread = self._unread.partition(b'\n')
        return (line.rstrip(b'\r') + newline).decode('utf-8', 'replace')

    def _wait(self, write: bool, end: float | None) -> bool:
        """Wait until it can go on, or is over.

        :returns: False when the time is over
        """
        left = None if end is None else end - waiting.monotonic()
        if left is not None and left <= 0:
            return False
        number = self._sock.fileno()
        if number < 0:
            self._over = True
            return True
        green = greenlets.trampoline()
        if green is None:
            return self._block(number, write, left)
        try:
            green(
                number,
                read=not write,
                write=write,
                timeout=left,
                timeout_exc=_TimeUp,
            )
        except _TimeUp:
            return False
        except OSError:
            self._over = True
        except BaseException as exc:
            self.thrown = exc
            raise
        return True

    def _block(self, number: int, write: bool, left: float | None) -> bool:
        """Wait in this thread, now and then looking up.

        A signal that comes just before ``poll()`` begins does not end it, and
        Python calls the handler only when it is back.
        """
        poll = _select.poll()
        poll.register(number, _select.POLLOUT if write else _select.POLLIN)
        while left is None or left > 0:
            turn = _LOOK_SECONDS if left is None else min(left, _LOOK_SECONDS)
            if poll.poll(turn * 1000) or self._over:
                return True
            if left is not None:
                left -= turn
        return False

    def is_gone(self) -> bool:
        """Look whether the client has gone, while nobody reads."""
        if self._ended:
            return True
        if self._unread:
            return False  # it has ended its input, and said what to do
        try:
            return not self._sock.recv(1, _socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def hang_up(self, words: str = '') -> None:
        """End the connection; whoever waits for it goes on.

        From any thread: the descriptor stays until its owner closes it. Not
        in a forked child: it would end its parent's.

        :param words: what is said last, if that can be without waiting
        """
        self._over = True
        if self._pid != os.getpid():
            return
        try:
            if words:
                self._sock.send(words.encode('utf-8', 'backslashreplace'))
        except OSError:
            pass  # nobody is there, or nobody reads
        try:
            self._sock.shutdown(_socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was quicker

    def close(self) -> None:
        """End the connection and give back the descriptor."""
        if self._pid != os.getpid():
            self.drop()
            return
        self.hang_up()
        try:
            # What is left unread would take what was said from the peer.
            while self._sock.recv(_CHUNK):
                pass
        except OSError:
            pass
        self._sock.close()

    def drop(self) -> None:
        """Close a forked child's end, and leave the connection alone."""
        self._over = True
        self._sock.close()

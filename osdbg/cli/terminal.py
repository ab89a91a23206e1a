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

"""The near end of a prompt: lines from the user, lines from the service."""

from __future__ import annotations

import contextlib
import re
import select
import signal
import socket
import sys
import threading
from typing import Any

from osdbg.cli import processes

_DETACH_SECONDS = 1.0
_AGAIN_SECONDS = 0.2
_CHUNK = 16 * 1024
# What pdb and its consoles ask with; anything else without a newline is a
# question, too, if nothing follows it for a while.
_PROMPT = re.compile(r'(\(+(Pdb|com)\)+|>>>|\.\.\.) +')
_QUIET_SECONDS = 0.02
_LONG_QUIET_SECONDS = 0.4
# The backend takes this line for "forget the lines before it".
_CANCEL = '\x03'
_LET_GO = 'the service goes on and has let this terminal go'
NEVER = 'there was no prompt'


# What a terminal obeys, but for colours: a service may print what others have
# sent it.
_CONTROL = re.compile(
    r'\x1b(?!\[[0-9;]*m)|[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]'
)


class _Gone(Exception):
    """The other end has closed while the user was typing."""


class Terminal:
    """Lines from here, lines from there."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a connected socket."""
        self.prompted = False
        self.heard = False
        """Whether the other end has said anything."""
        self._sock = sock
        self._text = b''
        self._pasted: list[str] = []

    def run(self) -> str:
        """Take turns with the service.

        :returns: how it has ended
        """
        try:
            while True:
                prompt = self._listen()
                if prompt is None:
                    return _LET_GO if self.prompted else NEVER
                self.prompted = True
                line = self._next(prompt)
                if line is None:
                    return self._detach()
                self._send(line)
        except _Gone:
            print()
            return 'the connection has ended; the service goes on'
        except KeyboardInterrupt:
            print()
            return self._detach() if self.prompted else 'given up'

    def _listen(self) -> str | None:
        """Show what comes, until it is a question.

        :returns: the question; None at the end
        """
        while True:
            text = self._text.decode(errors='replace')
            quiet = None
            if text:
                known = _PROMPT.fullmatch(text)
                quiet = _QUIET_SECONDS if known else _LONG_QUIET_SECONDS
            if not select.select([self._sock], [], [], quiet)[0]:
                self._text = b''
                return _harmless(text)
            data = self._receive()
            if not data:
                _show(text)
                return None
            self.heard = True
            lines, newline, self._text = (self._text + data).rpartition(b'\n')
            shown = (lines + newline).replace(b'\r\n', b'\n')
            _show(shown.decode(errors='replace'))

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(_CHUNK)
        except OSError:
            return b''

    def _send(self, line: str) -> None:
        with contextlib.suppress(OSError):  # it is noticed in _receive
            self._sock.sendall(line.encode(errors='replace') + b'\n')

    def _next(self, prompt: str) -> str | None:
        if self._pasted:
            print(prompt + self._pasted[0])
        else:
            text = self._ask(prompt)
            if text is None:
                return None
            # A paste comes as one line that holds several.
            self._pasted = text.split('\n')
        return self._pasted.pop(0)

    def _ask(self, prompt: str) -> str | None:
        """Read a line from the user.

        :returns: None when there are no more
        """
        if not sys.stdin.isatty():
            sys.stdout.write(prompt)
            sys.stdout.flush()
            line = sys.stdin.readline()
            return line.rstrip('\r\n') if line else None
        while True:
            try:
                with _watch(self._sock):
                    return input(prompt)
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                print('\n--KeyboardInterrupt--')
                if prompt.startswith('...'):
                    return _CANCEL

    def _detach(self) -> str:
        """End our side, and show what is still said."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(_DETACH_SECONDS)
            while self._receive():
                pass
        return 'detached; the service goes on'


def _show(text: str) -> None:
    sys.stdout.write(_harmless(text))
    sys.stdout.flush()


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda found: processes.show(found[0]), text)


@contextlib.contextmanager
def _watch(sock: socket.socket) -> Any:
    """Interrupt the main thread when the other end closes meanwhile.

    Without it the user would find out only by pressing Enter.
    """
    done, other = socket.socketpair()
    gone = False

    def watch() -> None:
        nonlocal gone
        ready = select.select([sock, other], [], [])[0]
        if other in ready or _peek(sock):
            return
        gone = True
        # Once may be just before readline begins to wait, and in vain.
        while not select.select([other], [], [], _AGAIN_SECONDS)[0]:
            signal.pthread_kill(main, signal.SIGINT)

    main = threading.get_ident()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        if gone:
            raise _Gone from None
        raise
    finally:
        done.close()
        thread.join()
        other.close()


def _peek(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1, socket.MSG_PEEK)
    except OSError:
        return b''

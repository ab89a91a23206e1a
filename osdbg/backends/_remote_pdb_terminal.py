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

"""What pdb, and what is typed at its prompt, take for stdin and stdout."""

from __future__ import annotations

import code
from collections.abc import Callable
import sys
import types
from typing import Any

import remote_pdb  # type: ignore[import-untyped]

from osdbg.backends import _remote_pdb_line
from osdbg import greenlets

CANCEL = '\x03'
"""The line that a client sends to cancel the lines before it."""


class Terminal(remote_pdb.LF2CRLF_FileWrapper):  # type: ignore[misc]
    """What pdb takes for stdin and stdout.

    pdb puts it into ``sys`` while it runs what was typed; what other threads
    print or read meanwhile goes where it went before.
    """

    def __init__(
        self, line: _remote_pdb_line.Line, owner: greenlets.Owner
    ) -> None:
        super().__init__(line)
        self._owner = owner
        self._stdin, self._stdout = sys.stdin, sys.stdout
        self._read_line: Callable[..., str] = line.readline
        self._send = lambda data: line.sendall(
            data.encode('utf-8', 'backslashreplace')
        )
        self._last = ''
        self.ended = False
        # They belong to the service, as do the descriptors.
        self.readline = self.read_line
        for name in ('close', 'fileno', 'flush', 'read', 'readlines'):
            delattr(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.__dict__.get('_stdout'), name)

    def __iter__(self) -> Any:
        return iter(self.readline, '')

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        pass  # exit() does that to stdin

    def read(self, *args: Any) -> str:
        if self._owner.is_current():
            return self.read_line()
        return self._stdin.read(*args) if self._stdin else ''

    def readlines(self, *args: Any) -> list[str]:
        return list(self)

    def flush(self) -> None:
        if not self._owner.is_current() and self._stdout is not None:
            self._stdout.flush()

    def write(self, data: str, *args: Any) -> int:
        if self._owner.is_current():
            self._last = data
            super().write(data)
        elif self._stdout is not None:
            self._stdout.write(data)
        return len(data)

    def writelines(self, lines: Any, *args: Any) -> None:
        for line in lines:
            self.write(line)

    def read_line(self, *args: Any) -> str:
        """Return the next line; an empty one at the end, or if cancelled."""
        if not self._owner.is_current():
            return self._stdin.readline(*args) if self._stdin else ''
        while True:
            text: str = self._read_line()
            if text.strip() != CANCEL:
                self.ended = not text
                return text
            if self._last.startswith('...'):
                return ''


class Console(code.InteractiveConsole):
    """The interpreter of ``interact``."""

    def __init__(self, names: dict[str, Any], terminal: Terminal) -> None:
        super().__init__(names)
        self._terminal = terminal

    def write(self, data: str) -> None:
        self._terminal.write(data)

    def raw_input(self, prompt: str = '') -> str:
        self._terminal.write(prompt)
        line = self._terminal.readline()
        if line:
            return line.rstrip('\r\n')
        raise EOFError if self._terminal.ended else KeyboardInterrupt

    def runcode(self, code: types.CodeType) -> None:
        saved = sys.stdin, sys.stdout, sys.displayhook
        sys.stdin = sys.stdout = self._terminal
        sys.displayhook = self._display
        try:
            super().runcode(code)
        finally:
            sys.stdin, sys.stdout, sys.displayhook = saved

    def _display(self, value: object) -> None:
        # The usual one leaves it in builtins, which are the service's.
        if value is not None:
            self._terminal.write(f'{value!r}\n')

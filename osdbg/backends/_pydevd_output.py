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

"""What the service prints, sent to the client as well."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
import sys
from typing import Any

from osdbg import waiting

# pydevd cuts off the rest of a longer text.
_LONGEST = 1000
_NUMBERS = {'stdout': 1, 'stderr': 2}
Send = Callable[[str, int], None]


class _Tee:
    """A stream of the service, the client being told what is written."""

    def __init__(self, stream: Any, number: int, send: Send) -> None:
        self._stream = stream
        self._number = number
        self._send: Send | None = send
        self._sending: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        if name == 'buffer':
            # ``AttributeError`` where the service's stream has none.
            return _BinaryTee(self._stream.buffer, self)
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def write(self, text: str) -> Any:
        written = self._stream.write(text)
        self.tell(text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def tell(self, text: str) -> None:
        """Send a text to the client, come what may."""
        ident = waiting.get_ident()
        # A signal handler may print in the middle of a print.
        if self._send is None or ident in self._sending:
            return
        self._sending.add(ident)
        try:
            for start in range(0, len(text), _LONGEST):
                self._send(text[start : start + _LONGEST], self._number)
        except Exception:  # noqa: S110
            pass  # nothing of this is for who prints
        finally:
            self._sending.discard(ident)

    def end(self) -> Any:
        """Pass on without a word from now on; return the stream."""
        self._send = None
        return self._stream


class _BinaryTee:
    """The binary layer of one of those streams."""

    def __init__(self, stream: Any, text: _Tee) -> None:
        self._stream = stream
        self._text = text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: Any) -> Any:
        written = self._stream.write(data)
        self._text.tell(bytes(data).decode('utf-8', 'replace'))
        return written


class Redirection:
    """The streams of a process while a client is told of them."""

    def __init__(self, send: Send) -> None:
        """Prepare; nothing is told yet.

        :param send: takes a text, and 1 for stdout or 2 for stderr
        """
        self._send = send
        self._tees: dict[str, _Tee] = {}

    def begin(self, name: str) -> None:
        """Tell the client of a stream.

        :param name: ``stdout`` or ``stderr``
        """
        stream = getattr(sys, name)
        # None in a process that has closed it.
        if name not in self._tees and stream is not None:
            self._tees[name] = _Tee(stream, _NUMBERS[name], self._send)
            setattr(sys, name, self._tees[name])

    def end(self) -> None:
        """Give the service its streams back, unless it has others now."""
        while self._tees:
            name, tee = self._tees.popitem()
            stream = tee.end()
            if getattr(sys, name) is tee:
                setattr(sys, name, stream)

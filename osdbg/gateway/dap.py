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

"""The Debug Adapter Protocol's frames, and one end of a connection.

Messages are parsed and numbered anew on their way through the gateway, since
both sides also get messages from the gateway itself; nothing else in them is
touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import itertools
from typing import Any, NamedTuple

from osdbg.gateway import bounds
from osdbg.gateway import payload

Message = dict[str, Any]

GONE: Message = {'success': False, 'message': 'the other side is gone'}
"""The answer to a request that nobody will answer any more."""

OVERLOADED: Message = {
    'success': False,
    'message': f'{bounds.MAX_PENDING} requests are waiting for an answer',
}
"""The answer to one request too many."""

MAX_HEADER = 4096
"""The longest header of a frame that is accepted, in bytes."""

_MAX_COMMAND = 200
_MiB = 1024 * 1024


class Limits(NamedTuple):
    """What one end of a connection may ask of the gateway."""

    body: int
    """The longest message, in bytes."""
    values: int
    """How many values there may be in a message."""
    unread: int
    """How much may wait for it to be read, in bytes."""
    seconds: float | None
    """How long a message may take to come, once it has begun."""


STRANGER = Limits(
    body=64 * 1024,
    values=2000,
    unread=128 * 1024,
    seconds=bounds.MESSAGE_SECONDS,
)
"""A client that has not attached: it may be anybody."""
CLIENT = Limits(
    body=_MiB,
    values=200_000,
    unread=32 * _MiB,
    seconds=bounds.MESSAGE_SECONDS,
)
"""A client that has: what it asks is short, not what it is told."""
DEBUGGER = Limits(
    body=16 * _MiB, values=500_000, unread=32 * _MiB, seconds=None
)
"""A debugger in a worker, which is slow where the worker is stopped."""


class ProtocolError(Exception):
    """The other side does not speak the protocol."""


async def read(
    reader: asyncio.StreamReader, limits: Limits = DEBUGGER
) -> Message | None:
    """Read one message; wait for its beginning as long as it takes.

    :param limits: what is accepted
    :returns: None at the end of the stream
    :raises: ProtocolError
    """
    try:
        first = await reader.readexactly(1)
        if limits.seconds is None:
            body = await _read_body(first, reader, limits.body)
        else:
            with bounds.in_time(reader, limits.seconds):
                body = await _read_body(first, reader, limits.body)
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as exc:
        raise ProtocolError('the header of a message is too long') from exc
    except bounds.TooSlow as exc:
        raise ProtocolError(str(exc)) from exc
    except OSError:
        return None
    try:
        return payload.decode(body, limits.values)
    except ValueError as exc:
        raise ProtocolError(f'a message is not as expected: {exc}') from exc


async def _read_body(
    first: bytes, reader: asyncio.StreamReader, most: int
) -> bytes:
    header = first + await reader.readuntil(b'\r\n\r\n')
    return await reader.readexactly(_content_length(header, most))


def _content_length(header: bytes, max_body: int) -> int:
    fields = {}
    for line in header.rstrip().split(b'\r\n'):
        name, _, value = line.partition(b':')
        fields[name.strip().lower()] = value.strip()
    # Any other field is another protocol's: a page in a browser can POST
    # what looks like a message.
    known = fields.keys() <= {b'content-length', b'content-type'}
    if known and len(header) <= MAX_HEADER:
        value = fields.get(b'content-length', b'')
        if value.isdigit() and int(value) <= max_body:
            return int(value)
    raise ProtocolError(
        f'expected a header with a Content-Length of at most {max_body} and '
        f'no more than a Content-Type beside it, found {header[:80]!r}'
    )


def _check(message: Message) -> None:
    """Refuse a request that cannot be answered."""
    if message.get('type') != 'request':
        return
    seq, command = message.get('seq'), message.get('command')
    if type(seq) is not int or not isinstance(command, str):
        raise ProtocolError('expected a number and a command in each request')
    if len(command) > _MAX_COMMAND:
        raise ProtocolError(f'a command has {len(command)} characters')


def heading(request: Message) -> Message:
    """Return what an answer takes of a request, whose rest may be long."""
    return {'seq': request.get('seq'), 'command': request.get('command')}


def encode(message: Message) -> bytes:
    """Return a message as a frame."""
    body = payload.encode(message)
    return b'Content-Length: %d\r\n\r\n%s' % (len(body), body)


class Peer:
    """One end of a connection: a client, or the debugger in a worker."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take a connection; ``run`` serves it.

        :param reader: what the other side writes
        :param writer: what it reads
        """
        self._reader = reader
        self._writer = writer
        self._seq = itertools.count(1)
        self._ended = False
        self._waiting: dict[int, Callable[[Message], None]] = {}
        self.limits = DEBUGGER
        self.handle: Callable[[Message], None] = lambda message: None

    async def run(self) -> None:
        """Hand over what comes, in order, until the stream ends.

        :raises: ProtocolError
        """
        try:
            while True:
                message = await read(self._reader, self.limits)
                if message is None:
                    break
                if message.get('type') == 'response':
                    seq = message.get('request_seq')
                    callback = None
                    if isinstance(seq, int):
                        callback = self._waiting.pop(seq, None)
                    if callback is not None:
                        callback(message)
                else:
                    _check(message)
                    self.handle(message)
        finally:
            self._ended = True
            for callback in list(self._waiting.values()):
                callback(GONE)
            self._waiting.clear()

    @property
    def closed(self) -> bool:
        """Whether no answer can be expected any more."""
        return self._ended or self._writer.is_closing()

    @property
    def overloaded(self) -> bool:
        """Whether it has not answered what it was asked, for too long."""
        return len(self._waiting) >= bounds.MAX_PENDING

    def _send(self, message: Message) -> int:
        seq = message['seq'] = next(self._seq)
        if not self._writer.is_closing():
            self._writer.write(encode(message))
            bounds.relieve(self._writer.transport, self.limits.unread)
        return seq

    def request(
        self,
        command: str,
        arguments: Any,
        callback: Callable[[Message], None],
    ) -> None:
        """Send a request.

        :param callback: is called with the response, in the order in which
            the other side sends it
        """
        message: Message = {'type': 'request', 'command': command}
        if arguments is not None:
            message['arguments'] = arguments
        if self.closed:
            callback(GONE)
        else:
            self._waiting[self._send(message)] = callback

    async def ask(
        self, command: str, arguments: Any, seconds: float
    ) -> Message:
        """Send a request and wait for the response.

        :param seconds: how long at the most
        :returns: the response; a failed one if none came
        """
        future: asyncio.Future[Message] = asyncio.Future()

        def answer(message: Message) -> None:
            if not future.done():
                future.set_result(message)

        self.request(command, arguments, answer)
        try:
            return await asyncio.wait_for(future, seconds)
        except asyncio.TimeoutError:
            return GONE

    def answer(self, request: Message, body: Message | None = None) -> None:
        """Answer a request with success."""
        self._respond(request, True, {'body': body} if body else {})

    def refuse(self, request: Message, reason: str) -> None:
        """Answer a request with a failure that the client shows."""
        error = {'id': 1, 'format': '{reason}', 'showUser': True}
        error['variables'] = {'reason': reason}
        self._respond(
            request, False, {'message': reason, 'body': {'error': error}}
        )

    def relay(self, request: Message, response: Message) -> None:
        """Answer a request with somebody else's response to it."""
        rest: Message = {
            name: response[name]
            for name in ('message', 'body')
            if name in response
        }
        self._respond(request, bool(response.get('success')), rest)

    def _respond(self, request: Message, success: bool, rest: Message) -> None:
        self._send(
            {
                'type': 'response',
                'request_seq': request.get('seq'),
                'command': request.get('command'),
                'success': success,
                **rest,
            }
        )

    def event(self, name: str, body: Message | None = None) -> None:
        """Send an event."""
        message: Message = {'type': 'event', 'event': name}
        if body is not None:
            message['body'] = body
        self._send(message)

    def forward(self, event: Message) -> None:
        """Pass an event on."""
        self._send(dict(event))

    def close(self) -> None:
        """Close the connection once all is sent."""
        bounds.close(self._writer)

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

"""One worker as a debugger's client sees it, for ``osdbg demo``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
import json
import os
from typing import Any, TYPE_CHECKING, TypeVar

from osdbg import exceptions

if TYPE_CHECKING:
    from osdbg.cli.demo_client import Client

WAIT_SECONDS = 20.0
"""How long anything may take that the demo waits for."""

T = TypeVar('T')


class DemoFailed(exceptions.OsdbgError):
    """Something that the demo promised did not happen."""


async def within(
    what: str, awaited: Awaitable[T], seconds: float = WAIT_SECONDS
) -> T:
    """Wait for something, but not for ever.

    :param what: what it is, for the message
    :raises: DemoFailed
    """
    try:
        return await asyncio.wait_for(awaited, seconds)
    except asyncio.TimeoutError:
        raise DemoFailed(f'no {what} within {seconds:.0f} s') from None


class Session:
    """One connection: the debugger in one worker."""

    def __init__(self, client: Client) -> None:
        """Prepare a session; ``open`` opens it.

        :param client: whose it is
        """
        self.stops: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.pid = 0
        self._client = client
        self._number = 0
        self._initialized = asyncio.Event()
        self._identified = asyncio.Event()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def open(self, configuration: dict[str, Any]) -> None:
        """Connect, attach, set the breakpoint, and let the worker run.

        :param configuration: what an IDE has in its launch.json
        """
        self._reader, self._writer = await asyncio.open_connection(
            **configuration['connect']
        )
        self._client.start(self._read())
        await self.request(
            'initialize',
            clientID='osdbg-demo',
            adapterID='debugpy',
            pathFormat='path',
            linesStartAt1=True,
            columnsStartAt1=True,
            supportsStartDebuggingRequest=True,
        )
        attached = asyncio.ensure_future(
            self.request('attach', **configuration)
        )
        ready = asyncio.ensure_future(self._initialized.wait())
        # A refused attach is never followed by "initialized".
        await asyncio.wait(
            (attached, ready), return_when=asyncio.FIRST_COMPLETED
        )
        if not ready.done():
            ready.cancel()
            await attached
        await self._set_breakpoint()
        await self.request('configurationDone')
        await attached
        await within('name of a process', self._identified.wait())

    async def _set_breakpoint(self) -> None:
        path, line = self._client.breakpoint
        found = await self.request(
            'setBreakpoints',
            source={'path': path},
            breakpoints=[{'line': line}],
        )
        if not found['breakpoints'][0]['verified']:
            raise DemoFailed(
                f'the breakpoint at {path}:{line} was not taken: '
                f'{found["breakpoints"][0].get("message")}'
            )

    async def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        :returns: the body of the answer
        :raises: DemoFailed if it is refused
        """
        answered = asyncio.get_running_loop().create_future()
        number = self._send(
            {'type': 'request', 'command': command, 'arguments': arguments}
        )
        self._answers[number] = answered
        answer = await within(f'answer to "{command}"', answered)
        if not answer['success']:
            raise DemoFailed(f'"{command}" failed: {answer.get("message")}')
        return answer.get('body') or {}

    def _send(self, message: dict[str, Any]) -> int:
        self._number += 1
        body = json.dumps({**message, 'seq': self._number}).encode()
        self._writer.write(b'Content-Length: %d\r\n\r\n' % len(body) + body)
        return self._number

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readuntil(b'\r\n\r\n')
                length = int(head.split(b':')[1])
                self._receive(
                    json.loads(await self._reader.readexactly(length))
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            self._client.lost(self)
        finally:
            self._writer.close()

    def _receive(self, message: dict[str, Any]) -> None:
        if message['type'] == 'response':
            answered = self._answers.pop(message['request_seq'])
            if not answered.done():
                answered.set_result(message)
        elif message['type'] == 'request':
            self._send(
                {
                    'type': 'response',
                    'request_seq': message['seq'],
                    'command': message['command'],
                    'success': True,
                }
            )
            self._client.announced(message['arguments']['configuration'])
        elif message['event'] == 'initialized':
            self._initialized.set()
        elif message['event'] == 'process':
            self.pid = message['body']['systemProcessId']
            self._identified.set()
        elif message['event'] == 'stopped':
            self.stops.put_nowait(message['body'])

    async def stopped(self) -> Stop:
        """Wait until the worker stands at a breakpoint or after a step."""
        body = await within('stop at the breakpoint', self.stops.get())
        return await Stop.look(self, body['threadId'])

    async def leave(self) -> None:
        """Detach from the worker."""
        await self.request('disconnect')


class Stop:
    """A worker that stands still, and where."""

    def __init__(
        self, session: Session, thread: int, frame: dict[str, Any]
    ) -> None:
        """Keep what the debugger said; see ``look``."""
        self._session = session
        self._thread = thread
        self._frame = frame
        self.path = str(frame['source']['path'])
        self.line = int(frame['line'])
        self.function = str(frame['name'])

    @property
    def where(self) -> str:
        """The file and the line, in short."""
        return f'{os.path.basename(self.path)}:{self.line}'

    @classmethod
    async def look(cls, session: Session, thread: int) -> Stop:
        """Ask where a thread stands."""
        found = await session.request('stackTrace', threadId=thread, levels=1)
        return cls(session, thread, found['stackFrames'][0])

    async def local(self, name: str) -> str:
        """Return the value of a local variable, as an IDE shows it."""
        scopes = await self._session.request(
            'scopes', frameId=self._frame['id']
        )
        found = await self._session.request(
            'variables',
            variablesReference=scopes['scopes'][0]['variablesReference'],
        )
        for variable in found['variables']:
            if variable['name'] == name:
                return str(variable['value'])
        raise DemoFailed(f'no local variable {name} at line {self.line}')

    async def step(self) -> Stop:
        """Run to the next line."""
        await self._session.request('next', threadId=self._thread)
        return await self._session.stopped()

    async def go_on(self) -> None:
        """Let the worker run."""
        await self._session.request('continue', threadId=self._thread)

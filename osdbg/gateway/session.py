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

"""A client's connection: one debug session with one worker.

The first session of a client, the root, is the one through which it learns of
the other workers; for each it opens a session of its own, as it does for the
subprocesses of a program that debugpy launched. What the gateway does itself
is what debugpy's adapter process does (``debugpy/adapter/clients.py``), so
that clients cannot tell the two apart; everything else passes through.
"""

from __future__ import annotations

import asyncio
from typing import Any, TYPE_CHECKING

from osdbg.gateway.capabilities import CAPABILITIES
from osdbg.gateway import dap
from osdbg.gateway.worker import LoadFailed
from osdbg.gateway.worker import Worker

if TYPE_CHECKING:
    from osdbg.gateway.port import Port

_ANSWER_SECONDS = 30.0
_DETACH_SECONDS = 3.0
# How long a plain attach waits for a worker: one that was killed takes a
# second to be replaced.
_WORKER_SECONDS = 10.0
# And for another client, which may just have been cut off, to go.
_TAKEN_SECONDS = 1.0
_LOOK_SECONDS = 0.2
# A killed process is noticed on its two connections one after the other.
_DEATH_SECONDS = 0.2


class Session:
    """One client connection."""

    def __init__(self, port: Port, client: dap.Peer) -> None:
        """Take the connection; ``run`` serves it.

        :param port: the port it came in by
        :param client: the connection
        """
        self.worker: Worker | None = None
        self.is_root = False
        self._port = port
        self._client = client
        self._link: dap.Peer | None = None
        self._initialize: dap.Message | None = None
        self._start: dap.Message | None = None
        self._arguments: dict[str, Any] = {}
        # Events that come before the client has been told that it attached.
        self._early: list[dap.Message] | None = []
        self._threads: set[int] = set()
        self._declined: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve the client until it leaves."""
        self._client.handle = self._handle
        try:
            await self._client.run()
        except dap.ProtocolError as exc:
            self.print(f'osdbg: {exc}\n')
        finally:
            for task in self._tasks:
                task.cancel()
            await self._detach(terminate=False)
            self.is_root = False
            self._client.close()

    def _background(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # From the client.

    def _handle(self, message: dap.Message) -> None:
        if message.get('type') != 'request':
            return
        method = _REQUESTS.get(str(message.get('command')))
        arguments = message.get('arguments')
        if method is not None:
            if not isinstance(arguments, dict):
                arguments = {}
            method(self, message, arguments)
        elif self._link is not None:
            self._pass_on(message, arguments)
        else:
            self._answer_alone(message)

    def _pass_on(self, request: dap.Message, arguments: Any) -> None:
        assert self._link is not None  # noqa: S101
        self._link.request(
            str(request['command']),
            arguments,
            lambda response: self._client.relay(request, response),
        )

    def _answer_alone(self, request: dap.Message) -> None:
        """Answer for a worker that is not there, so that the session lives."""
        command = request.get('command')
        if command == 'threads':
            self._client.answer(request, {'threads': []})
        elif self.is_root and str(command).startswith('set'):
            arguments = request.get('arguments') or {}
            lines = arguments.get('breakpoints') or []
            unset = [{'verified': False} for _line in lines]
            self._client.answer(request, {'breakpoints': unset})
        else:
            self._client.refuse(
                request, 'no worker is attached to this session'
            )

    def _on_initialize(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._initialize is not None:
            self._client.refuse(request, 'the session is initialized already')
            return
        self._initialize = arguments
        self._client.answer(request, CAPABILITIES)
        # It takes a while, and the next request will want it.
        worker = self._port.first_free()
        if worker is not None:
            worker.load()

    def _on_attach(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._initialize is None or self._start is not None:
            self._client.refuse(
                request, 'expected one attach after one initialize'
            )
            return
        self._start = request
        self._arguments = arguments
        self._background(self._attach(request))

    def _on_launch(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        self._client.refuse(
            request,
            'the service runs already: write "request": "attach" in the '
            'configuration of your IDE',
        )

    async def _attach(self, request: dap.Message) -> None:
        pid = self._arguments.get('subProcessId')
        if pid is not None:
            worker = self._port.find(pid)
            if worker is None:
                # It may have ended meanwhile. debugpy's adapter does the
                # same: the client should not complain.
                self._client.answer(request)
                self._client.event('terminated')
                return
        else:
            worker = await self._wait_for_worker()
            if worker is None:
                self._client.refuse(request, self._why_none())
                return
        worker.session = self
        self.worker = worker
        self.is_root = pid is None
        try:
            self._link = await worker.loaded()
            self._link.handle = self._handle_worker
            await self._greet(self._link)
        except LoadFailed as exc:
            self._link = None
            self._client.refuse(request, str(exc))
        else:
            self._client.event('initialized')

    async def _greet(self, link: dap.Peer) -> None:
        for command, arguments in (
            ('initialize', self._initialize),
            ('attach', self._arguments),
        ):
            response = await link.ask(command, arguments, _ANSWER_SECONDS)
            if not response.get('success'):
                raise LoadFailed(
                    f'the debugger refused "{command}": '
                    f'{response.get("message")}'
                )

    async def _wait_for_worker(self) -> Worker | None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            worker = self._port.first_free()
            limit = _TAKEN_SECONDS if self._all_taken() else _WORKER_SECONDS
            left = start + limit - loop.time()
            if worker is not None or left <= 0:
                return worker
            try:
                await asyncio.wait_for(
                    self._port.changed.wait(), min(left, _LOOK_SECONDS)
                )
            except asyncio.TimeoutError:
                pass

    def _all_taken(self) -> bool:
        wanted = [worker for worker in self._port.workers if worker.wanted]
        return bool(wanted) and all(worker.session for worker in wanted)

    def _why_none(self) -> str:
        if self._all_taken():
            return (
                f'every worker behind {self._port.address} is being debugged '
                f'by another client: stop the session there'
            )
        return (
            f'no worker has joined {self._port.address} in '
            f'{_WORKER_SECONDS:.0f} s: is the service running, and does '
            f'[remote_debug] workers name one of its workers?'
        )

    def _on_configuration_done(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._start is None or self._link is None or self._early is None:
            self._client.refuse(
                request, '"configurationDone" is only allowed after "attach"'
            )
            return
        self._background(self._configured(self._link, request, arguments))

    async def _configured(
        self, link: dap.Peer, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        assert self.worker is not None  # noqa: S101
        await self.worker.tracing()
        link.request(
            'configurationDone',
            arguments,
            lambda response: self._started(request, response),
        )

    def _started(self, request: dap.Message, response: dap.Message) -> None:
        """Tell the client, and then the others, that it is attached."""
        assert self._start is not None  # noqa: S101
        self._client.relay(request, response)
        self._client.answer(self._start)
        early, self._early = self._early or [], None
        for event in early:
            self._client.forward(event)
        if self.worker is not None:
            self.worker.send(attached=True)
        if self.is_root:
            self._port.announce_all(self)

    def _on_pause(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        """Pause the process as a whole, as the adapter does."""
        if self._link is None:
            self._answer_alone(request)
        else:
            self._pass_on(request, {**arguments, 'threadId': '*'})

    def _on_continue(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        """Continue the process as a whole, be it into its end."""

        def answer(response: dap.Message) -> None:
            if response is dap.GONE:
                self._client.answer(request, {'allThreadsContinued': True})
            else:
                self._client.relay(request, response)

        if self._link is None:
            self._answer_alone(request)
        else:
            arguments = {**arguments, 'threadId': '*'}
            self._link.request('continue', arguments, answer)

    def _on_system_info(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        worker = self.worker
        if self._link is None or worker is None:
            self._answer_alone(request)
            return

        def answer(response: dap.Message) -> None:
            body = {'debugpy': {'version': worker.version}}
            body.update(response.get('body') or {})
            self._client.answer(request, body)

        self._link.request('pydevdSystemInfo', {}, answer)

    def _on_terminate(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        """Detach: the stop button of an IDE must not stop a service."""
        self._background(self._leave(request, terminate=False))

    def _on_disconnect(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        terminate = arguments.get('terminateDebuggee') is True
        self._background(self._leave(request, terminate))

    async def _leave(self, request: dap.Message, terminate: bool) -> None:
        await self._detach(terminate)
        self.is_root = False
        self._port.release(self)
        self._client.event('terminated')
        self._client.answer(request)
        if request['command'] == 'disconnect':
            self._client.close()

    async def _detach(self, terminate: bool) -> None:
        """Give the worker back to its work."""
        link, self._link = self._link, None
        if link is None or self.worker is None:
            return
        link.handle = lambda message: None
        self.worker.send(attached=False)
        await link.ask(
            'disconnect', {'terminateDebuggee': terminate}, _DETACH_SECONDS
        )

    # From the worker.

    def _handle_worker(self, message: dap.Message) -> None:
        name = message.get('event')
        if message.get('type') != 'event' or name in (
            'initialized',
            'terminated',
        ):
            return  # the gateway's to send, as the adapter's
        body = message.get('body')
        if name == 'thread' and isinstance(body, dict):
            if body.get('reason') == 'started':
                self._threads.add(body['threadId'])
            else:
                self._threads.discard(body['threadId'])
        if self._early is not None:
            self._early.append(message)
        else:
            self._client.forward(message)

    def link_lost(self, link: dap.Peer) -> None:
        """Note that the debugger in the worker is gone."""
        if self._link is link:
            self._link = None
            self._background(self._lost_later())

    async def _lost_later(self) -> None:
        await asyncio.sleep(_DEATH_SECONDS)
        if self.worker is not None:
            self.worker.unload()
            self.worker_lost()

    def worker_lost(self) -> None:
        """Note that the worker is gone; go on as long as others live."""
        worker, self.worker, self._link = self.worker, None, None
        if worker is None:
            return
        if worker.session is self:
            worker.session = None
        if not (self.is_root and self._port.workers):
            self._client.event('terminated')
            return
        for thread in self._threads:
            self._client.event(
                'thread', {'reason': 'exited', 'threadId': thread}
            )
        self._threads.clear()
        self.print(
            f'{worker.title} is gone; this session goes on with the others\n'
        )

    def service_over(self) -> None:
        """Note that no worker is left, nor anybody to fork one."""
        if self.is_root:
            self.is_root = False
            self._client.event('terminated')

    # To the client.

    def print(self, text: str) -> None:
        """Write a line into the client's console."""
        self._client.event('output', {'category': 'console', 'output': text})

    def announce(self, worker: Worker) -> None:
        """Have the client open a session with another worker."""
        if worker.id in self._declined:
            return
        body = {
            name: value
            for name, value in self._arguments.items()
            if name not in _NOT_INHERITED
        }
        connect = body.get('connect')
        body['connect'] = {
            'host': body.pop('host', None) or self._port.host,
            'port': body.pop('port', None) or self._port.number,
            **(connect if isinstance(connect, dict) else {}),
        }
        body['name'] = worker.title
        body['subProcessId'] = worker.pid
        assert self._initialize is not None  # noqa: S101
        if self._initialize.get('supportsStartDebuggingRequest'):
            self._client.request(
                'startDebugging',
                {'request': 'attach', 'configuration': body},
                lambda response: self._answered(worker, response),
            )
        else:
            self._client.event('debugpyAttach', {**body, 'request': 'attach'})

    def _answered(self, worker: Worker, response: dap.Message) -> None:
        if not response.get('success') and worker.session is None:
            self._declined.add(worker.id)
            worker.unload()


_NOT_INHERITED = frozenset(
    (
        'processId',
        'listen',
        'preLaunchTask',
        'postDebugTask',
        'request',
        'restart',
        'args',
        'processName',
        'pythonArgs',
    )
)

_REQUESTS = {
    'initialize': Session._on_initialize,
    'attach': Session._on_attach,
    'launch': Session._on_launch,
    'configurationDone': Session._on_configuration_done,
    'continue': Session._on_continue,
    'pause': Session._on_pause,
    'debugpySystemInfo': Session._on_system_info,
    'terminate': Session._on_terminate,
    'disconnect': Session._on_disconnect,
}

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

"""A worker as an IDE's debug adapter sees it: a debug server.

The adapter takes every connection for one that ``debugpy.connect()`` has made,
and asks it what it asks pydevd (``debugpy/adapter/servers.py``). What it must
know before a debugger is needed is answered here: until it asks to
``initialize``, which it does when an IDE wants this worker, nothing is loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import logging
from typing import Any

from osdbg.gateway import dap
from osdbg.gateway.debugger import LoadFailed
from osdbg.gateway.guard import Client
from osdbg.gateway import peers
from osdbg.gateway.peers import Peer
from osdbg.gateway.thread_list import ThreadList
from osdbg.gateway.worker import Worker

_ANSWER_SECONDS = 30.0
_DETACH_SECONDS = 3.0


class DebugServer:
    """One worker, and what an adapter asks of it."""

    def __init__(
        self,
        adapter: dap.Peer,
        worker: Worker,
        parent: int,
        report: Callable[[str, str], None],
    ) -> None:
        """Take a connection to the adapter; ``handle`` takes its messages.

        :param adapter: the connection
        :param worker: the worker, which is reserved for it
        :param parent: the process that the adapter is to take for the
            parent of this one. Not none at all: it would be that of the
            IDE's own session, which has no process yet, and be announced
        :param report: is told ``wanted`` when the adapter wants the debugger,
            ``attached`` when an IDE has set its breakpoints, ``left`` when it
            has left, and ``failed`` when there is no debugger, and why
        """
        self._adapter = adapter
        self._worker = worker
        self._parent = parent
        self._report = report
        self._link: dap.Peer | None = None
        self._peer: Peer | None = None
        self._client: Client = {}
        self._loading = False
        self._lived = False
        self._threads = ThreadList()
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = {
            'pydevdAuthorize': self._on_authorize,
            'pydevdSystemInfo': self._on_system_info,
            'initialize': self._on_initialize,
            'configurationDone': self._on_configuration_done,
            'disconnect': self._on_disconnect,
        }

    def _background(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def meet(self, peer: Peer) -> None:
        """Note whose adapter it is."""
        self._peer = peer

    def handle(self, message: dap.Message) -> None:
        """Take a message of the adapter."""
        if message.get('type') != 'request':
            return
        method = self._requests.get(str(message.get('command')))
        if method is not None:
            method(message)
        elif self._link is not None:
            self._pass_on(self._link, message)
        else:
            self._answer_alone(message)

    def _pass_on(self, link: dap.Peer, request: dap.Message) -> None:
        heading = dap.heading(request)
        if link.overloaded:
            self._adapter.relay(heading, dap.OVERLOADED)
            return
        link.request(
            heading['command'],
            request.get('arguments'),
            lambda response: self._adapter.relay(heading, response),
        )

    def _answer_alone(self, request: dap.Message) -> None:
        """Answer for a worker that is not there, so that the session lives."""
        command = str(request.get('command'))
        arguments = request.get('arguments')
        if command == 'threads':
            self._adapter.answer(request, {'threads': []})
        elif self._lived and command.startswith('set'):
            lines = None
            if isinstance(arguments, dict):
                lines = arguments.get('breakpoints')
            count = len(lines) if isinstance(lines, list) else 0
            unset = [{'verified': False}] * count
            self._adapter.answer(request, {'breakpoints': unset})
        else:
            self._refuse(request)

    def _refuse(self, request: dap.Message) -> None:
        self._adapter.refuse(
            request, f'no debugger is loaded in {self._worker.title}'
        )

    # Who it is.

    def _on_authorize(self, request: dap.Message) -> None:
        # The debugger in the worker has no token, since nobody can connect
        # to it; this is what it would say.
        self._adapter.answer(request, {'clientAccessToken': None})

    def _on_system_info(self, request: dap.Message) -> None:
        if self._link is None:
            self._adapter.answer(request, self._identify({}))
            return

        def answer(response: dap.Message) -> None:
            body = response.get('body')
            info = self._identify(body if isinstance(body, dict) else {})
            self._adapter.relay(request, {**response, 'body': info})

        self._link.request('pydevdSystemInfo', {}, answer)

    def _identify(self, info: dict[str, Any]) -> dict[str, Any]:
        process = info.get('process')
        process = dict(process) if isinstance(process, dict) else {}
        process['pid'] = self._worker.pid
        process['ppid'] = self._parent
        return {**info, 'process': process}

    # An IDE comes, and goes.

    def _on_initialize(self, request: dap.Message) -> None:
        if self._link is not None or self._loading:
            self._adapter.refuse(request, 'the session is initialized already')
        else:
            self._loading = True
            self._report('wanted', '')
            self._background(self._begin(request))

    async def _begin(self, request: dap.Message) -> None:
        try:
            await self._ask()
            link = await self._worker.debugger.loaded()
        except LoadFailed as exc:
            self._loading = False
            self._worker.unload()
            # The IDE shows the reason; its session is over.
            self._adapter.refuse(request, str(exc))
            self._report('failed', str(exc))
            return
        self._loading = False
        self._adapter.limits = dap.CLIENT
        self._link = link
        link.handle = self._handle_event
        self._pass_on(link, request)

    async def _ask(self) -> None:
        """Ask the service whether this client may attach.

        :raises: LoadFailed if not
        """
        if self._peer is not None:
            self._client = await peers.describe(self._peer)
        veto = await self._worker.guard.ask(self._client)
        if veto:
            raise LoadFailed(f'{self._worker.title}: {veto}')
        if not self._worker.opened:
            raise LoadFailed(f'{self._worker.title} is closed')

    def _on_configuration_done(self, request: dap.Message) -> None:
        if self._link is None:
            self._refuse(request)
        else:
            self._background(self._configure(request, self._link))

    async def _configure(self, request: dap.Message, link: dap.Peer) -> None:
        """Let the worker run on with the IDE's breakpoints."""
        await self._worker.debugger.tracing()
        response = await link.ask(
            'configurationDone', request.get('arguments'), _ANSWER_SECONDS
        )
        attached = bool(response.get('success')) and self._link is link
        if attached:
            self._lived = True
            await self._worker.attach(self._client)
        self._adapter.relay(request, response)
        if attached:
            self._report('attached', '')

    def _on_disconnect(self, request: dap.Message) -> None:
        self._background(self._leave(request))

    async def _leave(self, request: dap.Message) -> None:
        arguments = request.get('arguments')
        if isinstance(arguments, dict) and arguments.get('terminateDebuggee'):
            # The stop button of an IDE must not stop a service, and from the
            # adapter "terminate" comes as this, too.
            self._worker.log(
                logging.INFO,
                f'osdbg: an IDE has asked to end process {self._worker.pid}, '
                f'which is let go instead',
            )
        await self._detach()
        self._adapter.answer(request)
        self._report('left', '')

    async def close(self) -> None:
        """Give the worker back to its work, whatever is going on."""
        for task in self._tasks:
            task.cancel()
        await self._detach()

    async def _detach(self) -> None:
        link, self._link = self._link, None
        loading, self._loading = self._loading, False
        try:
            if link is not None:
                link.handle = lambda message: None
                self._worker.detach()
                await link.ask(
                    'disconnect',
                    {'terminateDebuggee': False},
                    _DETACH_SECONDS,
                )
        finally:
            if link is not None or loading:
                self._worker.unload()

    # From the worker.

    def _handle_event(self, message: dap.Message) -> None:
        name = message.get('event')
        if message.get('type') != 'event' or name == 'terminated':
            return  # the adapter would hang up
        self._threads.follow(message)
        self._adapter.forward(message)

    @property
    def loading(self) -> bool:
        """Whether the worker is about to load its debugger."""
        return self._loading

    def uses(self, link: Any) -> bool:
        """Tell whether a connection is the one to the debugger here."""
        return self._link is not None and self._link is link

    def lose(self) -> None:
        """Tell the IDE that the threads of a lost worker are no more."""
        link, self._link = self._link, None
        if link is not None:
            link.handle = lambda message: None
            self._worker.unload()
        self._threads.end(self._adapter)

    def print(self, text: str) -> None:
        """Write a line into the IDE's console."""
        self._adapter.event(
            'output', {'category': 'console', 'output': f'{text}\n'}
        )

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
subprocesses of a program that debugpy launched. A root session outlives its
worker, as long as there are others to announce.
"""

from __future__ import annotations

import asyncio
from typing import Any, TYPE_CHECKING

from osdbg.gateway import attaching
from osdbg.gateway.attachment import Attachment
from osdbg.gateway import bounds
from osdbg.gateway import dap
from osdbg.gateway.handshake import Handshake
from osdbg.gateway.peers import Peer
from osdbg.gateway.visitor import Visitor
from osdbg.gateway.worker import Worker

if TYPE_CHECKING:
    from osdbg.gateway.port import Port

# A killed process is noticed on its two connections one after the other.
_DEATH_SECONDS = 0.2


class Session:
    """One client connection."""

    def __init__(self, port: Port, client: dap.Peer, peer: Peer) -> None:
        """Take the connection; ``run`` serves it.

        :param port: the port it came in by
        :param client: the connection
        :param peer: who is at its other end
        """
        self.is_root = False
        self.visitor = Visitor(peer)
        self._port = port
        self._client = client
        self._handshake = Handshake(self, port, client)
        client.limits = dap.STRANGER
        self._attachment: Attachment | None = None
        self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = {
            **self._handshake.requests,
            'configurationDone': self._on_configuration_done,
            'terminate': self._on_terminate,
            'disconnect': self._on_disconnect,
        }

    async def run(self) -> None:
        """Serve the client until it leaves."""
        self._client.handle = self._handle
        self._handshake.start()
        try:
            await self._client.run()
        except dap.ProtocolError as exc:
            self.print(f'osdbg: {exc}\n')
        finally:
            self._handshake.stop()
            for task in self._tasks:
                task.cancel()
            self.visitor.gone()
            await self._detach(terminate=False)
            self._client.close()

    def dismiss(self, why: str) -> None:
        """Let the client go.

        :param why: what it is told
        """
        self.print(f'osdbg: {why}\n')
        self._client.close()

    def background(self, work: Any) -> None:
        """Have something done while the client goes on talking.

        :param work: a coroutine, which is cancelled when the client has left
        """
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # From the client.

    def _handle(self, message: dap.Message) -> None:
        if message.get('type') != 'request':
            return
        method = self._requests.get(str(message.get('command')))
        arguments = message.get('arguments')
        if not isinstance(arguments, dict):
            arguments = {}
        if method is not None:
            method(message, arguments)
        elif self._attachment is not None:
            self._attachment.pass_on(message, message.get('arguments'))
        else:
            self._answer_alone(message, arguments)

    def _answer_alone(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        """Answer for a worker that is not there, so that the session lives."""
        command = str(request.get('command'))
        if command == 'threads':
            self._client.answer(request, {'threads': []})
        elif self.is_root and command.startswith('set'):
            lines = arguments.get('breakpoints')
            count = len(lines) if isinstance(lines, list) else 0
            unset = [{'verified': False}] * count
            self._client.answer(request, {'breakpoints': unset})
        else:
            self._client.refuse(
                request, 'no worker is attached to this session'
            )

    @property
    def wishes(self) -> dict[str, Any]:
        """What the client has asked for that decides where it stops."""
        return attaching.wishes(self._handshake.arguments or {})

    async def begin(
        self,
        worker: Worker,
        request: dap.Message,
        initialize: dict[str, Any],
        seconds: float | None = None,
    ) -> str:
        """Attach to a worker.

        :param request: the client's ``attach``
        :param initialize: the arguments of its ``initialize``
        :param seconds: how long to try
        :returns: why it could not be done, or nothing
        """
        worker.session = self
        bounds.STRANGERS.leave(self)
        who = self.visitor.known()
        attachment = Attachment(self._client, who, worker, request)
        self._attachment = attachment
        why = await attachment.attempt(
            initialize, self.visitor.veto(worker), seconds
        )
        if not why or self._attachment is not attachment:
            return ''  # it is attached, or the client has left meanwhile
        self._attachment = None
        worker.session = None
        worker.unload()
        self._port.admit(self)
        return why

    def _on_configuration_done(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        attachment = self._attachment
        if attachment is None or not attachment.configurable:
            self._client.refuse(
                request, '"configurationDone" is only allowed after "attach"'
            )
        else:
            self.background(self._configure(attachment, request, arguments))

    async def _configure(
        self,
        attachment: Attachment,
        request: dap.Message,
        arguments: dict[str, Any],
    ) -> None:
        configured = await attachment.configure(request, arguments)
        # Not before: a worker that joined meanwhile would be announced twice.
        if configured and self._attachment is attachment:
            self.is_root = self._handshake.child is None
            if self.is_root:
                self._port.announce_all(self)
                if attachment.worker.only_launches:
                    self._port.launch(attachment.worker)  # it said so before

    def _on_terminate(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        """Detach: the stop button of an IDE must not stop a service."""
        self.background(self._leave(request, terminate=False))

    def _on_disconnect(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        terminate = arguments.get('terminateDebuggee') is True
        self.background(self._leave(request, terminate))

    async def _leave(self, request: dap.Message, terminate: bool) -> None:
        await self._detach(terminate)
        self.end()
        self._client.answer(request)
        if request['command'] == 'disconnect':
            self._client.close()

    async def _detach(self, terminate: bool) -> None:
        self.is_root = False
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            await attachment.detach(terminate)
        self._port.release(self)

    # From the worker.

    def link_lost(self, link: dap.Peer) -> None:
        """Note that the debugger in the worker is gone."""
        if self._attachment is not None and self._attachment.uses(link):
            self.background(self._lost_later(self._attachment))

    async def _lost_later(self, attachment: Attachment) -> None:
        await asyncio.sleep(_DEATH_SECONDS)
        if self._attachment is attachment:
            attachment.worker.unload()
            self.worker_lost()

    def worker_lost(self, over: bool = False, what: str = 'is gone') -> None:
        """Note that the worker is gone; go on as long as others live.

        :param over: whether it was the last, and nobody will follow
        :param what: has become of it
        """
        attachment = self._attachment
        if attachment is None or not attachment.begun:
            return  # where it begins, that fails
        self._attachment = None
        worker = attachment.worker
        worker.session = None
        others = any(other is not worker for other in self._port.workers)
        alone = worker in self._port.workers and not others
        if over or alone or not self.is_root:
            self.is_root = False
            self.end()
            return
        attachment.lose()
        rest = 'goes on with the others' if others else 'waits for another'
        self.print(f'{worker.title} {what}; this session {rest}\n')

    def hand_over(self) -> None:
        """Leave a worker that is about to fork those to be debugged."""
        attachment = self._attachment
        if attachment is None:
            return
        worker = attachment.worker
        if not attachment.begun:
            # It is unloaded, and so the attempt fails: on to the next one.
            worker.session = None
            return
        if self._handshake.child is None and not self.is_root:
            return  # the client's next request, configurationDone, does it
        self._attachment = None
        worker.session = None
        attachment.lose()
        if self.is_root:
            self.print(
                f'{worker.title} starts its workers; this session goes on '
                f'with them\n'
            )
        else:
            self.end()

    def service_over(self, why: str = '') -> None:
        """Note that no worker is left, and that none has followed.

        :param why: what there is to say about it
        """
        if self.is_root:
            self.is_root = False
            if why:
                self.print(f'{why}\n')
            self.end()

    # To the client.

    def end(self) -> None:
        """Say that the session is over, once.

        dape answers that with "terminate", and would never stop.
        """
        if not self._ended:
            self._ended = True
            self._client.event('terminated')

    def print(self, text: str) -> None:
        """Write a line into the client's console."""
        self._client.event('output', {'category': 'console', 'output': text})

    def announce(self, worker: Worker) -> None:
        """Have the client open a session with another worker."""
        if self._handshake.announcer is not None:
            self._handshake.announcer.announce(worker)

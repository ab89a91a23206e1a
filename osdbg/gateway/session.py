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

from osdbg.gateway.announcer import Announcer
from osdbg.gateway import attaching
from osdbg.gateway.attachment import Attachment
from osdbg.gateway import bounds
from osdbg.gateway.capabilities import CAPABILITIES
from osdbg.gateway import choice
from osdbg.gateway import dap
from osdbg.gateway.debugger import LoadFailed
from osdbg.gateway.guard import Client
from osdbg.gateway import peers
from osdbg.gateway.peers import Peer
from osdbg.gateway.worker import Worker

if TYPE_CHECKING:
    from osdbg.gateway.port import Port

# For a worker to load its debugger, when others could be attached to instead:
# this one may be stopped, or stuck.
_FIRST_SECONDS = 5.0
# IDEs send their first message at once, and the next one soon: meanwhile a
# debugger is being loaded for them.
_INITIALIZE_SECONDS = 10.0
_ATTACH_SECONDS = 60.0
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
        self._port = port
        self._client = client
        self._peer = peer
        self._who: asyncio.Future[Client] | None = None
        self._vetoes: dict[Worker, asyncio.Future[str]] = {}
        client.limits = dap.STRANGER
        self._attachment: Attachment | None = None
        self._initialize: dict[str, Any] | None = None
        self._arguments: dict[str, Any] | None = None
        self._announcer: Announcer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = {
            'initialize': self._on_initialize,
            'attach': self._on_attach,
            'launch': self._on_launch,
            'configurationDone': self._on_configuration_done,
            'terminate': self._on_terminate,
            'disconnect': self._on_disconnect,
        }

    async def run(self) -> None:
        """Serve the client until it leaves."""
        self._client.handle = self._handle
        self._expect('initialize', _INITIALIZE_SECONDS)
        try:
            await self._client.run()
        except dap.ProtocolError as exc:
            self.print(f'osdbg: {exc}\n')
        finally:
            self._stop_timer()
            if self._who is not None:
                self._who.cancel()
            for task in self._tasks:
                task.cancel()
            for veto in self._vetoes.values():
                veto.cancel()
            await self._detach(terminate=False)
            self._client.close()

    def _expect(self, command: str, seconds: float) -> None:
        """Hang up if a request does not come in time."""
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(
            seconds, self.dismiss, f'expected "{command}" from an IDE'
        )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def dismiss(self, why: str) -> None:
        """Let the client go.

        :param why: what it is told
        """
        self.print(f'osdbg: {why}\n')
        self._client.close()

    def _background(self, work: Any) -> None:
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

    def _on_initialize(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._initialize is not None:
            self._client.refuse(request, 'the session is initialized already')
            return
        self._initialize = arguments
        self._expect('attach', _ATTACH_SECONDS)
        bounds.STRANGERS.hear(self, self._port.expected)
        self._client.answer(request, CAPABILITIES)
        # It takes a while, and the next request will want it.
        worker = self._port.first_free(self.may_reach)
        if worker is not None:
            self._background(self._load(worker))

    def may_reach(self, worker: Worker) -> bool:
        """Tell whether a worker is for this client at all."""
        return worker.guard.admits(self._peer)

    async def _load(self, worker: Worker) -> None:
        if await asyncio.shield(self.veto(worker)):
            return
        present = worker in self._port.workers and worker.wanted
        if present and not worker.attached:
            worker.debugger.load()

    def veto(self, worker: Worker) -> asyncio.Future[str]:
        """Ask a worker once whether this client may attach, and if not why."""
        if worker not in self._vetoes:
            self._vetoes[worker] = asyncio.ensure_future(self._ask(worker))
        return self._vetoes[worker]

    async def _ask(self, worker: Worker) -> str:
        return await worker.guard.ask(await self._known())

    def _known(self) -> asyncio.Future[Client]:
        """Find out who the client is; not for those who only connect."""
        if self._who is None:
            self._who = asyncio.ensure_future(peers.describe(self._peer))
        return self._who

    def _on_launch(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        self._client.refuse(
            request,
            'the service runs already: write "request": "attach" in the '
            'configuration of your IDE',
        )

    def _on_attach(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        if self._initialize is None or self._arguments is not None:
            self._client.refuse(
                request, 'expected one attach after one initialize'
            )
            return
        self._arguments = arguments
        self._stop_timer()
        self._announcer = Announcer(
            self._client,
            bool(self._initialize.get('supportsStartDebuggingRequest')),
            arguments,
            (self._port.host, self._port.number),
        )
        self._background(self._attach(request, self._initialize))

    @property
    def wishes(self) -> dict[str, Any]:
        """What the client has asked for that decides where it stops."""
        return attaching.wishes(self._arguments or {})

    @property
    def _child(self) -> Any:
        """The process that a root session announced to get this one."""
        return (self._arguments or {}).get('subProcessId')

    async def _attach(
        self, request: dap.Message, initialize: dict[str, Any]
    ) -> None:
        if self._child is None:
            await self._attach_to_any(request, initialize)
            return
        worker = self._port.find(self._child, self.may_reach)
        why = ''
        if worker is not None:
            why = await self._begin(worker, request, initialize)
        if self._is_over(worker):
            self._end_quietly(request)
        elif why:
            self._client.refuse(request, why)

    async def _attach_to_any(
        self, request: dap.Message, initialize: dict[str, Any]
    ) -> None:
        worker = await choice.next_free(self._port, self.may_reach)
        failed: list[Worker] = []
        first = ''
        # Up to Python 3.11 wait_for() swallows a cancellation that comes with
        # the result: whoever has left would take the worker, for ever.
        while worker is not None and not self._client.closed:
            failed.append(worker)
            following = self._port.first_free(self.may_reach, but=failed)
            seconds = None if following is None else _FIRST_SECONDS
            why = await self._begin(worker, request, initialize, seconds)
            if not why:
                return
            ended = self._is_over(worker)
            if not worker.only_launches:
                first = first or why
            worker = self._port.first_free(self.may_reach, but=failed)
            if worker is None and ended:
                # A reload: its successor is on its way.
                worker = await choice.next_free(self._port, self.may_reach)
        why = first or choice.why_none(self._port, self.may_reach)
        self._client.refuse(request, why)

    def _is_over(self, worker: Worker | None) -> bool:
        """Tell whether a worker has ended, or turned out to be none."""
        ended = worker not in self._port.workers
        return worker is None or ended or worker.only_launches

    async def _begin(
        self,
        worker: Worker,
        request: dap.Message,
        initialize: dict[str, Any],
        seconds: float | None = None,
    ) -> str:
        """Attach to a worker.

        :param seconds: how long to try
        :returns: why it could not be done, or nothing
        """
        worker.session = self
        bounds.STRANGERS.leave(self)
        attachment = Attachment(self._client, self._known(), worker, request)
        self._attachment = attachment
        beginning = asyncio.ensure_future(
            attachment.begin(initialize, self.veto(worker))
        )
        # If the client leaves meanwhile, nobody may hear how it has ended.
        beginning.add_done_callback(
            lambda task: task.cancelled() or task.exception()
        )
        try:
            await asyncio.wait_for(beginning, seconds)
            return ''
        except LoadFailed as exc:
            why = str(exc)
        except asyncio.TimeoutError:
            why = (
                f'{worker.title} did not load its debugger in {seconds:.0f} s'
            )
        if self._attachment is not attachment:
            return ''  # the client has left meanwhile
        self._attachment = None
        worker.session = None
        worker.unload()
        self._port.admit(self)
        return why

    def _end_quietly(self, request: dap.Message) -> None:
        """End a session whose worker ended before it was attached.

        debugpy's adapter does the same: it is nothing to complain of.
        """
        self._client.answer(request)
        self._end()

    def _on_configuration_done(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> None:
        attachment = self._attachment
        if attachment is None or not attachment.configurable:
            self._client.refuse(
                request, '"configurationDone" is only allowed after "attach"'
            )
        else:
            self._background(self._configure(attachment, request, arguments))

    async def _configure(
        self,
        attachment: Attachment,
        request: dap.Message,
        arguments: dict[str, Any],
    ) -> None:
        configured = await attachment.configure(request, arguments)
        # Not before: a worker that joined meanwhile would be announced twice.
        if configured and self._attachment is attachment:
            self.is_root = self._child is None
            if self.is_root:
                self._port.announce_all(self)
                if attachment.worker.only_launches:
                    self._port.launch(attachment.worker)  # it said so before

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
        self._end()
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
            self._background(self._lost_later(self._attachment))

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
            self._end()
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
        if self._child is None and not self.is_root:
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
            self._end()

    def service_over(self, why: str = '') -> None:
        """Note that no worker is left, and that none has followed.

        :param why: what there is to say about it
        """
        if self.is_root:
            self.is_root = False
            if why:
                self.print(f'{why}\n')
            self._end()

    # To the client.

    def _end(self) -> None:
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
        if self._announcer is not None:
            self._announcer.announce(worker)

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

"""A client and a worker's debugger, brought together.

What is done here and not passed through is what debugpy's adapter process
does (``debugpy/adapter/clients.py`` and ``servers.py``), so that clients
cannot tell the two apart.
"""

from __future__ import annotations

import asyncio
from typing import Any

from osdbg.gateway import dap
from osdbg.gateway.debugger import LoadFailed
from osdbg.gateway.guard import Client
from osdbg.gateway.thread_list import ThreadList
from osdbg.gateway.worker import Worker

_ANSWER_SECONDS = 30.0
_DETACH_SECONDS = 3.0
_MAX_EARLY = 1000


class Attachment:
    """One client attached to one worker."""

    def __init__(
        self,
        client: dap.Peer,
        who: asyncio.Future[Client],
        worker: Worker,
        start: dap.Message,
    ) -> None:
        """Bring the two together; ``begin`` makes them talk.

        :param client: the client's connection
        :param who: what is known of the client
        :param worker: the worker, which is reserved for it
        :param start: the client's ``attach`` request, answered when the
            client has set its breakpoints
        """
        self.worker = worker
        self._reserved = worker.session
        self._client = client
        self._who = who
        self._start = start
        self._link: dap.Peer | None = None
        # Events that come before the client has been told that it attached.
        self._early: list[dap.Message] | None = []
        self._configuring = False
        self._threads = ThreadList()

    async def attempt(
        self,
        initialize: dict[str, Any],
        veto: asyncio.Future[str],
        seconds: float | None,
    ) -> str:
        """Begin, if that can be done in time.

        :param initialize: see ``begin``
        :param veto: see ``begin``
        :param seconds: how long it may take
        :returns: why it could not be done, or nothing
        """
        beginning = asyncio.ensure_future(self.begin(initialize, veto))
        # If the client leaves meanwhile, nobody may hear how it has ended.
        beginning.add_done_callback(
            lambda task: task.cancelled() or task.exception()
        )
        try:
            await asyncio.wait_for(beginning, seconds)
        except LoadFailed as exc:
            return str(exc)
        except asyncio.TimeoutError:
            return (
                f'{self.worker.title} did not load its debugger in '
                f'{seconds:.0f} s'
            )
        return ''

    async def begin(
        self, initialize: dict[str, Any], veto: asyncio.Future[str]
    ) -> None:
        """Load the debugger and pass the client's first requests on to it.

        :param initialize: the arguments of the client's ``initialize``
        :param veto: will tell why the service does not want it, if it does not
        :raises: LoadFailed
        """
        why = await asyncio.shield(veto)
        if why:
            raise LoadFailed(f'{self.worker.title}: {why}')
        self._require_door()
        link = await self.worker.debugger.loaded()
        self._require_door()
        link.handle = self._handle_event
        for command, arguments in (
            ('initialize', initialize),
            ('attach', self._start.get('arguments')),
        ):
            response = await link.ask(command, arguments, _ANSWER_SECONDS)
            if not response.get('success'):
                raise LoadFailed(
                    f'the debugger refused "{command}": '
                    f'{response.get("message")}'
                )
        if link.closed:
            # It has been unloaded since it answered.
            raise LoadFailed(f'{self.worker.title} was unloaded')
        self._link = link
        self._client.limits = dap.CLIENT
        self._client.event('initialized')

    def _require_door(self) -> None:
        """See that it may still be attached to: time has passed.

        :raises: LoadFailed if not
        """
        if self.worker.session is not self._reserved:
            raise LoadFailed(f'{self.worker.title} was unloaded')
        if not self.worker.opened:
            raise LoadFailed(f'{self.worker.title} lets no client in any more')

    @property
    def configurable(self) -> bool:
        """Whether the client may send ``configurationDone`` now."""
        return self._link is not None and not self._configuring

    async def configure(
        self, request: dap.Message, arguments: dict[str, Any]
    ) -> bool:
        """Let the worker run on with the client's breakpoints.

        :returns: whether the client is attached now
        """
        self._configuring = True
        await self.worker.debugger.tracing()
        link, early = self._link, self._early
        if link is None or early is None:
            return False
        response = await link.ask(
            'configurationDone', arguments, _ANSWER_SECONDS
        )
        who = await self._who
        if self._link is not link or not response.get('success'):
            self._client.relay(request, response)
            return False
        await self.worker.attach(who)
        self._client.relay(request, response)
        self._client.answer(self._start)
        self._early = None
        for event in early:
            self._client.forward(event)
        return True

    def pass_on(self, request: dap.Message, arguments: Any) -> None:
        """Have the debugger answer a request of the client."""
        command, request = str(request['command']), dap.heading(request)
        if command in ('pause', 'continue'):
            # The process as a whole, not one of its threads.
            given = arguments if isinstance(arguments, dict) else {}
            arguments = {**given, 'threadId': '*'}

        def answer(response: dap.Message) -> None:
            if response is dap.GONE and command == 'continue':
                # It went on, and into its end.
                self._client.answer(request, {'allThreadsContinued': True})
            elif command == 'debugpySystemInfo':
                body = {'debugpy': {'version': self.worker.debugger.version}}
                body.update(response.get('body') or {})
                self._client.answer(request, body)
            else:
                self._client.relay(request, response)

        if command == 'debugpySystemInfo':
            self._ask('pydevdSystemInfo', {}, answer)
        else:
            self._ask(command, arguments, answer)

    def _ask(self, command: str, arguments: Any, answer: Any) -> None:
        if self._link is None:
            answer(dap.GONE)
        elif self._link.overloaded:
            answer(dap.OVERLOADED)
        else:
            self._link.request(command, arguments, answer)

    def _handle_event(self, message: dap.Message) -> None:
        name = message.get('event')
        if message.get('type') != 'event' or name in (
            'initialized',
            'terminated',
        ):
            return  # the gateway's to send, as the adapter's
        self._threads.follow(message)
        if self._early is None:
            self._client.forward(message)
            return
        self._early.append(message)
        if len(self._early) > _MAX_EARLY:
            self._drop(self._early)

    def _drop(self, events: list[dap.Message]) -> None:
        """Forget one: the client may never ask for them."""
        outputs = (
            index
            for index, event in enumerate(events)
            if event.get('event') == 'output'
        )
        del events[next(outputs, 0)]

    @property
    def begun(self) -> bool:
        """Whether the debugger has taken the client's first requests."""
        return self._link is not None

    def uses(self, link: dap.Peer) -> bool:
        """Tell whether a connection is the one to the debugger here."""
        return self._link is link

    async def detach(self, terminate: bool) -> None:
        """Give the worker back to its work.

        :param terminate: end the process instead, as the client asked
        """
        link, self._link = self._link, None
        if link is not None:
            link.handle = lambda message: None
            self.worker.detach()
            await link.ask(
                'disconnect',
                {'terminateDebuggee': terminate},
                _DETACH_SECONDS,
            )

    def lose(self) -> None:
        """Tell the client that the threads of a lost worker are no more."""
        link, self._link = self._link, None
        if link is not None:
            link.handle = lambda message: None
        self._threads.end(self._client)

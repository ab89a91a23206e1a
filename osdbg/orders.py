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

"""What the gateway may order a process to do, and how that is obeyed."""

from __future__ import annotations

import logging
from typing import Any, TYPE_CHECKING

from osdbg import audit
from osdbg.gateway import protocol
from osdbg import inspection
from osdbg import journal
from osdbg import vigil

if TYPE_CHECKING:
    from osdbg import agent as agent_


class Orders:
    """Obeys one gateway after the other, in the agent's thread."""

    def __init__(self, agent: agent_.Agent) -> None:
        """Wait for orders.

        :param agent: of whose process they are
        """
        self._agent = agent
        self._vigil = vigil.Vigil(agent.complain)
        # Who is attached, for the log.
        self._client: dict[str, Any] = {}

    def begin_again(self) -> None:
        """Forget what was the parent's, in a forked child."""
        self._client = {}
        self._vigil.begin_again()

    def obey(self, channel: protocol.Channel, message: dict[str, Any]) -> None:
        """Do what a message says; what it says beyond that is passed over.

        :param channel: where it has come from
        :param message: orders by name, each with what it is about
        """
        agent = self._agent
        for order, value in message.items():
            if order == 'load':
                self._load(channel, value)
            elif order == 'unload':
                self._unload()
            elif order == 'attached':
                self._set_attached(value)
                channel.send(attached=value)
            elif order == 'worker':
                agent.set_number(value)
            elif order == 'open':
                self._open(value, message)
            elif order == 'absent':
                # Nobody listens where the IDE should.
                agent.progress.be_loaded(value)
            elif order == 'port':
                agent.answer(value)
            elif order == 'admit':
                number, client = value
                channel.send(admitted=number, veto=audit.ask(client))
            elif order == 'audit':
                self._audit(*value)
            elif order == 'log':
                journal.write(value[0], '%s', value[1])
            elif order == 'stop':
                agent.stops.answer(value)
            elif order == 'resume':
                self._resume(value)
            elif order == 'abandon':
                agent.stops.abandon(value)
            elif order == 'look':
                self._look(channel, *value)
            elif order == 'beat':
                if agent.settings.keep_heartbeats:
                    self._vigil.beat(agent.debugger.gate)

    def end(self) -> None:
        """Do what the gateway would have ordered, had it not gone."""
        self._unload()
        if self._client:
            # Whoever would have said it has gone.
            self._audit(logging.INFO, 'detach', self._client)

    def _load(self, channel: protocol.Channel, ticket: str) -> None:
        self._unload()
        agent = self._agent
        failure: str | None = 'it lets no client in any more'
        if agent.door.opened:
            failure = agent.debugger.load(agent.settings, channel, ticket)
        # Not while the exception is handled: oslo.log would add it once more.
        if failure is None:
            version = agent.debugger.version
            channel.send(loaded=ticket, version=version)
            agent.progress.be_loaded()
            return
        channel.send(failed=ticket, reason=failure)
        trouble = f'the debugger could not be loaded ({failure})'
        if failure:
            again = 'to try again, attach again'
            if agent.settings.direction == 'connect':
                again = 'it is tried again'
            agent.complain(
                f'{trouble}; the service runs on without it: {again}'
            )
        agent.progress.be_loaded(trouble)

    def _unload(self) -> None:
        unloaded = self._agent.debugger.unload()
        self._agent.post_mortem.renew()
        if unloaded:
            self._agent.contact.renew()

    def _set_attached(self, attached: bool) -> None:
        self._agent.debugger.attached = attached
        self._agent.post_mortem.renew()
        if attached:
            self._agent.progress.be_ready()

    def _open(self, opened: bool, message: dict[str, Any]) -> None:
        seconds = message.get('seconds')
        if opened and seconds is None:
            # Somebody wants it as the options say, from now on.
            seconds = self._agent.settings.open_seconds
        self._agent.open(opened, seconds, message.get('port'))

    def _resume(self, why: str) -> None:
        agent = self._agent
        for backend in (agent.debugger.backend, agent.prompter.backend):
            if backend is not None:
                agent.guard(backend, backend.resume, why)

    def _look(
        self, channel: protocol.Channel, ticket: str, question: dict[str, Any]
    ) -> None:
        settings, gate = self._agent.settings, self._agent.debugger.gate
        inspection.serve(channel, ticket, question, settings, gate)

    def _audit(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if event in ('attach', 'detach'):
            self._client = facts if event == 'attach' else {}
        audit.write(level, event, {'worker': self._agent.title, **facts})

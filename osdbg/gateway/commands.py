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

"""The commands of users: what they are told, and what they may order."""

from __future__ import annotations

import asyncio
from typing import Any

from osdbg.gateway.fields import field
from osdbg.gateway.fields import port_of
from osdbg.gateway.fields import seconds_of
from osdbg.gateway.groups import Groups
from osdbg.gateway.guard import Client
from osdbg.gateway import peers
from osdbg.gateway.worker import Worker
from osdbg.gateway.workers import Workers

# How long a command waits until its wish has come true.
_OPEN_SECONDS = 2.0
_LOOK_SECONDS = 0.02


class Commands:
    """Answers commands, after doing what they ask for."""

    def __init__(self, workers: Workers, groups: Groups) -> None:
        """Take what they are about."""
        self._workers = workers
        self._groups = groups
        # By the id of a worker: its agent may say hello meanwhile.
        self._asked: dict[str, Client] = {}

    def who_asked_for(self, worker_id: str) -> Client:
        """Return who has just asked for a worker to be opened or closed.

        :returns: nothing if nobody has
        """
        return self._asked.get(worker_id, {})

    async def answer(
        self, question: dict[str, Any], peer: peers.Peer
    ) -> dict[str, Any]:
        """Answer a command of the user, after doing what it asks for.

        :param question: ``open``, if the workers of these ids are to be
            opened or closed; ``seconds``, if not for as long as their
            options say; ``port``, if not where they are
        :param peer: who asks
        :returns: all processes there are
        :raises: KeyError, TypeError, ValueError if it is something else
        """
        if not isinstance(question, dict):
            raise TypeError(f'a question is {question!r}')
        if question:
            ids = field(question, 'ids', list)
            order = {
                'open': field(question, 'open', bool),
                'seconds': seconds_of(question, 'seconds'),
                'port': port_of(question, 'port'),
            }
            asked = await peers.describe(peer)
            visible = self._workers.visible_to(peer)
            meant = [i for i in ids if i in visible]
            await self._order(meant, order, asked)
        return {
            'processes': [
                self._describe(worker)
                for worker in self._workers.visible_to(peer).values()
            ]
        }

    async def _order(
        self, ids: list[str], order: dict[str, Any], asked: Client
    ) -> None:
        """Have workers opened or closed, and wait a while until they are.

        One that is moved to another port says hello once more.
        """
        for worker_id in ids:
            self._asked[worker_id] = self._workers[worker_id].asked = asked
            self._workers[worker_id].send(**order)
        # Until their agents have, and the port is known that they have got.
        loop = asyncio.get_running_loop()
        end = loop.time() + _OPEN_SECONDS
        while loop.time() < end and not all(
            self._has_obeyed(worker_id, order) for worker_id in ids
        ):
            await asyncio.sleep(_LOOK_SECONDS)
        for worker_id in ids:
            self._asked.pop(worker_id, None)
            if worker_id in self._workers:
                self._workers[worker_id].asked = {}

    def _has_obeyed(self, worker_id: str, order: dict[str, Any]) -> bool:
        worker = self._workers.get(worker_id)
        if worker is None or worker.opened != order['open']:
            return False
        if worker.opened and worker.asked:
            return False
        if order['port'] not in (None, worker.port) and not worker.attached:
            return False
        return self._groups.of(worker).known

    def _describe(self, worker: Worker) -> dict[str, Any]:
        group = self._groups.of(worker)
        return {
            **worker.describe(),
            'port': group.public_number,
            'trouble': group.trouble,
        }

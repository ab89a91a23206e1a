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

"""The armed processes that a gateway knows, by their ids."""

from __future__ import annotations

import asyncio

from osdbg.gateway.peers import Peer
from osdbg.gateway.worker import Worker

# How long an agent may take to be back, when the gateway is another.
_RETURN_SECONDS = 3.0
_LOOK_SECONDS = 0.02


class Workers(dict[str, Worker]):
    """All of them, whoever's they are."""

    def visible_to(self, peer: Peer) -> dict[str, Worker]:
        """Return those that a user of this host may know of."""
        return {
            worker.id: worker
            for worker in self.values()
            if peer.uid in (0, worker.guard.uid)
        }

    async def arrival(self, worker_id: str) -> Worker:
        """Return one that, after a restart of ours, may be on its way.

        :raises: KeyError
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _RETURN_SECONDS
        while worker_id not in self and loop.time() < end:
            await asyncio.sleep(_LOOK_SECONDS)
        return self[worker_id]

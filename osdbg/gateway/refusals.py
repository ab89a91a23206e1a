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

"""Strangers that were sent away, in the logs of the services they wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
import logging
from typing import TYPE_CHECKING

from osdbg.gateway import peers

if TYPE_CHECKING:
    from osdbg.gateway.worker import Worker

# Whoever knocks all the time is told of so often.
_QUIET_SECONDS = 10.0
# Of so many users at a time.
_MAX_USERS = 64


class Refusals:
    """Tells of each user at once, and then not more often than needed."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._quiet: dict[int | None, float] = {}
        self._counts: dict[int | None, int] = {}

    async def note(
        self, peer: peers.Peer, workers: Iterable[Worker], advice: str = ''
    ) -> None:
        """Tell the services that somebody was sent away.

        :param peer: who it was
        :param workers: theirs
        :param advice: what to type if it was a friend
        """
        now = asyncio.get_running_loop().time()
        self._counts[peer.uid] = self._counts.get(peer.uid, 0) + 1
        if now < self._quiet.get(peer.uid, now):
            return
        if len(self._quiet) >= _MAX_USERS:
            self._quiet.clear()
            self._counts = {peer.uid: 1}
        self._quiet[peer.uid] = now + _QUIET_SECONDS
        times = self._counts.pop(peer.uid)
        client = await peers.describe(peer)
        told = set()
        for worker in workers:
            if worker.name not in told:
                told.add(worker.name)
                worker.guard.log(
                    'refused',
                    client,
                    logging.WARNING,
                    times=times if times > 1 else None,
                    reason=advice or _reason(peer),
                )


def _reason(peer: peers.Peer) -> str:
    if peer.uid is None:
        return 'it is not known whose connection this is: nobody has it'
    return (
        f'user {peer.uid} is neither root nor the user of this service: if '
        f'that is right, set [remote_debug] allowed_users'
    )

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
# Of so many users at a time: one may have thousands (subuid(5)). Further ones
# are told of as if they were one.
_MAX_USERS = 64
_OTHERS = -1


class Refusals:
    """Tells of each user at once, and then not more often than needed."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._quiet: dict[int | None, float] = {}
        self._counts: dict[int | None, int] = {}

    async def note(self, peer: peers.Peer, workers: Iterable[Worker]) -> None:
        """Tell the services that somebody was sent away.

        :param peer: who it was
        :param workers: theirs
        """
        now = asyncio.get_running_loop().time()
        who: int | None = peer.uid
        if len(self._quiet) >= _MAX_USERS and who not in self._quiet:
            self._forget(now)
            if len(self._quiet) >= _MAX_USERS:
                who = _OTHERS
        self._counts[who] = self._counts.get(who, 0) + 1
        if now < self._quiet.get(who, now):
            return
        self._quiet[who] = now + _QUIET_SECONDS
        times = self._counts.pop(who)
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
                    reason=_reason(peer),
                )

    def _forget(self, now: float) -> None:
        """Forget those of whom there is nothing more to tell."""
        for who, until in list(self._quiet.items()):
            if until <= now:
                del self._quiet[who]
                self._counts.pop(who, None)


def _reason(peer: peers.Peer) -> str:
    if peer.uid is None:
        return 'it is not known whose connection this is: nobody has it'
    return (
        f'user {peer.uid} is neither root nor the user of this service: if '
        f'that is right, set [remote_debug] allowed_users'
    )

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

"""How an agent reaches the gateway, or starts one if there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from osdbg import exceptions
from osdbg.gateway import protocol
from osdbg.gateway import spawn
from osdbg import waiting

_SPAWN_SECONDS = 10.0
# Of the agents that find no gateway at the same moment one starts it, and the
# others wait so long: who has the turn may be stopped, or a stranger.
_TURN_SECONDS = 3.0
_LOOK_SECONDS = 0.02
_NONE_THERE = (exceptions.GatewayUnavailable, *protocol.ABSENT)


class Approach:
    """The way of one process to the gateway."""

    def __init__(self, forking: Any) -> None:
        """Prepare to go.

        :param forking: a lock that is held while the process is forked
        """
        self._forking = forking
        self._turn: Any = None

    def connect(
        self, greet: Callable[[], protocol.Channel]
    ) -> protocol.Channel:
        """Reach the gateway, starting one if there is none.

        :param greet: connects, or raises OSError
        :raises: GatewayUnavailable
        """
        began = waiting.monotonic()
        spawned = False
        try:
            while True:
                waited = waiting.monotonic() - began
                try:
                    return greet()
                except (exceptions.GatewayUnavailable, OSError) as exc:
                    if waited > _SPAWN_SECONDS:
                        raise exceptions.GatewayUnavailable(
                            protocol.place(), str(exc)
                        ) from exc
                    # Another user's is none. One that accepts nobody may be
                    # stopped, but not for long.
                    absent = waited > _TURN_SECONDS or isinstance(
                        exc, _NONE_THERE
                    )
                if absent and not spawned:
                    spawned = self._take_turn() or waited > _TURN_SECONDS
                    if spawned:
                        spawn.spawn()
                waiting.pause(_LOOK_SECONDS)
        finally:
            self.forget()

    def _take_turn(self) -> bool:
        with self._forking:
            self._turn = protocol.claim_spawn()
        return self._turn is not None

    def forget(self) -> None:
        """Give the turn back; in a forked child, it is the parent's."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.close()

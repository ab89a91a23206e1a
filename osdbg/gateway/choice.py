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

"""Which worker a client gets that asks for none in particular."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from osdbg.gateway.worker import Worker

if TYPE_CHECKING:
    from osdbg.gateway.port import Port

# How long a plain attach waits for a worker: one that was killed takes a
# second to be replaced.
_WORKER_SECONDS = 10.0
# And for another client, which may just have been cut off, to go.
_TAKEN_SECONDS = 1.0
_LOOK_SECONDS = 0.2


Filter = Callable[[Worker], bool]


async def next_free(port: Port, suits: Filter) -> Worker | None:
    """Return the first worker without a client, waiting for one to come.

    :param port: where the client has connected
    :param suits: tells whether a worker is for this client at all
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    while True:
        worker = port.first_free(suits)
        limit = _TAKEN_SECONDS if _all_taken(port, suits) else _WORKER_SECONDS
        left = start + limit - loop.time()
        if worker is not None or left <= 0:
            return worker
        try:
            await asyncio.wait_for(
                port.changed.wait(), min(left, _LOOK_SECONDS)
            )
        except asyncio.TimeoutError:
            pass


def why_none(port: Port, suits: Filter) -> str:
    """Say why there was none.

    :param port: where the client has connected
    :param suits: tells whether a worker is for this client at all
    """
    if _all_taken(port, suits):
        return (
            f'every worker behind {port.address} is being debugged by another '
            f'client: stop the session there'
        )
    return (
        f'no worker has joined {port.address} in {_WORKER_SECONDS:.0f} s: is '
        f'the service running, and does [remote_debug] workers name one of '
        f'its workers?'
    )


def _all_taken(port: Port, suits: Filter) -> bool:
    wanted = [w for w in port.workers if w.wanted and suits(w)]
    return bool(wanted) and all(worker.session for worker in wanted)

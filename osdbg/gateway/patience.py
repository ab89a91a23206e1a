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

"""How soon a worker is called for again when an IDE was of no use to it."""

from __future__ import annotations

import asyncio

from osdbg.gateway.worker import Worker

# After an IDE has answered, and was not attached in the end: twice as long
# each time.
_AGAIN_SECONDS = 1.0
_AGAIN_LIMIT_SECONDS = 30.0
# Between two looks for a fresh IDE: it is called within a second.
_LOOK_SECONDS = 0.5
_TABLES = ('/proc/net/tcp', '/proc/net/tcp6')
_LISTENS = b'0A'


class Patience:
    """The workers of an address that have to wait, and until when."""

    def __init__(self, number: int) -> None:
        """Begin without any.

        :param number: the TCP port at which IDEs listen
        """
        self._number = number
        self._not_before: dict[Worker, float] = {}
        self._pauses: dict[Worker, float] = {}
        self._listeners: frozenset[bytes] = frozenset()
        self._looked = 0.0

    def settle(self, worker: Worker, seconds: float) -> None:
        """Let a worker wait that has just come."""
        self._not_before[worker] = _now() + seconds

    def fail(self, worker: Worker) -> None:
        """Let a worker wait for which an IDE has answered in vain."""
        before = self._pauses.get(worker)
        pause = _AGAIN_SECONDS if before is None else 2 * before
        pause = min(pause, _AGAIN_LIMIT_SECONDS)
        self._pauses[worker] = pause
        self._not_before[worker] = _now() + pause
        self._listeners = _listeners(self._number)

    def is_over(self, worker: Worker) -> bool:
        """Tell whether a worker may be called for."""
        return self._not_before.get(worker, 0) <= _now()

    def forget(self, worker: Worker) -> None:
        """Begin anew with a worker: it was attached, or has gone."""
        self._not_before.pop(worker, None)
        self._pauses.pop(worker, None)

    def renew(self) -> None:
        """Begin anew with all that were failed: the next IDE is another."""
        for worker in list(self._pauses):
            self.forget(worker)

    def look(self) -> None:
        """See whether the IDE that has failed is still the one there.

        It is not called for that: it would take the call for a service. Where
        one cannot see without, the workers wait to the end.
        """
        if not self._pauses or not self._listeners:
            return
        if _now() - self._looked < _LOOK_SECONDS:
            return
        self._looked = _now()
        if _listeners(self._number) != self._listeners:
            self.renew()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _listeners(number: int) -> frozenset[bytes]:
    """Return the sockets of this host that listen at a TCP port.

    Each has an inode of its own, also after a restart of its program.
    """
    found = set()
    port = b':%04X' % number
    for table in _TABLES:
        try:
            with open(table, 'rb') as file:
                for line in file:
                    fields = line.split(None, 10)
                    if fields[1].endswith(port) and fields[3] == _LISTENS:
                        found.add(fields[9])
        except OSError:
            pass  # no Linux, or no IPv6
    return frozenset(found)

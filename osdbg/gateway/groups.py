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

"""All groups of a gateway: who names the same address is in one of them."""

from __future__ import annotations

from collections.abc import Iterator
import time

from osdbg import addresses
from osdbg.gateway import bounds
from osdbg.gateway.dialer import Dialer
from osdbg.gateway.group import Group
from osdbg.gateway.port import Port
from osdbg.gateway.prompt_port import PromptPort
from osdbg.gateway.worker import Worker

# For longer than a service takes to reload, and a client to be let in.
_KEEP_SECONDS = 30.0
# Addresses can be made up faster than time goes by.
_MAX_GROUPS = 2 * bounds.MAX_SERVED
# By what the debuggers of its workers speak.
_KINDS: dict[str, type[Group]] = {
    'dap': Port,
    'pdb': PromptPort,
    'pydevd': Dialer,
}

# The last one is the user: nobody is in a group with another's processes.
_Key = tuple[type[Group], str, str, int, tuple[str, ...], int]


class Groups:
    """The groups, by what their workers have in common."""

    def __init__(self) -> None:
        """Begin without any."""
        self._groups: dict[_Key, Group] = {}
        # Since when, by the monotonic clock.
        self._unused: dict[_Key, float] = {}

    def __iter__(self) -> Iterator[Group]:
        """Return all there are."""
        return iter(self._groups.values())

    def of(self, worker: Worker) -> Group:
        """Return the group of a worker, a new one if there is none."""
        # However loopback is spelled, it is one address.
        host = worker.host
        if addresses.is_loopback(host):
            host = 'loopback'
        kind: type[Group] = _KINDS[worker.protocol]
        if worker.dials:
            kind = Dialer
        key = (
            kind,
            worker.protocol,
            host,
            worker.port,
            worker.tls,
            worker.guard.uid,
        )
        self._unused.pop(key, None)
        if key not in self._groups:
            if len(self._groups) >= _MAX_GROUPS:
                self._make_room()
            self._groups[key] = kind(worker.host, worker.port)
        return self._groups[key]

    def forget(self, seconds: float = _KEEP_SECONDS) -> None:
        """Forget whom nobody uses any more; to be called now and then.

        Not at once: a client that one has just accepted is not in its sessions
        yet, and would wait there for nobody.

        :param seconds: how long they may have been unused
        """
        self._look()
        end = time.monotonic() - seconds
        for key, since in list(self._unused.items()):
            if since <= end:
                del self._groups[key], self._unused[key]

    def _look(self) -> None:
        now = time.monotonic()
        for key, group in self._groups.items():
            if group.is_used:
                self._unused.pop(key, None)
            else:
                self._unused.setdefault(key, now)

    def _make_room(self) -> None:
        """Forget the one that was unused for longest."""
        self._look()
        if self._unused:
            key = min(self._unused, key=self._unused.__getitem__)
            del self._groups[key], self._unused[key]

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

"""The workers that clients come to, through a public port."""

from __future__ import annotations

import abc

from osdbg.gateway.group import Group
from osdbg.gateway.listener import Listener
from osdbg.gateway.worker import Worker


class ListeningGroup(Group, abc.ABC):
    """A group whose port is open while any of its workers is."""

    _listener: Listener

    @property
    def public_number(self) -> int:
        """The port that clients use."""
        return self._listener.number

    @property
    def known(self) -> bool:
        """Whether it is known at which port it is reached, if at any."""
        return self._listener.is_settled

    @property
    def trouble(self) -> str:
        """What keeps the port closed; nothing if it is open, or not to be."""
        return self._listener.trouble

    def on_join(self, worker: Worker) -> None:
        """Open the port for the first process that is open."""
        if worker.opened:
            self._listener.open()
            self._listener.tell()
        else:
            worker.tell_port('')

    def open(self, worker: Worker, opened: bool) -> None:
        """Let clients come to a worker, or send them away."""
        super().open(worker, opened)
        if opened:
            self._listener.open()
            self._listener.tell()
        else:
            self.close_if_unused()

    def leave(self, worker: Worker) -> None:
        """Remove a process that has ended."""
        super().leave(worker)
        self._listener.forget()

    @abc.abstractmethod
    def close_if_unused(self) -> None:
        """Close the port if no worker is open."""

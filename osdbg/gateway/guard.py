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

"""Who may come to one worker, and what its log says of who does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import itertools
import logging
from typing import Any

from osdbg.gateway.peers import Peer
from osdbg.gateway import words

_ANSWER_SECONDS = 10.0
# What an audit hook says, with the name of its exception.
_MAX_REASON = 400
_OVER = 'the process has ended'

Client = dict[str, Any]
"""What is known of a client: see ``Peer.describe``."""


class Guard:
    """Stands before one worker."""

    def __init__(
        self,
        uid: int,
        allowed: list[Any],
        remote: bool,
        send: Callable[..., None],
    ) -> None:
        """Take who may come.

        :param uid: the user of the worker
        :param allowed: the numbers of other users
        :param remote: whether other hosts may connect
        :param send: sends the worker's agent a message
        :raises: TypeError if a user is no number
        """
        for number in allowed:
            if type(number) is not int:
                raise TypeError(f'a user is {number!r}')
        self.uid = uid
        self._users = frozenset((0, uid, *allowed))
        self._remote = remote
        self._send = send
        self._numbers = itertools.count()
        self._questions: dict[int, asyncio.Future[str]] = {}
        self._clients: list[Client] = []
        self.over = False
        """Whether its process has ended."""

    def admits(self, peer: Peer) -> bool:
        """Tell whether a client may come, as far as its user goes."""
        if peer.is_remote:
            return self._remote
        return peer.uid is not None and peer.uid in self._users

    async def ask(self, client: Client) -> str:
        """Ask the audit hooks of the service whether a client may attach.

        :returns: why not, or nothing
        """
        if self.over:
            return _OVER
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._questions[number] = future
        self._send(admit=[number, client])
        try:
            veto: str = await asyncio.wait_for(future, _ANSWER_SECONDS)
        except asyncio.TimeoutError:
            veto = (
                f'the service does not answer in {_ANSWER_SECONDS:.0f} s: '
                f'it is stopped, or stuck'
            )
        finally:
            del self._questions[number]
        if veto:
            self.log('refused', client, logging.WARNING, reason=veto)
        return veto

    def answered(self, number: Any, veto: Any) -> None:
        """Take the answer of the worker's agent."""
        future = self._questions.get(number) if type(number) is int else None
        if future is not None and not future.done():
            future.set_result(words.quote(str(veto), _MAX_REASON))

    def gone(self) -> None:
        """Note that the process has ended."""
        self.over = True
        for future in self._questions.values():
            if not future.done():
                future.set_result(_OVER)

    @property
    def client(self) -> Client:
        """Who is attached, if anybody is; of several at prompts, the last."""
        return self._clients[-1] if self._clients else {}

    def attached(self, client: Client) -> None:
        """Note that a client is attached, and no other any more."""
        self.detached()
        self.joined(client)

    def detached(self) -> None:
        """Note that nobody is attached any more."""
        while self._clients:
            self.left(self._clients[-1])

    def joined(self, client: Client) -> None:
        """Note that a client is at one prompt of the worker."""
        self._clients.append(client)
        self.log('attach', client)

    def left(self, client: Client) -> None:
        """Note that it is there no more, unless that is known."""
        if any(known is client for known in self._clients):
            self._clients = [c for c in self._clients if c is not client]
            self.log('detach', client)

    def log_of_client(self, event: str, level: int, **facts: Any) -> None:
        """Have an audit line written about whoever is attached."""
        self.log(event, self.client, level, **facts)

    def log(
        self,
        event: str,
        client: Client,
        level: int = logging.INFO,
        **facts: Any,
    ) -> None:
        """Have an audit line written in the service's log."""
        self._send(audit=[level, event, {**client, **facts}])

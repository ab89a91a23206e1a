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

"""The native thread of an agent, and its connection to the gateway.

It says hello and blocks in ``recv``; that is all it costs. If the gateway
dies, it looks for, or starts, another.
"""

from __future__ import annotations

import signal
from typing import Any, TYPE_CHECKING

from osdbg import exceptions
from osdbg.gateway.approach import Approach
from osdbg.gateway import protocol
from osdbg import greeting
from osdbg import waiting

if TYPE_CHECKING:
    from osdbg import agent as agent_

# By the number of failures in a row.
_RETRY_SECONDS = (0.5, 0.5, 1.0, 2.0, 5.0)
# Each is its own thread's, and faulthandler's there.
_FAULTS = {
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGSEGV,
}


class Contact:
    """Keeps one process in touch with the gateway of the moment."""

    def __init__(self, agent: agent_.Agent) -> None:
        """Prepare a thread; ``start`` starts it.

        :param agent: for whom it speaks, and who gets the orders
        """
        self._agent = agent
        self._gate = agent.debugger.gate
        self._approach = Approach(self._gate)
        self._channel: protocol.Channel | None = None
        # What has been told of the options.
        self._said: dict[str, Any] = {}
        self._renewing = False

    def start(self, delay: float = 0) -> None:
        """Start the thread.

        :param delay: seconds to wait before saying hello
        """
        waiting.start_new_thread(self._run, (delay,))

    def tell(self, **message: Any) -> None:
        """Send the gateway a message, if there is one."""
        channel = self._channel
        if channel is not None:
            channel.send(**message)

    def tell_of_door(self) -> None:
        """Have it noted, in the log as well, that it was opened or closed."""
        with self._agent.door.changing:
            self._tell_of_door(self._channel)

    def _tell_of_door(self, channel: protocol.Channel | None) -> None:
        if channel is None or self._renewing:
            return  # with the next hello
        news = self._agent.door.news()
        if news:
            channel.send(**news)

    def connect(self) -> Any:
        """Connect to the gateway once more.

        :raises: as ``protocol.connect()``
        """
        channel = self._channel
        return channel.connect() if channel else protocol.connect()

    def renew(self) -> None:
        """Say hello again, if the options have changed since it was said.

        Not over the head of a client: then it is done when that has left.
        """
        agent = self._agent
        with self._gate:
            if not self._channel or agent.debugger.backend:
                return
            if greeting.wishes(agent.settings) != self._said:
                self._renewing = True
                agent.progress.begin_again()
                self._channel.hang_up()

    def forget(self) -> None:
        """Drop what belongs to the parent of this forked child."""
        self._approach.forget()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _run(self, delay: float) -> None:
        failures = 0
        # Signals are the main thread's: one that is taken by another does not
        # wake it. What this thread starts (pydevd's) inherits the mask.
        signal.pthread_sigmask(
            signal.SIG_BLOCK, set(signal.valid_signals()) - _FAULTS
        )
        if delay:
            waiting.pause(delay)
        while True:
            failures += 1
            try:
                if self._serve() or self._renewing:
                    failures = 0
                elif failures > 1:
                    # Once may be a gateway that was just ending.
                    raise exceptions.GatewayUnavailable(
                        protocol.place(), 'whoever listens there hangs up'
                    )
            except exceptions.OsdbgError as exc:
                self._agent.complain(str(exc))
            except BaseException as exc:
                # Nothing may escape, and this thread has to live on.
                self._agent.complain(
                    f'osdbg failed: {exc!r}; it goes on trying'
                )
            if self._renewing:
                self._renewing = False
                continue
            waiting.pause(
                _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
            )

    def _serve(self) -> bool:
        """Have the orders of one gateway obeyed until it goes away.

        :returns: whether it has said anything
        """
        orders = self._agent.orders
        channel = self._approach.connect(self._greet)
        spoken = False
        try:
            while True:
                message = channel.receive()
                if message is None:
                    return spoken
                spoken = True
                orders.obey(channel, message)
        finally:
            with self._gate:
                channel.close()
                self._channel = None
                self._agent.progress.begin_again()
            orders.end()

    def _greet(self) -> protocol.Channel:
        agent = self._agent
        # In one go for whoever forks: a child must know the socket to close
        # it, and nothing may be sent over it before the hello.
        with self._gate:
            own = greeting.takes_rights(agent.settings)
            channel = protocol.Channel(protocol.connect(own, wait=False))
            self._said = greeting.wishes(agent.settings)
            with agent.door.changing:
                channel.send(hello=agent.hello())
                self._tell_of_door(channel)
                self._channel = channel
        return channel

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

"""How far the debugger of a process has come, for the threads that wait."""

from __future__ import annotations

from osdbg import exceptions
from osdbg.gateway import protocol
from osdbg import waiting


class Progress:
    """From the hello to a client that has attached."""

    def __init__(self) -> None:
        """Begin before the hello."""
        self._armed = waiting.Event()
        self._loaded = waiting.Event()
        self._ready = waiting.Event()
        self._trouble = ''
        self._failure = ''

    def be_armed(self, trouble: str) -> None:
        """Let go who waits to be told whether clients can connect.

        :param trouble: why not, if they cannot
        """
        self._trouble = trouble
        self._armed.set()

    def be_loaded(self, failure: str = '') -> None:
        """Let go who waits for the debugger.

        :param failure: why it could not be loaded
        """
        self._failure = failure
        self._loaded.set()

    def be_ready(self) -> None:
        """Let go who waits for a client."""
        self._ready.set()

    def begin_again(self) -> None:
        """Wait for the answer of another gateway, or to another hello."""
        if self.is_armed():
            self._armed = waiting.Event()

    def is_armed(self) -> bool:
        """Tell whether it is known whether clients can connect."""
        return self._armed.wait(0)

    def wait_armed(self, seconds: float) -> str:
        """Block until it is known whether clients can connect.

        :param seconds: how long at the most
        :returns: what keeps them from it, empty if nothing does
        """
        if self._armed.wait(seconds):
            return self._trouble
        return str(
            exceptions.GatewayUnavailable(
                protocol.place(), f'no answer in {seconds:g} s'
            )
        )

    def wait_loaded(self, seconds: float) -> str:
        """Block until the debugger is loaded, or is known not to be.

        :param seconds: how long at the most
        :returns: why it could not be; empty if it is, or is not ``wanted``
        """
        if self._loaded.wait(seconds):
            return self._failure
        return self._trouble or (
            f'the debugger has not been loaded in {seconds:g} s: look into '
            f'the log, or set [remote_debug] activate = on_attach'
        )

    def wait_ready(self, seconds: float) -> bool:
        """Block until a client has attached and set its breakpoints.

        :param seconds: how long at the most; 0 for ever
        :returns: False when the time is over; True if one has, or if this
            process is not ``wanted``
        """
        return self._ready.wait(seconds or -1)

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

"""Be heard of, in the place of threads that a debugger has stopped."""

from __future__ import annotations

from collections.abc import Callable
import os
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from osdbg import heartbeats


class Vigil:
    """What keeps others from giving up one process."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        """Begin with nothing to keep.

        :param complain: says in the log what is wrong
        """
        self._complain = complain
        # Services take that out of the environment once they have used it.
        self._environ = {
            name: os.environ[name]
            for name in ('NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID')
            if name in os.environ
        }
        self._heartbeats: heartbeats.Heartbeats | None = None

    def begin_again(self) -> None:
        """Forget connections, which are the parent's in a forked child."""
        self._heartbeats = None

    def beat(self, gate: Any) -> None:
        """Be heard of by systemd, and by who is at other ends of connections.

        :param gate: is held while that goes on: a child forked meanwhile would
            find a connection that is held up
        """
        # Nobody else pays for it.
        from osdbg import heartbeats
        from osdbg import watchdog

        if not gate.acquire(False):
            return
        try:
            watchdog.beat(self._environ)
            self._heartbeats = self._heartbeats or heartbeats.Heartbeats()
            self._heartbeats.beat()
        except Exception as exc:
            self._complain(
                f'[remote_debug] keep_heartbeats failed: {exc!r}; connections '
                f'may be lost while this process is stopped: please report it'
            )
        finally:
            gate.release()

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

"""The debugger of a process that calls for a client when a thread stops.

The others are loaded when a client comes, and unloaded when it has gone. This
one (pdb's prompt) is made at the first ``breakpoint()``, and stays.
"""

from __future__ import annotations

import types
from typing import Any, TYPE_CHECKING

from osdbg import backends
from osdbg import exceptions
from osdbg.gateway import protocol
from osdbg import greenlets
from osdbg import settings as settings_
from osdbg import waiting

if TYPE_CHECKING:
    from osdbg import agent as agent_

_ARM_SECONDS = 10.0


class Prompter:
    """Opens the prompts of one process."""

    def __init__(self, agent: agent_.Agent) -> None:
        """Make nothing yet.

        :param agent: the agent of the process
        """
        self._agent = agent
        self.backend: backends.Backend | None = None

    def break_here(self, frame: types.FrameType | None) -> bool:
        """Open a prompt in this thread.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        :returns: whether the backend is one that has prompts
        """
        backend = self.backend or self._make()
        if backend is None:
            return False
        self._agent.guard(backend, backend.break_here, frame)
        return True

    def _make(self) -> backends.Backend | None:
        settings = self._agent.settings
        abilities = backends.find(settings.backend).abilities
        if backends.Ability.PROMPT not in abilities:
            return None
        try:
            backend = backends.create(settings)
        except Exception as exc:
            self._agent.complain(f'the debugger could not be made ({exc!r})')
            return None
        backend.reach = self._reach
        backend.stops = self._agent.stops
        self.backend = backend
        return backend

    def _reach(self, where: str) -> Any:
        agent = self._agent
        # It may be the service's first line, or the gateway another one.
        seconds = agent.settings.prompt_timeout
        end = waiting.monotonic() + min(_ARM_SECONDS, seconds or _ARM_SECONDS)
        while not agent.progress.is_armed() and waiting.monotonic() < end:
            greenlets.nap()
        try:
            sock = agent.contact.connect()
        except OSError as exc:
            raise exceptions.GatewayUnavailable(
                protocol.place(), str(exc)
            ) from exc
        prompt = {'worker': agent.id, 'where': where, 'seconds': seconds}
        sock.sendall(protocol.encode({'prompt': prompt}))
        return sock

    def adopt(self, settings: settings_.Settings) -> None:
        """Take other options, which may name another backend.

        :param settings: those of the agent from now on
        """
        backend = self.backend
        if backend is None:
            return
        if type(backend) is backends.find(settings.backend):
            backend.settings = settings
        else:
            self.backend = None
            self._agent.guard(backend, backend.unload)

    def close(self) -> None:
        """End all prompts, and let go who waits for one."""
        backend = self.backend
        if backend is not None:
            self._agent.guard(backend, backend.unload)

    def after_fork(self) -> None:
        """Leave the prompts to the parent of this child."""
        backend, self.backend = self.backend, None
        if backend is not None:
            self._agent.guard(backend, backend.after_fork)

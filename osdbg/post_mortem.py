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

"""``break_on_exception``: stop at exceptions that the service would swallow.

In what becomes of RPC calls (``integrations/oslo_messaging.py``) and of green
threads (``deaths.py``), and only as long as a client is attached. What leaves
a WSGI application has an option of its own, in ``integrations/wsgi.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osdbg import deaths

if TYPE_CHECKING:
    from osdbg import agent as agent_


class PostMortem:
    """Shows the client of one process what was raised, and by whom."""

    def __init__(self, agent: agent_.Agent) -> None:
        """Watch nothing yet.

        :param agent: whose client, and whose options
        """
        self._agent = agent
        self._deaths = deaths.Watch(self.show)

    @property
    def wanted(self) -> bool:
        """Whether there is a client, and the options ask for it."""
        agent = self._agent
        return agent.attached and agent.settings.break_on_exception

    def renew(self) -> None:
        """Watch green threads exactly as long as it is wanted.

        To be called whenever that may have changed, or more of eventlet has
        been loaded.
        """
        self._deaths.renew(lambda: self.wanted)

    def after_fork(self) -> None:
        """Watch nothing in a forked child, until it has a client."""
        self._deaths.after_fork()

    def show(self, exc: BaseException) -> None:
        """Stop this thread where an exception was raised; never raise.

        :param exc: which has been caught, and goes on
        """
        agent = self._agent
        backend = agent.debugger.backend
        if backend is not None and self.wanted:
            agent.guard(backend, backend.break_on_exception, exc)

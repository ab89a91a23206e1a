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


"""A backend that notes what it is asked."""

from osdbg import agent
from osdbg import backends
from osdbg import settings


class NotingBackend(backends.Backend):
    """A debugger that stops nobody."""

    name = protocol = 'noting'
    abilities = frozenset()

    def __init__(self, fails=False):
        super().__init__(settings.Settings())
        self.asked = []
        self._fails = fails

    def _note(self, *asked):
        self.asked.append(asked)
        if self._fails:
            raise LookupError('the debugger has failed')

    def require(self):
        pass

    def break_here(self, frame):
        self._note('break', frame)

    def break_on_exception(self, exc):
        self._note('exception', exc)

    def trace_this_thread(self, served=None):
        self._note('trace', served)

    def spare_this_thread(self):
        self._note('spare')


def attached(backend):
    """Return an agent to which a client is attached."""
    found = agent.Agent(settings.Settings({'port': 5678}))
    found.debugger.backend = backend
    found.debugger.attached = True
    return found

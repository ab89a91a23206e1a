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

"""What is run for a request: debuggers know for which, and where it fails."""

from __future__ import annotations

from typing import Any

from osdbg import activities
from osdbg import chosen
from osdbg import harmless


class Serving:
    """Some code of the service, while a client is attached.

    It may be entered many times, one after the other: a body is sent in parts.
    """

    def __init__(
        self,
        agent: Any,
        activity: activities.Activity,
        on_exception: bool,
        alone: bool = True,
    ) -> None:
        """Prepare.

        :param agent: of this process
        :param activity: the request
        :param on_exception: whether to stop where an exception was raised
            that leaves it
        :param alone: whether this thread, or green thread, serves no other
            meanwhile, as one that runs tasks does
        """
        self._agent = agent
        self._activity = activity
        self._on_exception = on_exception
        self._alone = alone
        self._token: Any = None

    def __enter__(self) -> None:
        # Of another request, if this thread has served any.
        self._activity.stale = chosen.context()
        self._token = activities.current.set(self._activity)
        harmless.call(self._trace, self._activity)

    def _trace(self, activity: activities.Activity) -> None:
        """Trace this thread, unless what it serves can stop nowhere."""
        debugger = self._agent.debugger
        if not chosen.is_on():
            debugger.trace_this_thread()
            return
        if chosen.is_out(activity):
            debugger.spare_this_thread()
            if chosen.is_out(activity):
                return
            # Meanwhile the client has chosen others.
        debugger.trace_this_thread(activity)

    def __exit__(self, kind: Any, exc: Any, traceback: Any) -> None:
        if self._on_exception and isinstance(exc, Exception):
            if not isinstance(exc, (StopIteration, StopAsyncIteration)):
                harmless.call(self._agent.debugger.break_on_exception, exc)
        if self._alone and chosen.is_on():
            # It would stop the next one that is served here.
            harmless.call(self._agent.debugger.end_step)
        self._activity.stale = None
        try:
            activities.current.reset(self._token)
        except ValueError:
            return  # in another context, which has none: a task is thrown away
        outer = activities.current.get()
        if outer is not None and chosen.is_on():
            harmless.call(self._trace, outer)

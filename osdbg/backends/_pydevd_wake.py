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

"""A thread that is told to go on does so at once.

pydevd tells it by an event, but takes that of any thread it knows, by the luck
of a set (``_update_stepping_info`` loses its argument in a loop; seen in
debugpy 1.8.22 and pydevd 3.5). The right one then wakes up when a fifth of a
second is over, at every step.
"""

from __future__ import annotations

from typing import Any, ClassVar

from osdbg import waiting


class _Session:
    """The session of this process; there is one at a time."""

    events: ClassVar[dict[int, Any]] = {}
    """What each thread that is stopped waits for, by its identifier."""


def apply(pydevd: Any) -> None:
    """Have the event set of each thread that is stopped.

    :param pydevd: the module, just imported
    """
    if not hasattr(pydevd.PyDB, 'get_internal_queue_and_event'):
        return  # PyCharm's looks a hundred times a second
    suspend = pydevd.PyDB.do_wait_suspend

    def do_wait_suspend(
        py_db: Any, thread: Any, frame: Any, *args: Any, **kwargs: Any
    ) -> None:
        thread_id = pydevd.get_current_thread_id(thread)
        _, event = py_db.get_internal_queue_and_event(thread_id)
        ident = waiting.get_ident()
        _Session.events[ident] = event
        try:
            suspend(py_db, thread, frame, *args, **kwargs)
        finally:
            _Session.events.pop(ident, None)

    pydevd.PyDB.do_wait_suspend = do_wait_suspend
    resume = pydevd.PyDevdAPI.request_resume_thread

    def request_resume_thread(api: Any, *args: Any, **kwargs: Any) -> None:
        resume(api, *args, **kwargs)
        all_stopped()

    pydevd.PyDevdAPI.request_resume_thread = request_resume_thread


def all_stopped() -> None:
    """Have each thread that is stopped look whether it may go on."""
    for event in list(_Session.events.values()):
        event.set()


def this_one() -> None:
    """Have this thread look so, once it has done what it was told."""
    event = _Session.events.get(waiting.get_ident())
    if event is not None:
        event.set()

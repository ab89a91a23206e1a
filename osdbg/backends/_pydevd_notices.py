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

"""When a stop is over: pydevd says so for one that has just begun.

It stops all threads at a breakpoint, and tells the client once that they have
stopped and once that they go on: when the first of them does, whichever stop
that one was in (``on_thread_resume`` compares numbers only; seen in debugpy
1.8.22). A thread that was slow to stop, or to go on, so ended the next stop of
a breakpoint in a loop: an IDE showed as running what was stopped, and got no
answer when it was told to go on.
"""

from __future__ import annotations

from typing import Any


class _Session:
    """The session of this process; there is one at a time."""

    told_by: str | None = None
    """The thread whose stop the client was told of last."""


def begin() -> None:
    """Begin a session, in which nothing was told."""
    _Session.told_by = None


def apply(pydevd: Any) -> None:
    """Have a stop be over when the thread may go on that it was told of.

    :param pydevd: the module, just imported
    """
    behavior = pydevd.ThreadsSuspendedSingleNotification
    tell = behavior.send_suspend_notification
    on_resume = behavior.on_thread_resume

    def send_suspend_notification(
        notices: Any, thread_id: str, *args: Any, **kwargs: Any
    ) -> None:
        if notices._callbacks:
            # The last stop is over; its thread has still to say so.
            notices.send_resume_notification(_Session.told_by or thread_id)
        _Session.told_by = thread_id
        tell(notices, thread_id, *args, **kwargs)

    def on_thread_resume(
        notices: Any, thread_id: str, *args: Any, **kwargs: Any
    ) -> None:
        stopped = notices._suspended_thread_id_to_thread
        told = stopped.get(_Session.told_by)
        info = getattr(told, 'additional_info', None)
        # It may be busy for a while, with what was to be evaluated in it.
        may_go_on = info is not None and info.pydev_state == pydevd.STATE_RUN
        if thread_id == _Session.told_by or may_go_on:
            on_resume(notices, thread_id, *args, **kwargs)
        else:
            with notices._lock:
                stopped.pop(thread_id, None)

    behavior.send_suspend_notification = send_suspend_notification
    behavior.on_thread_resume = on_thread_resume

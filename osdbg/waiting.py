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

"""Wait in a native thread, and in no hub, whatever is patched and when."""

from __future__ import annotations

from typing import Any

from osdbg import patching

_thread: Any = patching.native('_thread')
allocate_lock: Any = _thread.allocate_lock
get_ident: Any = _thread.get_ident
get_native_id: Any = _thread.get_native_id
start_new_thread: Any = _thread.start_new_thread
monotonic: Any = patching.native('time').monotonic


def pause(seconds: float) -> None:
    """Block this thread for some seconds."""
    lock = allocate_lock()
    lock.acquire()
    lock.acquire(True, seconds)


class Event:
    """Something that happens once."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let go whoever waits, now and later."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it was set already, or is at this moment

    def wait(self, seconds: float) -> bool:
        """Block this thread until the event is set.

        :param seconds: how long at the most; -1 for ever
        :returns: whether it is set
        """
        if not self._lock.acquire(True, seconds):
            return False
        self.set()
        return True

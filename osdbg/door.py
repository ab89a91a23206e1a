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

"""Whether clients may come to this process, and until when."""

from __future__ import annotations

from osdbg import settings as settings_
from osdbg import waiting


class Door:
    """Open or closed; a forked child starts as its parent was."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Begin as the options say."""
        self._end: float | None = None
        self._open = False
        self.begin(settings)

    def begin(self, settings: settings_.Settings) -> None:
        """Be as the options say."""
        self.set(settings.activate != 'on_demand', settings.open_seconds)

    def set(self, opened: bool, seconds: float) -> None:
        """Open or close it.

        :param seconds: how long it stays open; 0 for ever
        """
        limited = opened and seconds
        self._end = waiting.monotonic() + seconds if limited else None
        self._open = opened

    @property
    def opened(self) -> bool:
        """Whether clients may come."""
        return self._open and self.left != 0

    @property
    def left(self) -> float | None:
        """How many seconds it stays open; None for ever."""
        if self._end is None:
            return None
        left: float = self._end - waiting.monotonic()
        return max(left, 0)

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

from typing import Any

from osdbg import settings as settings_
from osdbg import waiting


class Door:
    """Open or closed; a forked child starts as its parent was."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Begin as the options say."""
        self._end: float | None = None
        self._open = False
        self._begin(settings)
        self.begin_again()

    def begin_again(self) -> None:
        """Forget what was the parent's, in a forked child."""
        # Held while it is opened or closed, and while that is said.
        self.changing = waiting.allocate_lock()
        self._changed = False

    def adopt(self, settings: settings_.Settings) -> None:
        """Begin as other options say, if they say something else of it."""
        if (settings.activate, settings.open_seconds) != self._wishes:
            self._begin(settings)

    def _begin(self, settings: settings_.Settings) -> None:
        self._wishes = settings.activate, settings.open_seconds
        self.set(settings.activate != 'on_demand', settings.open_seconds)

    def switch(self, opened: bool, seconds: float | None) -> None:
        """Open or close it, and have news of that.

        :param seconds: as for ``set()``; None as the options say, if it was
            not so already
        """
        with self.changing:
            if seconds is None:
                if opened == self.opened:
                    return
                _activate, seconds = self._wishes
            self.set(opened, seconds)
            self._changed = True

    def set(self, opened: bool, seconds: float) -> None:
        """Be open or closed.

        :param seconds: how long it stays open; 0 for ever
        """
        limited = opened and seconds
        self._end = waiting.monotonic() + seconds if limited else None
        self._open = opened

    def news(self) -> dict[str, Any]:
        """Return what the gateway has to be told of it, and has not been."""
        changed, self._changed = self._changed, False
        return {'open': self.opened, 'left': self.left} if changed else {}

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

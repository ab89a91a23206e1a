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

"""What of others has ours in its place, for a while."""

from __future__ import annotations

from typing import Any


class Replaced:
    """Attributes of modules and classes; do and undo."""

    def __init__(self) -> None:
        """Begin with none."""
        self._all: list[tuple[Any, str, Any, Any]] = []

    def __contains__(self, place: tuple[Any, str]) -> bool:
        """Tell whether an attribute has ours in its place."""
        return any(place == each[:2] for each in self._all)

    def put(self, owner: Any, name: str, replacement: Any) -> None:
        """Put something in the place of an attribute.

        :param owner: the module or class
        :param name: of the attribute, which it has itself
        :param replacement: what to put there
        """
        original = vars(owner)[name]
        # First, for a child that is forked in between.
        self._all.append((owner, name, original, replacement))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put back every original, unless somebody else has replaced ours."""
        while self._all:
            owner, name, original, replacement = self._all.pop()
            if vars(owner).get(name) is replacement:
                setattr(owner, name, original)

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

"""Text that others have sent, before it is shown to anybody."""

from __future__ import annotations

MAX_QUOTE = 80
"""How much is shown of what somebody has sent, in characters."""


def quote(text: str, most: int = MAX_QUOTE) -> str:
    """Return what may be shown: one short line without control characters.

    :param text: what somebody has sent
    :param most: how many characters of it, at the most
    """
    if len(text) > most:
        text = f'{text[: most - 3]}...'
    return ''.join(c if c.isprintable() else '?' for c in text)

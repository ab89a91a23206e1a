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

"""The JSON that the gateway takes, and gives.

What is taken is bounded in what it grows to, and can be written again: Python
reads numbers that no other language does, and nests as deep as its stack,
which differs from version to version.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100
"""How deep a message may be nested; debuggers go to ten."""

# Of digits: 64 bits have 20, and the shortest form of a float 24 characters.
_MAX_NUMBER = 32


def decode(data: bytes, most: int) -> dict[str, Any]:
    """Return the object that is written in some bytes.

    :param data: JSON, in UTF-8
    :param most: how many values there may be in it, at the most: some take
        forty times as much memory as the bytes that they are written in
    :raises: ValueError if it is something else
    """
    opened = data.count(b'{') + data.count(b'[')
    if opened + data.count(b',') > most:  # or fewer: some may be in texts
        raise ValueError(f'it has more than {most} values')
    try:
        message = json.loads(
            data.decode(),
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_refuse,
        )
    except RecursionError:
        raise ValueError('nested too deeply') from None
    if not isinstance(message, dict):
        raise ValueError('not a JSON object')
    if opened > MAX_DEPTH and _is_deep(message):
        raise ValueError('nested too deeply')
    return message


def encode(message: dict[str, Any]) -> bytes:
    """Return an object as JSON, in ASCII and one line."""
    return json.dumps(message, separators=(',', ':'), allow_nan=False).encode()


def _whole(text: str) -> int:
    # int() of a million digits takes seconds, where it is not refused.
    if len(text) > _MAX_NUMBER:
        raise ValueError(f'a number of {len(text)} digits')
    return int(text)


def _decimal(text: str) -> float:
    number = float(text)
    if len(text) > _MAX_NUMBER or math.isinf(number):
        raise ValueError(f'{text[:_MAX_NUMBER]} is no number for JSON')
    return number


def _refuse(text: str) -> None:
    raise ValueError(f'{text} is no number for JSON')


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (
                parent.values() if isinstance(parent, dict) else parent
            )
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True

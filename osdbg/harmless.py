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

"""What osdbg does in threads of the service must not fail them."""

from __future__ import annotations

from collections.abc import Callable
import functools
import logging
from typing import Any

from osdbg import journal

_MOST_LINES = 100
_said: set[str] = set()


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Call something of ours; what it raises is one line in the log, once.

    :param function: is called with ``args``
    :returns: what it returns, or None
    """
    try:
        return function(*args)
    except Exception as exc:
        _say(_line(exc, function))
        return None


def _line(exc: Exception, function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    try:
        return f'{exc!r} in {function.__module__}.{function.__qualname__}'
    except Exception:
        return f'{type(exc).__name__} in {type(function).__name__}'


def _say(line: str) -> None:
    # What has a number in it would be another line each time.
    if line not in _said and len(_said) < _MOST_LINES:
        _said.add(line)
        journal.write(
            logging.WARNING,
            'osdbg failed (%s); the service goes on: please report it',
            line,
        )

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

"""What the threads of a process are at; asking must not end the process.

Python 3.11 makes the frames that it is asked for while it holds a lock which
every thread takes to begin and to end. If garbage is collected meanwhile, and
a finalizer lets such a thread run, all stand still for ever: a service under
load did, in two of three runs of three minutes in which a client came and
went. It will not be mended there (github.com/python/cpython/issues/106883);
other versions collect no garbage at that place.
"""

from __future__ import annotations

from collections.abc import Callable
import gc
import operator
import sys
import types
from typing import Any

from osdbg import waiting

_own = sys._current_frames
_safe = sys.version_info[:2] != (3, 11)


def current() -> dict[int, types.FrameType]:
    """Return the frame of each native thread, by its number."""
    found = _own() if _safe or not gc.isenabled() else _ask_safely()
    # As if the caller had asked by itself.
    found[waiting.get_ident()] = sys._getframe(1)
    return found


def _ask_safely() -> Any:
    try:
        # In C from end to end, so that no other thread runs meanwhile.
        steps: Any = gc.disable, _own, gc.enable
        _, found, _ = map(operator.call, steps)
        return found
    except BaseException:
        gc.enable()
        raise


def protect() -> Callable[[], None]:
    """Have all others, such as pydevd, ask that way, too.

    :returns: what ends it
    """
    before = sys._current_frames

    def end() -> None:
        if sys._current_frames is current:
            sys._current_frames = before

    if not _safe:
        sys._current_frames = current
    return end

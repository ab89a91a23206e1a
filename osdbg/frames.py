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
went. It is mended in 3.11.12 (github.com/python/cpython/issues/106883); other
versions collect no garbage at that place.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import functools
import gc
import itertools
import operator
import sys
import types
from typing import Any

from osdbg import waiting

_own = sys._current_frames
_safe = not (3, 11) <= sys.version_info < (3, 11, 12)
# Others make no objects of frames, or collect garbage between instructions.
_calm = sys.version_info[:2] != (3, 11)

Place = tuple[types.CodeType, int, int]
"""The code of a frame, its instruction, and its line."""
_PLACE = operator.attrgetter('f_code', 'f_lasti', 'f_lineno')


def current() -> dict[int, types.FrameType]:
    """Return the frame of each native thread, by its number."""
    found = _own() if _safe else _calmly(_own)
    # As if the caller had asked by itself.
    caller = sys._getframe().f_back
    if caller is None:  # it was asked from C
        found.pop(waiting.get_ident(), None)
    else:
        found[waiting.get_ident()] = caller
    return found


def others() -> dict[int, types.FrameType]:
    """Return the frame of each native thread but this one, by its number.

    A frame that has itself among its variables stays until garbage is
    collected, and keeps what else it has.
    """
    found = current()
    del found[waiting.get_ident()]
    return found


def others_one_by_one() -> Iterator[types.FrameType]:
    """Return the frames of ``others()``, and keep none of them."""
    found = others()
    while found:
        yield found.popitem()[1]


def stack(
    top: types.FrameType, most: int = sys.maxsize
) -> list[tuple[types.FrameType, Place]]:
    """Return the frames of another thread, and where each is at this moment.

    In one call into C, so that the thread does not go on meanwhile: Python
    3.11 makes an object of each frame then, may collect garbage for that, and
    uses the frame afterwards, which may have ended. It crashed.

    :param top: the innermost, which comes first
    :param most: how many
    """
    here, there = itertools.tee(
        itertools.takewhile(
            operator.truth,
            itertools.accumulate(
                itertools.repeat('f_back', most - 1), getattr, initial=top
            ),
        )
    )
    take: Any = functools.partial(list, zip(here, map(_PLACE, there)))
    found: list[tuple[types.FrameType, Place]] = (
        take() if _calm else _calmly(take)
    )
    return found


def variables(frame: types.FrameType) -> Any:
    """Return the variables of a frame of another thread, as ``stack()`` does.

    Up to Python 3.12 they stay with it until it ends: not for a function that
    goes on with others.
    """
    return attribute(frame, 'f_locals')


def attribute(owner: Any, name: str) -> Any:
    """Return an attribute that Python 3.11 makes an object for, as a frame is.

    :param owner: a frame, or a generator or coroutine, which may end meanwhile
    :param name: of the attribute
    """
    ask = functools.partial(getattr, owner, name)
    return ask() if _calm else _calmly(ask)


def _calmly(step: Callable[[], Any]) -> Any:
    """Call a function in C while no garbage is collected.

    All of it is done in C, so that no other thread runs meanwhile, forks, or
    has a wish about garbage. Only an audit hook in Python could let it.
    """
    was: list[bool] = []
    back: Any = map({True: gc.enable, False: bool}.get, was)
    steps: Any = (
        functools.partial(was.extend, map(operator.call, (gc.isenabled,))),
        gc.disable,
        step,
        functools.partial(next, map(operator.call, back)),
    )
    try:
        _, _, found, _ = map(operator.call, steps)
    except BaseException:  # an audit hook may raise any
        if was == [True]:
            gc.enable()
        raise
    return found


def protect() -> Callable[[], None]:
    """Have all others, such as pydevd, ask that way, too.

    :returns: what ends it
    """
    before = sys._current_frames
    if before is current:  # the parent of this process was in the midst of it
        before = _own

    def end() -> None:
        if sys._current_frames is current:
            sys._current_frames = before

    if not _safe:
        sys._current_frames = current
    return end


def replace(module: types.ModuleType, name: str) -> None:
    """Have a module ask that way that has kept how to ask.

    :param name: what it calls it, if it does
    """
    if not _safe and vars(module).get(name) is _own:
        setattr(module, name, current)

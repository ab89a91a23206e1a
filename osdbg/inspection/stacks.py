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

"""The stacks of all threads and green threads, and what each waits for.

The service runs on meanwhile: two stacks are those of two moments, and a
thread that runs may go on while its own is taken. Green threads that are
parked are where they are.
"""

from __future__ import annotations

import itertools
import sys
import types
from typing import Any

from osdbg import calls
from osdbg import frames
from osdbg import greenlets as greenlets_
from osdbg.inspection import thread_names
from osdbg.inspection import waits
from osdbg import settings as settings_
from osdbg import waiting

MOST_GREENLETS = 10_000
MOST_FRAMES = 100
# Of all together. From Python 3.11 on an object is made of each, of a hundred
# bytes, that stays until its function returns.
_MOST_FRAMES_IN_ALL = 300_000

_DEBUGGERS = ('pydevd', '_pydev')
# Those that call what a thread, or green thread, was started for.
_STARTERS = frozenset(
    (
        'concurrent.futures.thread',
        'eventlet.green.thread',
        'eventlet.greenpool',
        'eventlet.greenthread',
        'threading',
    )
)

_Chain = list[tuple[types.FrameType, frames.Place]]


def look(
    settings: settings_.Settings,
    greenlets: int = MOST_GREENLETS,
    depth: int = MOST_FRAMES,
) -> dict[str, Any]:
    """Take the stacks of this process.

    :param settings: the options of this process
    :param greenlets: how many green threads at the most
    :param depth: how many frames of each at the most, the innermost
    :returns: ``frames``, each a file, a line, a function, an instruction, and
        its columns or None; ``stacks``, each a list of numbers of frames,
        with the most recent call last; ``threads`` and ``greenlets``, each
        with the number of its ``stack``, whether that was ``cut``, at which
        of its frames the program is entered, and what it ``waits`` for or
        None; ``left_out``, how many green threads are missing
    """
    return take(None, greenlets, depth)


def take(
    here: types.FrameType | None,
    greenlets: int = MOST_GREENLETS,
    depth: int = MOST_FRAMES,
) -> dict[str, Any]:
    """Do as ``look()`` in a thread of the service.

    :param here: where that is; None if this is osdbg's own thread
    """
    taking = _Taking(depth)
    taking.take_threads(here)
    taking.take_greenlets(greenlets)
    return taking.told


class _Taking:
    """One look at all of them."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._left = _MOST_FRAMES_IN_ALL
        self._frames = _Frames()
        self._threads = thread_names.known()
        self._names: dict[int, str] = {}
        # Not a method of this, which would be a circle.
        self._waits = waits.Waits(self._names)
        # The native thread of each main greenlet, as far as is known.
        self._homes: dict[int, int] = {}
        self.told: dict[str, Any] = {
            'python': sys.version.partition(' ')[0],
            'frames': self._frames.frames,
            'stacks': self._frames.stacks,
            'threads': [],
            'greenlets': [],
            'left_out': 0,
        }

    def take_threads(self, here: types.FrameType | None) -> None:
        """Take all native ones.

        :param here: where this one is, if it is the service's
        """
        found = frames.others()
        self._names.update(thread_names.names(self._threads, found.keys()))
        for ident in list(found):
            self._take_thread(ident, self._chain(found.pop(ident)))
        own = waiting.get_ident()
        if here is None:
            self._threads[own] = thread_names.own()
        self._take_thread(own, [] if here is None else self._chain(here))
        self.told['threads'].sort(key=_rank)

    def _take_thread(self, ident: int, chain: _Chain) -> None:
        stack = self._take(chain)
        hub = thread_names.hub_of([frame for frame, _ in chain])
        if hub is not None:
            self._homes[id(greenlets_.main_of(hub))] = ident
        told = thread_names.describe(ident, self._threads.get(ident, {}))
        module = self._entry_module(stack) if chain else 'osdbg.'
        if module.startswith('osdbg.'):
            told['owner'] = 'osdbg'
        elif module.startswith(_DEBUGGERS):
            told['owner'] = 'pydevd'
        self.told['threads'].append({**told, 'hub': hub is not None, **stack})

    def _entry_module(self, stack: dict[str, Any]) -> str:
        place: int = stack['entry']
        return self._frames.modules[self._frames.stacks[stack['stack']][place]]

    def take_greenlets(self, most: int) -> None:
        """Take all that are parked.

        :param most: how many
        """
        for reference in greenlets_.everyone():
            greenlet = reference()
            top = (
                greenlets_.parked_at(greenlet)
                if greenlet is not None
                else None
            )
            if top is None:
                continue
            if len(self.told['greenlets']) >= most or self._left <= 0:
                self.told['left_out'] += 1
                continue
            self._take_greenlet(greenlet, top)
        self._find_homes()

    def _take_greenlet(self, greenlet: Any, top: types.FrameType) -> None:
        stack = self._take(self._chain(top))
        main = greenlets_.main_of(greenlet)
        outermost = self._frames.stacks[stack['stack']][0]
        if greenlet is main:
            kind = 'main'
        elif self._frames.modules[outermost].startswith('eventlet.hubs.'):
            kind = 'hub'
        else:
            kind = type.__dict__['__name__'].__get__(type(greenlet))
        known = self._threads.get(id(greenlet), {})
        self.told['greenlets'].append(
            {
                'id': id(greenlet),
                'kind': kind,
                'name': known.get('name'),
                'thread': id(main),
                **stack,
            }
        )

    def _find_homes(self) -> None:
        """Say of each green thread which native one it is of, or None."""
        found = self.told['greenlets']
        mains = {each['thread'] for each in found}
        main = next((t for t in self.told['threads'] if t['main']), None)
        if len(mains) == 1 and not self._homes and main is not None:
            # Whatever it runs just now, it is not the hub.
            self._homes = dict.fromkeys(mains, main['ident'])
        for each in found:
            each['thread'] = self._homes.get(each['thread'])

    def _chain(self, top: types.FrameType) -> _Chain:
        return frames.stack(top, self._depth + 1)

    def _take(self, chain: _Chain) -> dict[str, Any]:
        """Take one stack, from the innermost frame on."""
        shown = chain[: self._depth]
        numbers = [self._frames.number(*each) for each in reversed(shown)]
        self._left -= len(numbers)
        return {
            'stack': self._frames.stack(numbers),
            'cut': len(chain) > self._depth,
            'entry': self._frames.entry(numbers),
            'waits': self._waits.describe([frame for frame, _ in chain]),
        }


class _Frames:
    """Frames and stacks, each told once however many are at it."""

    def __init__(self) -> None:
        self.frames: list[list[Any]] = []
        self.modules: list[str] = []
        self.stacks: list[list[int]] = []
        self._frame_numbers: dict[tuple[int, int], int] = {}
        self._stack_numbers: dict[tuple[int, ...], int] = {}
        # As long as they are here, no other has their place in memory.
        self._codes: list[types.CodeType] = []

    def number(self, frame: types.FrameType, place: frames.Place) -> int:
        """Return the number of a frame, by where it was."""
        code, instruction, line = place
        key = id(code), instruction
        number = self._frame_numbers.get(key)
        if number is None:
            number = self._frame_numbers[key] = len(self.frames)
            self._codes.append(code)
            self.modules.append(calls.module_of(frame))
            self.frames.append(
                [
                    code.co_filename,
                    line,
                    code.co_name,
                    instruction,
                    _columns(code, instruction),
                ]
            )
        return number

    def stack(self, numbers: list[int]) -> int:
        """Return the number of a stack.

        :param numbers: of its frames
        """
        number = self._stack_numbers.setdefault(
            tuple(numbers), len(self.stacks)
        )
        if number == len(self.stacks):
            self.stacks.append(numbers)
        return number

    def entry(self, numbers: list[int]) -> int:
        """Return which frame of a stack a thread was started for.

        :param numbers: those of its frames
        """
        for place, number in enumerate(numbers):
            if self.modules[number] not in _STARTERS:
                return place
        return 0


def _rank(thread: dict[str, Any]) -> tuple[bool, int]:
    return not thread['main'], thread['native_id'] or 0


def _columns(code: types.CodeType, instruction: int) -> list[int] | None:
    """Return where in its line an instruction begins and ends, in bytes."""
    ask = getattr(code, 'co_positions', None)  # from Python 3.11 on
    if ask is None or instruction < 0:
        return None
    found = next(itertools.islice(ask(), instruction // 2, None), None)
    if found is None or None in found or found[0] != found[1]:
        return None
    return [found[2], found[3]]

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

"""Green threads and tasks that are parked, each with its stack and a name.

Those that serve a request come first, then what else is the service's own,
and last what only waits inside of eventlet. All is found by ``gc``, nothing of
the service is run, and nothing is kept that would keep one of them alive.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextvars
import functools
import gc
import itertools
import operator
import os
import sys
import types
from typing import Any
import weakref

from osdbg import activities
from osdbg import activity_search
from osdbg import calls
from osdbg import frames
from osdbg import greenlets
from osdbg import objects

MOST = 500
"""How many are told of; a service may have ten thousand."""

_MOST_FRAMES = 100
# Whose frames are nobody's work of a service.
_PLUMBING = frozenset(
    'amqp asyncio concurrent contextlib cotyledon eventlet futurist gevent '
    'greenlet kombu logging oslo_concurrency oslo_messaging oslo_service '
    'osdbg queue selectors socket socketserver ssl threading'.split()
)
# What calls the function that a green thread was started for.
_STARTERS = frozenset(
    ('eventlet.green.thread', 'eventlet.greenpool', 'eventlet.greenthread')
)
_REQUEST, _OWN, _LIBRARY, _EVENTLET = range(4)


class Parked:
    """One that is parked."""

    def __init__(
        self, owner: Any, kind: str, chain: list[types.FrameType], rank: int
    ) -> None:
        """Take what was found.

        :param owner: the greenlet, or task
        :param kind: ``greenlet`` or ``task``
        :param chain: its frames, the innermost first
        :param rank: the less, the sooner it is told of
        """
        self.reference = weakref.ref(owner)
        self.kind = kind
        self.rank = rank
        self.main = id(greenlets.main_of(owner)) if kind == 'greenlet' else 0
        self.title = _title(owner, kind, chain, rank)

    def chain(self) -> list[types.FrameType]:
        """Return its frames, the innermost first; none if it has gone on."""
        owner = self.reference()
        if owner is None:
            return []
        if self.kind == 'task':
            return _awaited(owner)
        top = greenlets.parked_at(owner)
        return [] if top is None else _frames(top)


def find(most: int = MOST) -> list[Parked]:
    """Return who is parked, those that matter most first.

    :param most: how many
    """
    ranks = _Ranks()
    found: list[tuple[int, int, Any, str, list[types.FrameType]]] = []
    for count, (owner, kind, chain) in enumerate(_everyone()):
        found.append((ranks.of(chain), count, owner, kind, chain))
    found.sort(key=lambda each: each[:2])
    return [
        Parked(owner, kind, chain, rank)
        for rank, _, owner, kind, chain in found[:most]
    ]


def tasks_run_here() -> bool:
    """Tell whether it is tasks that share this native thread."""
    ask = getattr(sys.modules.get('_asyncio'), '_get_running_loop', None)
    # eventlet has a hub that is a loop.
    return ask is not None and ask() is not None and greenlets.hub() is None


def serving() -> Iterator[tuple[Any, activities.Activity]]:
    """Return who is parked in a request, or was begun by one, and by which."""
    ranks = _Ranks()
    for owner, kind, chain in _everyone():
        found = (
            activity_search.of(chain) if ranks.of(chain) == _REQUEST else None
        )
        if found is None:
            context = _context_of(owner, kind)
            found = (
                None if context is None else context.get(activities.current)
            )
        if found is not None:
            yield owner, found


def _context_of(owner: Any, kind: str) -> contextvars.Context | None:
    if kind == 'greenlet':
        return greenlets.context_of(owner)
    # Before Python 3.12 tasks do not tell.
    for each in gc.get_referents(owner):
        if type(each) is contextvars.Context:
            return each
    return None


def running_frames() -> Iterator[types.FrameType]:
    """Return the innermost frame of all that is parked or runs, one by one.

    None is to be kept: what ends meanwhile would be let go of by whoever
    looks, in that thread.
    """
    for each in objects.referred(greenlets.everyone()):
        frame = greenlets.parked_at(each)
        if frame is not None:
            yield frame
        elif greenlets.runs(each):
            # At once: it may be parked again when all have been seen.
            yield from frames.others_one_by_one()
        del each, frame
    yield from frames.others_one_by_one()


def suspended_frames() -> Iterator[types.FrameType]:
    """Return the frames of generators and coroutines, one by one.

    While Python closes one that nobody needs any more, it forgets weak
    references that are made, and frees it all the same (``gen_dealloc()`` in
    genobject.c): it crashed. Then it runs, or has never begun. Only
    asynchronous ones wait meanwhile; those may be let go of in any thread.
    """
    for kind, short in _SUSPENDED.items():
        wait = functools.partial(_suspended, short)
        found = objects.referred(objects.instances(kind, wait))
        yield from _frames_of(found, f'{short}_frame')
    held = objects.instances(types.AsyncGeneratorType, iter)
    pops = map(list.pop, itertools.repeat(held, len(held)))
    yield from _frames_of(pops, 'ag_frame')


_SUSPENDED = {types.GeneratorType: 'gi', types.CoroutineType: 'cr'}


def _suspended(short: str, found: Iterator[Any]) -> Iterator[Any]:
    """Return references to those that wait, in C."""
    if sys.version_info >= (3, 11):
        ask = operator.attrgetter(f'{short}_suspended')
        return objects.weakly(filter(ask, found))
    left = filter(operator.attrgetter(f'{short}_frame'), found)
    wait = itertools.filterfalse(operator.attrgetter(f'{short}_running'), left)
    here, there = itertools.tee(wait)
    at = map(operator.attrgetter(f'{short}_frame.f_lasti'), there)
    return objects.weakly(itertools.compress(here, map((-1).__lt__, at)))


def _frames_of(owners: Iterator[Any], name: str) -> Iterator[types.FrameType]:
    for each in owners:
        frame = frames.attribute(each, name)
        del each
        if frame is not None:
            yield frame
        del frame


def _everyone() -> Iterator[tuple[Any, str, list[types.FrameType]]]:
    """Return all who are parked: the greenlet or task, and its frames."""
    tasks = getattr(sys.modules.get('_asyncio'), 'Task', None)
    kinds = greenlets.kinds() + ([] if tasks is None else [tasks])
    for each in objects.referred(objects.all_instances(kinds)):
        if tasks is not None and issubclass(type(each), tasks):
            kind, chain = 'task', _awaited(each)
        else:
            top = greenlets.parked_at(each)
            kind, chain = 'greenlet', [] if top is None else _frames(top)
        if chain and not _is_hub(chain[-1]):
            yield each, kind, chain


def _frames(top: types.FrameType) -> list[types.FrameType]:
    return [frame for frame, _ in frames.stack(top, _MOST_FRAMES)]


def _awaited(task: Any) -> list[types.FrameType]:
    """Return the frames of a task that is parked, the innermost first.

    Each coroutine knows what it awaits, and none who awaits it.
    """
    kind = sys.modules['_asyncio'].Task
    found: list[types.FrameType] = []
    awaited = kind.get_coro(task)
    while awaited is not None and len(found) < _MOST_FRAMES:
        if type(awaited) is types.CoroutineType:
            if awaited.cr_running:
                return []
            frame = frames.attribute(awaited, 'cr_frame')
            awaited = awaited.cr_await
        elif type(awaited) is types.GeneratorType:
            frame = frames.attribute(awaited, 'gi_frame')
            awaited = awaited.gi_yieldfrom
        elif type(awaited) is types.AsyncGeneratorType:
            frame = frames.attribute(awaited, 'ag_frame')
            awaited = awaited.ag_await
        else:
            awaited = _inside(awaited)
            continue
        if frame is not None:
            found.append(frame)
    return found[::-1]


# What stands between them, in C: of an ``async for``, of ``anext()``, and of
# an ``__await__()`` that returns that of a coroutine.
_BETWEEN = frozenset(
    'async_generator_asend async_generator_athrow anext_awaitable '
    'coroutine_wrapper'.split()
)
_NAME = vars(type)['__name__'].__get__


def _inside(awaited: Any) -> Any:
    """Return what is awaited through something else, if it is known."""
    if _NAME(type(awaited)) not in _BETWEEN:
        return None
    return next(iter(gc.get_referents(awaited)), None)


def _is_hub(outermost: types.FrameType) -> bool:
    return calls.module_of(outermost).startswith('eventlet.hubs.')


class _Ranks:
    """How much stacks matter; each function is looked at once."""

    def __init__(self) -> None:
        # By their numbers: codes of two modules may be equal.
        self._known: dict[int, int] = {}

    def of(self, chain: list[types.FrameType]) -> int:
        return min(map(self._of_frame, chain))

    def _of_frame(self, frame: types.FrameType) -> int:
        number = id(frame.f_code)
        rank = self._known.get(number)
        if rank is None:
            rank = self._known[number] = self._find(frame)
        return rank

    def _find(self, frame: types.FrameType) -> int:
        if activity_search.tells(frame):
            return _REQUEST
        package = _package(frame)
        if package in ('eventlet', 'greenlet'):
            return _EVENTLET
        return _LIBRARY if package in _PLUMBING else _OWN


def _title(
    owner: Any, kind: str, chain: list[types.FrameType], rank: int
) -> str:
    # Of the others no function tells what it is busy with.
    activity = activity_search.of(chain) if rank == _REQUEST else None
    if activity is not None:
        return activity.title
    place = _place(chain)
    if kind == 'task':
        name = str(sys.modules['_asyncio'].Task.get_name(owner))
        return f'{activities.readable(name)}: {place}'
    return place


def _place(chain: list[types.FrameType]) -> str:
    """Return what one was started for: a function, and its file."""
    outermost = chain[::-1]
    own = (frame for frame in outermost if _package(frame) not in _PLUMBING)
    begun = (f for f in outermost if calls.module_of(f) not in _STARTERS)
    code = next(own, next(begun, outermost[0])).f_code
    name = getattr(code, 'co_qualname', code.co_name)  # from Python 3.11 on
    return f'{name} ({os.path.basename(code.co_filename)})'


def _package(frame: types.FrameType) -> str:
    return calls.module_of(frame).partition('.')[0]

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

"""The objects of a service, as the garbage collector knows them.

To hold all of them while Python code runs would do harm: what the service lets
go of meanwhile would be finalized in our thread, and a child that is forked
meanwhile would keep them for life. None is asked what it is, for that may be
code of the service.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import functools
import gc
import itertools
from typing import Any
import weakref


def instances(
    kind: type | None,
    take: Callable[[Any], Any] | None = weakref.ref,
    only: Callable[[Any], Any] | None = None,
) -> list[Any]:
    """Return something of all objects of a class, or of a subclass of it.

    All objects are looked at in one call into C, so that no other thread runs
    meanwhile. It takes about as long as a full garbage collection.
    What was there when gc.freeze() was called is not among them.
    Not of all generators a reference may be made: ``parked.py`` says why.

    :param kind: the class; of None there are none
    :param take: what to take of each, in C; None for the objects, where they
        may be let go of in this thread
    :param only: whether to take one, in C
    """
    return [] if kind is None else all_instances([kind], take, only)


def all_instances(
    kinds: Iterable[type],
    take: Callable[[Any], Any] | None = weakref.ref,
    only: Callable[[Any], Any] | None = None,
) -> list[Any]:
    """Do as ``instances()`` for several classes in one go.

    :param kinds: the classes
    :param take: what to take of each
    :param only: whether to take one
    """
    wanted = itertools.chain.from_iterable(map(numbers, kinds))
    return _select(gc.get_objects, wanted, take, only)


def referents(each: Any, kinds: frozenset[int]) -> list[Any]:
    """Return what an object refers to, as the garbage collector sees it.

    :param each: the object
    :param kinds: the numbers of the classes that are meant
    """
    return _select(functools.partial(gc.get_referents, each), kinds)


def _select(
    get: Callable[[], list[Any]],
    kinds: Iterable[int],
    take: Callable[[Any], Any] | None = None,
    only: Callable[[Any], Any] | None = None,
) -> list[Any]:
    """Return something of the objects of some classes, in one call into C.

    :param get: returns the objects: a function in C
    :param kinds: the numbers of their classes
    :param take: what to take of each, in C; without it, the object
    :param only: whether to take one, in C; without it, of all
    """
    objects: list[Any] = []
    found: list[Any] = []
    call = functools.partial.__call__
    all_there_are = map(call, (functools.partial(get),))
    are_meant = map(frozenset(kinds).__contains__, map(id, map(type, objects)))
    meant: Iterator[Any] = itertools.compress(objects, are_meant)
    if only:
        meant = filter(only, meant)
    steps = (
        functools.partial(next, map(objects.extend, all_there_are)),
        functools.partial(found.extend, map(take, meant) if take else meant),
        # What has been looked through has been among them: a circle, which
        # would keep all objects of the service.
        functools.partial(objects.clear),
    )
    try:
        list(map(call, steps))
        return found
    finally:
        objects.clear()


def referred(references: list[Any]) -> Iterator[Any]:
    """Return those that are still there, one after the other.

    :param references: from ``instances()``
    """
    return filter(lambda each: each is not None, (ref() for ref in references))


def numbers(kind: type) -> Iterator[int]:
    """Return the ids of a class and its subclasses, asking no metaclass."""
    yield id(kind)
    each: type
    for each in type.__subclasses__(kind):
        yield from numbers(each)

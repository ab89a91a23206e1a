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


# What to take of objects: from an iterator in C makes another one.
Take = Callable[[Iterator[Any]], Iterator[Any]]
weakly: Take = functools.partial(map, weakref.ref)


def instances(kind: type | None, take: Take = weakly) -> list[Any]:
    """Return something of all objects of a class, or of a subclass of it.

    All objects are looked at in one call into C, so that no other thread runs
    meanwhile. It takes about as long as a full garbage collection.
    What was there when gc.freeze() was called is not among them.

    :param kind: the class; of None there are none
    :param take: what to take of them. Not of all generators there may be a
        reference: see parked.suspended_frames()
    """
    return [] if kind is None else all_instances([kind], take)


def all_instances(kinds: Iterable[type], take: Take = weakly) -> list[Any]:
    """Do as ``instances()`` for several classes in one go.

    :param kinds: the classes
    :param take: what to take of them
    """
    wanted = itertools.chain.from_iterable(map(numbers, kinds))
    return _select(gc.get_objects, wanted, take)


def referents(each: Any, kinds: frozenset[int]) -> list[Any]:
    """Return what an object refers to, as the garbage collector sees it.

    :param each: the object
    :param kinds: the numbers of the classes that are meant
    """
    return _select(functools.partial(gc.get_referents, each), kinds)


def _select(
    get: Callable[[], list[Any]], kinds: Iterable[int], take: Take = iter
) -> list[Any]:
    """Return something of the objects of some classes, in one call into C.

    :param get: returns the objects: a function in C
    :param kinds: the numbers of their classes
    :param take: what to take of them
    """
    objects: list[Any] = []
    found: list[Any] = []
    call = functools.partial.__call__
    all_there_are = map(call, (functools.partial(get),))
    are_meant = map(frozenset(kinds).__contains__, map(id, map(type, objects)))
    meant = itertools.compress(objects, are_meant)
    steps = (
        functools.partial(next, map(objects.extend, all_there_are)),
        functools.partial(found.extend, take(meant)),
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

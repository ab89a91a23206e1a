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

"""The functions of a module, found from its dictionary.

The garbage collector does not tell of those that were there before a fork:
oslo.service's launcher for eventlet calls ``gc.freeze()`` then, so that the
memory of them stays shared. Nothing of the service is asked: what an object
refers to, ``gc`` reads in C.
"""

from __future__ import annotations

from collections.abc import Iterator
import functools
import types
from typing import Any

from osdbg.inspection import modules
from osdbg import objects

_MOST = 20_000
# What functions are kept in, and decorated with.
_WAYS = frozenset(
    (
        types.FunctionType,
        types.MethodType,
        types.CellType,
        classmethod,
        staticmethod,
        property,
        functools.partial,
        type(functools.lru_cache(len)),
        dict,
        tuple,
    )
)
_class_dict: Any = vars(type)['__dict__'].__get__


def codes(name: str) -> list[types.CodeType]:
    """Return the code of the functions of a module, whatever wraps them.

    :param name: of the module
    """
    found: list[types.CodeType] = []
    others = {id(modules.attributes(m)) for m in modules.loaded().values()}
    # All else is the service's: what it lets go of must not end in here.
    followed = frozenset((*map(id, _WAYS), *objects.numbers(type)))
    own = modules.attributes(modules.loaded().get(name))
    seen: set[int] = set()
    waiting = objects.referents(own, followed)
    while waiting and len(seen) < _MOST:
        each = waiting.pop()
        if id(each) in seen or id(each) in others:
            continue
        seen.add(id(each))
        if type(each) is types.FunctionType:
            found.append(each.__code__)
        waiting += _beyond(each, name, followed)
    return found


def _beyond(each: Any, name: str, followed: frozenset[int]) -> Iterator[Any]:
    """Return what may lead from an object to more functions."""
    if type(each) in _WAYS:
        yield from objects.referents(each, followed)
    elif _is_class(each):
        members = dict(_class_dict(each))
        if members.get('__module__') == name:
            for member in members.values():
                yield member
                # A descriptor of another make, such as cached_property.
                if type(member) not in _WAYS and not _is_class(member):
                    yield from objects.referents(member, followed)


def _is_class(each: Any) -> bool:
    # Not isinstance(), which may ask the object for its __class__.
    return type in vars(type)['__mro__'].__get__(type(each))

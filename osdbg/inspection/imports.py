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

"""Where a process has imported its packages from.

Attributes of modules are read as dict does: those of a lazy one would run its
code.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from osdbg.inspection import modules
from osdbg import settings as settings_

_MAIN = '__main__'
_SITE = ('/site-packages/', '/dist-packages/')
_NamespacePath: Any = sys.modules['_frozen_importlib_external']._NamespacePath


def look(settings: settings_.Settings) -> dict[str, Any]:
    """Tell where the files of this process are.

    :param settings: the options of this process
    :returns: ``packages``: the directories of each, or the file of a module
        that is in none, without those of Python itself; of a namespace
        package, what is in it. ``path_mappings``: what is written down.
        ``cwd`` and ``prefix``.
    """
    packages: dict[str, list[str]] = {}
    spaces = {''}
    loaded = modules.loaded()
    for name in sorted(filter(_is_name, loaded)):
        if name.rpartition('.')[0] not in spaces:
            continue
        places, is_space = _places(loaded[name])
        if is_space:
            spaces.add(name)
        elif places and not _is_own(places[0]):
            packages[name] = places
    return {
        'packages': packages,
        'path_mappings': [list(pair) for pair in settings.path_mappings],
        'cwd': modules.cwd() or '/',
        'prefix': sys.prefix,
    }


def _is_name(name: Any) -> bool:
    # Not the copies of multiprocessing and eventlet: __mp_main__ and so on.
    return type(name) is str and (name == _MAIN or not name.startswith('__'))


def _places(module: Any) -> tuple[list[str], bool]:
    """Return where a module is, and whether it may be elsewhere, too."""
    file = modules.attribute(module, '__file__')
    path = modules.attribute(module, '__path__')
    if type(path) is _NamespacePath:
        # To iterate over it would look for it anew.
        path = object.__getattribute__(path, '_path')
    if type(path) in (list, tuple):
        places = [
            modules.absolute(place) for place in path if type(place) is str
        ]
        return places, type(file) is not str or len(places) > 1
    if type(file) is str and file.endswith('.py'):
        return [modules.absolute(file)], False
    return [], False


def _is_own(place: str) -> bool:
    """Tell whether a place is in Python's own library."""
    library = os.path.dirname(os.__file__) + '/'
    return place.startswith(library) and not any(s in place for s in _SITE)

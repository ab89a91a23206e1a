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

"""What modules are, read without asking a lazy one: that runs its code."""

from __future__ import annotations

import os
import sys
import types
from typing import Any

# Not module.__dict__, which may be a property (that of apipkg imports).
_read_dict: Any = vars(types.ModuleType)['__dict__'].__get__


def loaded() -> dict[Any, Any]:
    """Return the modules that there are, also such as are none."""
    return dict.copy(sys.modules)


def attributes(module: Any) -> dict[str, Any]:
    """Return the attributes of a module; none of what is no module.

    :param module: from ``sys.modules``, where anything may be
    """
    if not issubclass(type(module), types.ModuleType):
        return {}
    return _read_dict(module) or {}


def attribute(module: Any, name: str) -> Any:
    """Return an attribute of a module, or None.

    :param module: as above
    """
    return dict.get(attributes(module), name)


def absolute(place: str) -> str:
    """Return where a file is that may be relative to where we are.

    What Python 3.8 and earlier called ".", and -m and scripts still do.
    """
    return os.path.normpath(os.path.join(cwd() or '/', place))


def cwd() -> str:
    """Return the current directory; nothing if somebody has removed it."""
    try:
        return os.getcwd()
    except OSError:
        return ''

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

"""One file per debugger; only there is it imported."""

from __future__ import annotations

import importlib
from typing import Any

from osdbg.backends.base import Backend
from osdbg import exceptions
from osdbg import settings as settings_

__all__ = ['Backend', 'create']

_OWN = {
    'debugpy': 'osdbg.backends._debugpy:DebugpyBackend',
    'ptvsd': 'osdbg.backends._debugpy:DebugpyBackend',
}


def create(settings: settings_.Settings) -> Backend:
    """Make the backend that the settings name.

    osdbg's own are found without a search through all installed packages,
    which would be paid by every worker at every attach.

    :param settings: the options of this service
    :raises: UnknownBackend
    """
    target = _OWN.get(settings.backend)
    if target is None:
        return _plugged_in(settings)
    module, _, name = target.partition(':')
    backend: Backend = getattr(importlib.import_module(module), name)(settings)
    return backend


def _plugged_in(settings: settings_.Settings) -> Backend:
    from stevedore import driver
    from stevedore import exception

    try:
        manager: Any = driver.DriverManager('osdbg.backends', settings.backend)
    except exception.NoMatches as exc:
        known = settings_.KNOWN_BACKENDS
        raise exceptions.UnknownBackend(settings.backend, known) from exc
    backend: Backend = manager.driver(settings)
    return backend

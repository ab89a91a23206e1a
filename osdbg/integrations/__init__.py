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

"""Ways into services whose source nobody wants to edit.

Each integration knows one library that runs services. It is installed when
that library is loaded, never before: osdbg imports none of them (fact 9 of
the design: to import ``oslo_service.service`` first would choose its backend).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from osdbg import bootstrap
from osdbg.integrations.base import Integration
from osdbg.integrations import on_import

__all__ = ['Integration', 'disable', 'enable']

_GROUP = 'osdbg.integrations'
# Found without a search through all installed packages: it takes as long as
# everything else that "osdbg run" does.
_OWN = {
    'cotyledon': 'osdbg.integrations.cotyledon:CotyledonIntegration',
    'eventlet_wsgi': 'osdbg.integrations.eventlet_wsgi:EventletIntegration',
    'green_threads': 'osdbg.integrations.green_threads:GreenThreadIntegration',
    'nova': 'osdbg.integrations.nova:NovaIntegration',
    'oslo_messaging': 'osdbg.integrations.oslo_messaging:RpcIntegration',
    'oslo_reports': 'osdbg.integrations.oslo_reports:OsloReportsIntegration',
    'oslo_service': 'osdbg.integrations.oslo_service:OsloServiceIntegration',
    'wsgi': 'osdbg.integrations.wsgi_servers:WsgiIntegration',
}
# They start nothing: they tell the debugger what the service is busy with.
_passive = ['eventlet_wsgi', 'green_threads', 'oslo_messaging']
_enabled: dict[str, Integration] = {}


def enable(*names: str) -> list[str]:
    """Have osdbg started in every worker of the libraries it knows.

    What is loaded already is taken at once, the rest when it gets loaded.

    :param names: integrations by the names of their entry points; all that
        are installed if none is given
    :returns: the names of those that are enabled now
    """
    for name in names or _OWN:
        target = _OWN.get(name)
        if target is not None and name not in _enabled:
            module, _, cls = target.partition(':')
            _add(name, getattr(importlib.import_module(module), cls)())
    if not names or not _OWN.keys() >= {*names}:
        _enable_plugged_in(names)
    return sorted(_enabled)


def enable_cheaply() -> None:
    """Do as ``enable()``, but search for others' only when it costs nothing.

    That is once the service itself has loaded stevedore, as everything that
    uses oslo.config does.
    """
    enable(*_OWN)
    on_import.watch('stevedore.extension', _stevedore_loaded)


def enable_passive() -> None:
    """Enable those that start nothing, once in a process that is armed.

    So ``disable()`` is not undone by the next ``init()``. Several threads may
    come here at once, and each integration is for one of them.
    """
    while _passive:
        try:
            name = _passive.pop()
        except IndexError:
            return  # another thread was faster
        enable(name)


def disable(*names: str) -> None:
    """Undo ``enable()``, down to the last function that was replaced.

    :param names: as for ``enable()``
    """
    if not names:
        on_import.forget(_stevedore_loaded)
    for name in names or tuple(_enabled):
        integration = _enabled.pop(name, None)
        if integration is not None:
            on_import.forget(integration.loaded)
            integration.undo()


def _add(name: str, integration: Integration) -> None:
    # All that may fail in another's comes first.
    hosts, loaded = tuple(integration.hosts), integration.loaded
    _enabled[name] = integration
    for host in hosts:
        on_import.watch(host, loaded)


def _stevedore_loaded(module: Any) -> None:
    _enable_plugged_in(())


def _enable_plugged_in(names: tuple[str, ...]) -> None:
    """Add others' integrations; whoever imports stevedore notices nothing."""

    def wanted(extension: Any) -> bool:
        name = extension.name
        return name not in _OWN and (name in names or not names)

    try:
        from stevedore import enabled

        # A plug-in that cannot be loaded is stevedore's to log.
        found = list(enabled.EnabledExtensionManager(_GROUP, wanted))
    except Exception as exc:
        bootstrap.complain(
            f'osdbg has no integrations but its own, for stevedore failed '
            f'({exc!r}): type {sys.executable} -m pip install -U stevedore'
        )
        return
    for extension in found:
        if extension.name not in _enabled:
            _add_plugged_in(extension)
    missing = {*names} - {*_enabled} - {extension.name for extension in found}
    if missing:
        bootstrap.complain(
            f'no integration is called {" or ".join(sorted(missing))}: '
            f'osdbg has {", ".join(sorted(_OWN))}'
        )


def _add_plugged_in(extension: Any) -> None:
    try:
        _add(extension.name, extension.plugin())
    except Exception as exc:
        bootstrap.complain(
            f'osdbg does without the integration {extension.name} of '
            f'{extension.entry_point_target} ({exc!r}): pip install -U, or '
            f'uninstall, the package that brings it'
        )

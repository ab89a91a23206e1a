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

from osdbg.backends.base import Ability
from osdbg.backends.base import Backend
from osdbg import exceptions
from osdbg import settings as settings_

__all__ = ['Ability', 'Backend', 'OWN', 'check', 'create', 'find', 'need']

PROTOCOLS = ('dap', 'pydevd', 'pdb')
"""What the gateway can bring a debugger and its client together in."""
_NAMESPACE = 'osdbg.backends'
OWN = {
    'debugpy': 'osdbg.backends._debugpy:DebugpyBackend',
    'ptvsd': 'osdbg.backends._debugpy:DebugpyBackend',
    'pydevd_pycharm': 'osdbg.backends._pydevd_pycharm:PydevdPycharmBackend',
    'pycharm': 'osdbg.backends._pydevd_pycharm:PydevdPycharmBackend',
    'pydevd': 'osdbg.backends._pydevd:PydevdBackend',
    'remote_pdb': 'osdbg.backends._remote_pdb:RemotePdbBackend',
    'rpdb': 'osdbg.backends._remote_pdb:RemotePdbBackend',
}
"""The names and aliases of osdbg's own."""

# What it takes to do what an option asks for.
_NEEDS: tuple[tuple[str, Any, Ability], ...] = (
    ('direction', 'listen', Ability.LISTEN),
    ('direction', 'connect', Ability.CONNECT),
    ('activate', 'on_init', Ability.EAGER),
    ('wait_for_client', True, Ability.WAIT),
    ('redirect_output', True, Ability.REDIRECT_OUTPUT),
    ('stop_policy', 'one_worker', Ability.TURNS),
    ('break_on_exception', True, Ability.EXCEPTIONS),
)
_NEEDED_IF_SET = (
    ('path_mappings', Ability.PATH_MAPPINGS),
    ('log_dir', Ability.LOG),
    ('max_stop_seconds', Ability.RESUME),
)


def find(name: str) -> type[Backend]:
    """Return the class of a backend; the debugger is not imported.

    osdbg's own are found without a search through all installed packages,
    which would be paid by every worker at every attach.

    :param name: what ``[remote_debug] backend`` says
    :raises: UnknownBackend
    """
    target = OWN.get(name)
    if target is None:
        return _plugged_in(name)
    module, _, attribute = target.partition(':')
    found: type[Backend] = getattr(importlib.import_module(module), attribute)
    return found


def _plugged_in(name: str) -> type[Backend]:
    from stevedore import driver
    from stevedore import exception
    from stevedore import extension

    try:
        # Without its own warning: what is wrong is said in one line.
        manager: Any = driver.DriverManager(
            _NAMESPACE, name, warn_on_missing_entrypoint=False
        )
        found = manager.driver
    except exception.NoMatches as exc:
        others: Any = extension.ExtensionManager(_NAMESPACE)
        known = dict.fromkeys((*OWN, *sorted(others.names())))
        raise exceptions.UnknownBackend(name, tuple(known)) from exc
    except Exception as exc:
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} cannot be loaded '
            f'({type(exc).__name__}: {exc}): mend or remove the package that '
            f'brings it'
        ) from exc
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} leads to {found!r}, which is no '
            f'osdbg.backends.Backend: correct the entry point of its package'
        )
    protocol = getattr(found, 'protocol', None)
    if protocol not in PROTOCOLS or not hasattr(found, 'abilities'):
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} leads to {found!r}, which '
            f'declares no abilities, or a protocol other than '
            f'{", ".join(PROTOCOLS)}: have that mended where it comes from'
        )
    return found


def create(settings: settings_.Settings) -> Backend:
    """Make the backend that the settings name.

    :param settings: the options of this service
    :raises: UnknownBackend
    """
    return find(settings.backend)(settings)


def check(settings: settings_.Settings) -> None:
    """Refuse what the chosen backend cannot do; fill in the direction.

    :param settings: what was asked for
    :raises: UnknownBackend, BackendLacks
    """
    backend = find(settings.backend)
    for option, wish, ability in _NEEDS:
        if getattr(settings, option) == wish:
            need(settings, option, wish, ability)
    for option, ability in _NEEDED_IF_SET:
        value = getattr(settings, option)
        if value:
            need(settings, option, value, ability)
    if settings.direction is None:
        listens = Ability.LISTEN in backend.abilities
        settings.direction = 'listen' if listens else 'connect'


def need(
    settings: settings_.Settings, option: str, value: Any, ability: Ability
) -> None:
    """Refuse an option that is beyond the chosen backend.

    :param settings: what was asked for
    :param option: the option's name
    :param value: its value
    :param ability: what it takes
    :raises: UnknownBackend, BackendLacks
    """
    backend = find(settings.backend)
    if ability in backend.abilities:
        return
    able = {
        other.name: None
        for other in map(find, OWN)
        if ability in other.abilities
    }
    raise exceptions.BackendLacks(
        option,
        settings_.as_text(value),
        settings.backend,
        tuple(able),
        backend.instead.get(ability, ''),
    )

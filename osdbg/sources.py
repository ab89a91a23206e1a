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

"""Where options are written, but for the configuration of the service.

Read in every service before anybody has asked for a debugger, so it imports
next to nothing, as ``settings.py``.
"""

from __future__ import annotations

from osdbg import addresses
from osdbg import exceptions
from osdbg import option_table
from osdbg import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import MutableMapping

DEFAULT_PORT = 'OSDBG_DEFAULT_PORT'
"""Set by ``osdbg run`` for services that have no port written anywhere."""

_VARIABLES = tuple(
    (settings.env_name(setting.name), setting.name)
    for setting in option_table.SETTINGS
)
_noted: dict[str, tuple[str, str]] = {}
_taken: dict[str, tuple[str, str]] = {}
# What counts where nobody, not even the configuration file, says otherwise.
_fallback: dict[str, tuple[str, str]] = {}


def from_environ(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Collect the options that are set in an environment.

    An empty variable counts as unset, as it does for most programs. What
    :func:`take_environ` took out of the environment still counts, and below
    all that what :func:`note` was told.

    :param environ: such as ``os.environ``
    :returns: option names to text and source, as :func:`resolve` takes them
    """
    given = {**_noted, **_taken}
    for variable, name in _VARIABLES:
        text = environ.get(variable)
        if text and not text.isspace():
            given[name] = (text, f'the environment variable {variable}')
    return given


def take_environ(environ: MutableMapping[str, str]) -> None:
    """Move the options out of an environment, into this process alone.

    The programs that a service starts shall not find them there.

    :param environ: such as ``os.environ``
    """
    _taken.update(from_environ(environ))
    for variable, _name in _VARIABLES:
        environ.pop(variable, None)
    port = environ.pop(DEFAULT_PORT, None)
    if port:
        _fallback['port'] = (port, f'the environment variable {DEFAULT_PORT}')


def give_back() -> dict[str, str]:
    """Return what ``take_environ`` took, for the same program run anew.

    :returns: environment variables
    """
    given = {
        settings.env_name(name): text for name, (text, _) in _taken.items()
    }
    if 'port' in _fallback:
        given[DEFAULT_PORT] = _fallback['port'][0]
    return given


def taken() -> bool:
    """Tell whether ``take_environ`` or ``note`` has found anything."""
    return bool(_noted or _taken or _fallback)


def note(given: Mapping[str, tuple[str, str]]) -> None:
    """Have options count in this process that a paste file says.

    The command line and the environment win over them, and they over the
    configuration files. Whoever reads the options later finds them, too.

    :param given: option names to text and source
    """
    _noted.update(given)


def asked(given: Mapping[str, tuple[str, str]]) -> bool:
    """Tell whether what was written asks for a debugger.

    :param given: option names to text and source
    """
    host = given.get('host', ('',))[0].strip()
    return (
        'activate' in given
        or 'port' in given
        or addresses.is_unix(host)
        or bool(_fallback)
    )


def resolve(given: Mapping[str, tuple[str, str]]) -> settings.Settings:
    """Build the settings from what was written, wherever it was.

    :param given: option names to text and source
    :returns: the settings, on or off
    :raises: InvalidOption
    """
    given = {**_fallback, **given}
    values = {
        name: settings.parse(option_table.BY_NAME[name], text, source)
        for name, (text, source) in given.items()
    }
    return settings.Settings(
        values, {name: source for name, (_, source) in given.items()}
    )


def read_environ(environ: Mapping[str, str]) -> settings.Settings | None:
    """Read the settings of a service that has no oslo.config.

    :param environ: such as ``os.environ``
    :returns: the settings, or None when osdbg is off
    :raises: InvalidOption
    """
    given = from_environ(environ)
    if not asked(given):
        return None
    resolved = resolve(given)
    return resolved if resolved.on else None


def required(environ: Mapping[str, str]) -> bool:
    """Tell whether the service must not start without its debugger.

    Answers also when other options are bad, and False when it is itself.

    :param environ: such as ``os.environ``
    """
    name = 'required'
    given = from_environ(environ).get(name)
    try:
        return bool(
            given and settings.parse(option_table.BY_NAME[name], *given)
        )
    except exceptions.InvalidOption:
        return False

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

"""The options of one service: their values, and whether they are sound.

Read in every service before anybody has asked for a debugger, so it imports
next to nothing: no typing, enum, re or logging.
"""

from __future__ import annotations

from osdbg import addresses
from osdbg import exceptions
from osdbg import option_table
from osdbg import program
from osdbg import values as values_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

TLS = ('tls_cert', 'tls_key', 'tls_client_ca')
"""The options that make a port one of TLS: all three, or none."""


class Settings:
    """The options of one service, all of them resolved and typed."""

    host: str
    port: int | None
    backend: str
    direction: str | None
    activate: str
    wait_for_client: bool
    wait_timeout: float
    suspend: bool
    workers: str
    launcher: bool
    eventlet: str
    redirect_output: bool
    prompt_timeout: float
    second_prompt: str
    path_mappings: tuple[tuple[str, str], ...]
    log_dir: str | None
    allow_remote: bool
    allowed_users: tuple[str, ...]
    tls_cert: str | None
    tls_key: str | None
    tls_client_ca: str | None
    open_seconds: float
    max_stop_seconds: float
    stop_policy: str
    keep_heartbeats: bool
    break_on_exception: bool
    name: str
    required: bool

    def __init__(
        self,
        values: Mapping[str, Any] = {},
        sources: Mapping[str, str] = {},
    ) -> None:
        """Take the given values, and the default of every other option.

        :param values: option names to typed values
        :param sources: option names to where the values were written
        """
        for setting in option_table.SETTINGS:
            setattr(
                self, setting.name, values.get(setting.name, setting.default)
            )
        self.name = self.name or program.name()
        if addresses.is_unix(self.host):
            self.port = None
        elif self.activate == 'on_demand':
            self.port = self.port or addresses.DEFAULT_PORT
        self.sources = dict(sources)

    def __eq__(self, other: object) -> bool:
        """Tell whether two services have the same options."""
        return isinstance(other, Settings) and all(
            getattr(self, setting.name) == getattr(other, setting.name)
            for setting in option_table.SETTINGS
        )

    __hash__ = None  # type: ignore[assignment]

    def at(self, port: int) -> Settings:
        """Return the same options, but for the port."""
        values = {
            setting.name: getattr(self, setting.name)
            for setting in option_table.SETTINGS
        }
        return Settings({**values, 'port': port}, self.sources)

    @property
    def on(self) -> bool:
        """Tell whether these settings ask for a debugger at all."""
        return self.port is not None or addresses.is_unix(self.host)

    @property
    def allowed_ids(self) -> list[int]:
        """The numbers of the users in ``allowed_users``."""
        found = [values_.user_id(name) for name in self.allowed_users]
        return [number for number in found if number is not None]

    @property
    def address(self) -> str:
        """Where clients connect, or where the IDE listens."""
        return addresses.spell(self.host, self.port)

    @property
    def tls(self) -> tuple[str, ...]:
        """The files that the options of ``TLS`` name; none if unset."""
        return tuple(filter(None, (getattr(self, name) for name in TLS)))

    def takes_worker(self, number: int) -> bool:
        """Tell whether a worker is to be debugged.

        :param number: the worker's number, from 0
        :returns: whether ``workers`` names it
        """
        if self.workers in ('all', 'first'):
            return self.workers == 'all' or number == 0
        return str(number) in self.workers.split(',')


def env_name(name: str) -> str:
    """Spell an option as oslo.config's environment source does.

    :param name: the option's name
    :returns: the environment variable's name
    """
    return f'OS_{option_table.GROUP}__{name}'.upper()


def parse(setting: option_table.Setting, text: str, source: str) -> Any:
    """Turn the text of an option into its value.

    :param setting: the option
    :param text: the value as it was written
    :param source: where it was written, for the message
    :returns: the value, of the type :class:`Settings` declares
    :raises: InvalidOption
    """
    convert, expected = values_.KINDS[setting.kind]
    value: Any
    try:
        value = convert(text.strip())
    except ValueError:
        raise exceptions.InvalidOption(
            setting.name, text, source, expected
        ) from None
    names = [name for name, _meaning in setting.choices]
    if names and value not in names:
        raise exceptions.InvalidOption(
            setting.name, text, source, f'one of {", ".join(names)}'
        )
    return value


def check(settings: Settings) -> None:
    """Refuse what cannot be done, naming the option and a way out.

    :param settings: what was asked for; ``osdbg.backends.check()`` has
        checked the backend and filled in the direction
    :raises: InvalidOption
    """
    _check_host(settings)
    _check_tls(settings)
    for user in settings.allowed_users:
        if values_.user_id(user) is None:
            raise exceptions.InvalidOption(
                'allowed_users',
                user,
                settings.sources.get('allowed_users', 'the service'),
                'users of this host; "getent passwd" lists them',
            )


def _check_host(settings: Settings) -> None:
    is_unix = addresses.is_unix(settings.host)
    if settings.direction == 'connect':
        if is_unix:
            raise _invalid(
                settings,
                'host',
                'the address of the IDE, which direction = connect calls by '
                'TCP',
            )
    elif not (
        is_unix
        or settings.allow_remote
        or addresses.is_loopback(settings.host)
    ):
        tunnel = addresses.tunnel('127.0.0.1', settings.port)
        raise _invalid(
            settings,
            'host',
            f'a loopback address: keep 127.0.0.1 and, on the machine of the '
            f'IDE, type: {tunnel}; or set allow_remote, and whoever reaches '
            f'the port runs any code as the user of the service',
        )


def _check_tls(settings: Settings) -> None:
    given = [name for name in TLS if getattr(settings, name)]
    for name in given:
        if settings.direction == 'connect':
            expected = 'nothing: it is the IDE that listens'
        elif addresses.is_unix(settings.host):
            expected = f'nothing: nobody else can open {settings.host}'
        elif not getattr(settings, name).startswith('/'):
            expected = 'the absolute path of a file'
        elif len(given) < len(TLS):
            lacking = ' and '.join(name for name in TLS if name not in given)
            expected = f'{lacking} beside it'
        else:
            continue
        raise _invalid(settings, name, expected)


def _invalid(
    settings: Settings, name: str, expected: str
) -> exceptions.InvalidOption:
    return exceptions.InvalidOption(
        name,
        getattr(settings, name),
        settings.sources.get(name, 'the service'),
        expected,
    )


def as_text(value: Any) -> str:
    """Write a value as it is written in a file."""
    if isinstance(value, tuple):
        return ','.join(
            '='.join(item) if isinstance(item, tuple) else item
            for item in value
        )
    return str(value)

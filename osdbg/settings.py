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

"""The options of ``[remote_debug]``: the one table all other views come from.

Read in every service before anybody has asked for a debugger, so it imports
next to nothing: no typing, enum, re or logging.
"""

from __future__ import annotations

from osdbg import addresses
from osdbg import exceptions
from osdbg import program
from osdbg import values as values_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

GROUP = 'remote_debug'


class Setting:
    """One row of the table."""

    __slots__ = ('name', 'kind', 'default', 'help', 'choices', 'cli')

    def __init__(
        self,
        name: str,
        kind: str,
        default: Any,
        help: str,
        choices: tuple[tuple[str, str], ...] = (),
        cli: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.help = help
        self.choices = choices
        self.cli = cli


SETTINGS = (
    Setting(
        'host',
        values_.HOST,
        '127.0.0.1',
        'The address clients connect to. Keep it on loopback and reach it '
        'from another machine through SSH: '
        '"ssh -L 5678:127.0.0.1:5678 HOST", as the user of the service or one '
        'of allowed_users. Or a UNIX socket, which turns '
        'osdbg on without a port, and which only the user of the service and '
        'root can open: "unix:/run/nova/debug", and "ssh -L '
        '5678:/run/nova/debug HOST"; or, without a file, "unix:@NAME". Where '
        'it is the IDE that listens: its address.',
        cli=True,
    ),
    Setting(
        'port',
        values_.PORT,
        None,
        'The port clients connect to. Setting it turns osdbg on. All workers '
        'of a service, and all services of a user on a host, may share one '
        'port. Where it is the IDE that listens: its port. A UNIX socket has '
        'none.',
        cli=True,
    ),
    Setting(
        'backend',
        values_.STRING,
        'debugpy',
        'The debugger: "debugpy", which serves VS Code, Neovim, Zed, Emacs '
        'and every other client of the Debug Adapter Protocol ("ptvsd" is '
        'its old name); "pydevd_pycharm" or "pycharm", for the Debug Server '
        'of PyCharm; "pydevd", for that of Eclipse PyDev; "remote_pdb" or '
        '"rpdb", a prompt of pdb for a terminal; or one that another package '
        'brings.',
    ),
    Setting(
        'direction',
        values_.STRING,
        None,
        'Who connects to whom. Unset, as the debugger prefers.',
        choices=(
            ('listen', 'osdbg listens and the client connects'),
            (
                'connect',
                'the IDE listens and osdbg connects, from behind a NAT or '
                'out of a container',
            ),
        ),
    ),
    Setting(
        'activate',
        values_.STRING,
        'on_attach',
        'When the debugger is loaded. A loaded debugger slows the service, '
        'an unloaded one costs nothing.',
        choices=(
            ('on_attach', 'when a client attaches; unloaded when it leaves'),
            ('on_init', 'at once, when the service starts'),
            (
                'on_demand',
                'nothing listens, and nobody is called, until "osdbg open" '
                'is typed or the service calls osdbg.attach()',
            ),
        ),
    ),
    Setting(
        'wait_for_client',
        values_.BOOLEAN,
        False,
        'Hold the service back until a client has attached and set its '
        'breakpoints, to debug the start-up itself.',
    ),
    Setting(
        'wait_timeout',
        values_.SECONDS,
        0.0,
        'With wait_for_client: run on without a client after this many '
        'seconds. 0 waits for ever.',
    ),
    Setting(
        'suspend',
        values_.BOOLEAN,
        False,
        'Stop on the line after init() once a client has attached.',
    ),
    Setting(
        'workers',
        values_.WORKERS,
        'all',
        'The workers to debug: "all", "first", or numbers such as "0,2".',
    ),
    Setting(
        'launcher',
        values_.BOOLEAN,
        False,
        'Debug the process that forks the workers as well. It is left alone '
        'otherwise: all it does is to wait for them.',
    ),
    Setting(
        'eventlet',
        values_.STRING,
        'isolate',
        'How the debugger and green threads get along in a service patched '
        'by eventlet.',
        choices=(
            ('isolate', 'the debugger runs on unpatched modules of its own'),
            (
                'unpatch_thread',
                'osdbg.monkey_patch() leaves threads unpatched; the service '
                'no longer behaves as in production',
            ),
            ('ignore', 'the debugger is loaded as it is'),
        ),
    ),
    Setting(
        'redirect_output',
        values_.BOOLEAN,
        False,
        'Send stdout and stderr to the client as well, for debuggers that '
        'connect back to the IDE.',
    ),
    Setting(
        'prompt_timeout',
        values_.SECONDS,
        60.0,
        'With remote_pdb: how many seconds a breakpoint waits for a '
        'terminal, before the service goes on. 0 waits for ever.',
    ),
    Setting(
        'second_prompt',
        values_.STRING,
        'wait',
        'With remote_pdb: what a breakpoint does while its process has a '
        'prompt open.',
        choices=(
            ('wait', 'it waits for its turn'),
            ('pass', 'the service goes on'),
        ),
    ),
    Setting(
        'path_mappings',
        values_.MAPPINGS,
        (),
        'Where the client finds the source files of the service: a list of '
        '"local=remote" directories.',
    ),
    Setting(
        'log_dir',
        values_.STRING,
        None,
        'The directory for the log files of the debugger itself. Unset, it '
        'writes none.',
    ),
    Setting(
        'allow_remote',
        values_.BOOLEAN,
        False,
        'Allow a host that is not loopback. Whoever reaches the port can run '
        'any code as the user of the service.',
    ),
    Setting(
        'allowed_users',
        values_.LIST,
        (),
        'Local users who may connect over loopback, beside root and the '
        'user of the service.',
    ),
    Setting(
        'tls_cert',
        values_.STRING,
        None,
        'The certificate of this service, a PEM file: clients connect by TLS '
        'then, through "osdbg bridge --connect".',
    ),
    Setting(
        'tls_key',
        values_.STRING,
        None,
        'The private key of tls_cert, a PEM file.',
    ),
    Setting(
        'tls_client_ca',
        values_.STRING,
        None,
        'Whoever has a certificate that one of these has signed may connect, '
        'and nobody else: a PEM file.',
    ),
    Setting(
        'open_seconds',
        values_.SECONDS,
        0.0,
        'Let no client in any more, and send away who is there, this many '
        'seconds after the door was opened: when the service started or, '
        'with activate = on_demand, by "osdbg open". 0 leaves it open.',
    ),
    Setting(
        'max_stop_seconds',
        values_.SECONDS,
        0.0,
        'Resume a stopped worker by itself after this many seconds. 0 never '
        'does.',
    ),
    Setting(
        'stop_policy',
        values_.STRING,
        'any_worker',
        'Which workers of a service may be stopped at the same time.',
        choices=(
            ('any_worker', 'each that comes to a breakpoint'),
            (
                'one_worker',
                'one; the others pass by their breakpoints meanwhile, so that '
                'the service as a whole keeps answering',
            ),
        ),
    ),
    Setting(
        'keep_heartbeats',
        values_.BOOLEAN,
        False,
        'Keep the connections of oslo.messaging to RabbitMQ, and the watchdog '
        'of systemd, content while a worker is stopped.',
    ),
    Setting(
        'name',
        values_.STRING,
        None,
        'What the client calls this service. Unset, the name of its program.',
    ),
    Setting(
        'required',
        values_.BOOLEAN,
        False,
        'Refuse to start the service when the debugger cannot be armed. '
        'Otherwise the reason is logged and the service runs on.',
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}

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
        for setting in SETTINGS:
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
            for setting in SETTINGS
        )

    __hash__ = None  # type: ignore[assignment]

    def at(self, port: int) -> Settings:
        """Return the same options, but for the port."""
        values = {
            setting.name: getattr(self, setting.name) for setting in SETTINGS
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
    return f'OS_{GROUP}__{name}'.upper()


def parse(setting: Setting, text: str, source: str) -> Any:
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

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

from osdbg import exceptions
from osdbg import program
from osdbg import values as values_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

GROUP = 'remote_debug'

DEFAULT_PORT = 5678
"""Where on-demand services listen that name no port, and ``osdbg run``."""


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
        '"ssh -L 5678:127.0.0.1:5678 HOST". Where it is the IDE that '
        'listens: its address.',
        cli=True,
    ),
    Setting(
        'port',
        values_.PORT,
        None,
        'The port clients connect to. Setting it turns osdbg on. All workers '
        'of a service, and all services of a user on a host, may share one '
        'port. Where it is the IDE that listens: its port.',
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
        if self.activate == 'on_demand':
            self.port = self.port or DEFAULT_PORT
        self.sources = dict(sources)

    def __eq__(self, other: object) -> bool:
        """Tell whether two services have the same options."""
        return isinstance(other, Settings) and all(
            getattr(self, setting.name) == getattr(other, setting.name)
            for setting in SETTINGS
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def on(self) -> bool:
        """Tell whether these settings ask for a debugger at all."""
        return self.port is not None

    @property
    def address(self) -> str:
        """Where clients connect, or where the IDE listens."""
        return spell(self.host, self.port)

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
    :raises: OptionNotReady, InvalidOption
    """
    port = settings.port or DEFAULT_PORT
    tunnel = f'ssh -L {port}:127.0.0.1:{port} HOST'
    for name, ready, instead in _NOT_READY:
        value = getattr(settings, name)
        if value not in ready:
            raise exceptions.OptionNotReady(
                name, as_text(value), instead.format(tunnel=tunnel)
            )
    if settings.direction != 'connect' and not is_loopback(settings.host):
        raise exceptions.InvalidOption(
            'host',
            settings.host,
            settings.sources.get('host', 'the service'),
            f'a loopback address: keep 127.0.0.1 and, on the machine of the '
            f'IDE, type: {tunnel}',
        )


def spell(host: str, port: int | None) -> str:
    """Write an address as people do.

    :param host: a name or an address
    :param port: its port
    """
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can connect to an address.

    :param host: an address or a name
    :returns: True for ``localhost``, ``::1`` and all of 127.0.0.0/8
    """
    if host.lower() in ('localhost', '::1'):
        return True
    numbers = host.split('.')
    return (
        len(numbers) == 4
        and numbers[0] == '127'
        and all(n.isdecimal() and int(n) <= 255 for n in numbers)
    )


def as_text(value: Any) -> str:
    """Write a value as it is written in a file."""
    if isinstance(value, tuple):
        return ','.join(
            '='.join(item) if isinstance(item, tuple) else item
            for item in value
        )
    return str(value)


# What later versions bring: option, the values that work today, and what
# serves meanwhile.
_NOT_READY = (
    (
        'allow_remote',
        (False,),
        'remove it, keep host = 127.0.0.1 and, on the machine of the IDE, '
        'type: {tunnel}',
    ),
    (
        'allowed_users',
        ((),),
        'remove it: whoever can log in on this host may connect until then',
    ),
    ('tls_cert', (None,), 'remove it and, on your machine, type: {tunnel}'),
    ('tls_key', (None,), 'remove it and, on your machine, type: {tunnel}'),
    (
        'tls_client_ca',
        (None,),
        'remove it and, on your machine, type: {tunnel}',
    ),
    ('open_seconds', (0,), 'remove it and type: osdbg close'),
    (
        'max_stop_seconds',
        (0,),
        'remove it and resume or detach from the client',
    ),
    ('stop_policy', ('any_worker',), 'remove it, and set workers = first'),
)

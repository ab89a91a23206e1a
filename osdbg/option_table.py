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

from osdbg import values

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        values.HOST,
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
        values.PORT,
        None,
        'The port clients connect to. Setting it turns osdbg on. All workers '
        'of a service, and all services of a user on a host, may share one '
        'port. Where it is the IDE that listens: its port. A UNIX socket has '
        'none.',
        cli=True,
    ),
    Setting(
        'backend',
        values.STRING,
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
        values.STRING,
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
        values.STRING,
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
        values.BOOLEAN,
        False,
        'Hold the service back until a client has attached and set its '
        'breakpoints, to debug the start-up itself.',
    ),
    Setting(
        'wait_timeout',
        values.SECONDS,
        0.0,
        'With wait_for_client: run on without a client after this many '
        'seconds. 0 waits for ever.',
    ),
    Setting(
        'suspend',
        values.BOOLEAN,
        False,
        'Stop on the line after init() once a client has attached.',
    ),
    Setting(
        'workers',
        values.WORKERS,
        'all',
        'The workers to debug: "all", "first", or numbers such as "0,2".',
    ),
    Setting(
        'launcher',
        values.BOOLEAN,
        False,
        'Debug the process that forks the workers as well. It is left alone '
        'otherwise: all it does is to wait for them.',
    ),
    Setting(
        'eventlet',
        values.STRING,
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
        values.BOOLEAN,
        False,
        'Send stdout and stderr to the client as well, for debuggers that '
        'connect back to the IDE.',
    ),
    Setting(
        'prompt_timeout',
        values.SECONDS,
        60.0,
        'With remote_pdb: how many seconds a breakpoint waits for a '
        'terminal, before the service goes on. 0 waits for ever.',
    ),
    Setting(
        'second_prompt',
        values.STRING,
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
        values.MAPPINGS,
        (),
        'Where the client finds the source files of the service: a list of '
        '"local=remote" directories.',
    ),
    Setting(
        'log_dir',
        values.STRING,
        None,
        'The directory for the log files of the debugger itself. Unset, it '
        'writes none.',
    ),
    Setting(
        'allow_remote',
        values.BOOLEAN,
        False,
        'Allow a host that is not loopback. Whoever reaches the port can run '
        'any code as the user of the service.',
    ),
    Setting(
        'allowed_users',
        values.LIST,
        (),
        'Local users who may connect over loopback, beside root and the '
        'user of the service.',
    ),
    Setting(
        'tls_cert',
        values.STRING,
        None,
        'The certificate of this service, a PEM file: clients connect by TLS '
        'then, through "osdbg bridge --connect".',
    ),
    Setting(
        'tls_key',
        values.STRING,
        None,
        'The private key of tls_cert, a PEM file.',
    ),
    Setting(
        'tls_client_ca',
        values.STRING,
        None,
        'Whoever has a certificate that one of these has signed may connect, '
        'and nobody else: a PEM file.',
    ),
    Setting(
        'open_seconds',
        values.SECONDS,
        0.0,
        'Let no client in any more, and send away who is there, this many '
        'seconds after the door was opened: when the service started or, '
        'with activate = on_demand, by "osdbg open". 0 leaves it open.',
    ),
    Setting(
        'max_stop_seconds',
        values.SECONDS,
        0.0,
        'Resume a stopped worker by itself after this many seconds. 0 never '
        'does.',
    ),
    Setting(
        'stop_policy',
        values.STRING,
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
        values.BOOLEAN,
        False,
        'Keep the connections of oslo.messaging to RabbitMQ, and the watchdog '
        'of systemd, content while a worker is stopped.',
    ),
    Setting(
        'break_on_exception',
        values.BOOLEAN,
        False,
        'While a client is attached, stop where an exception was raised that '
        'leaves an RPC endpoint or ends a green thread. For what leaves a '
        'WSGI application, the paste filter has an option of the same name.',
    ),
    Setting(
        'name',
        values.STRING,
        None,
        'What the client calls this service. Unset, the name of its program.',
    ),
    Setting(
        'required',
        values.BOOLEAN,
        False,
        'Refuse to start the service when the debugger cannot be armed. '
        'Otherwise the reason is logged and the service runs on.',
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}

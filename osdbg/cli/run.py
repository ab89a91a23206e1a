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

"""``osdbg run``: an unmodified service, debuggable."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from osdbg import addresses
from osdbg import backends
from osdbg.cli import target
from osdbg import environment
from osdbg import exceptions
from osdbg import option_table
from osdbg import settings
from osdbg import sources
from osdbg import values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.usage = 'osdbg run [OPTIONS] -- COMMAND [ARGUMENT ...]'
    parser.epilog = (
        'examples:\n'
        '  osdbg run -- nova-conductor --config-file /etc/nova/nova.conf\n'
        '  osdbg run --port 5679 --wait-for-client -- python service.py\n'
        '  osdbg run --inject -- /opt/nova/bin/nova-scheduler\n'
        '  osdbg run --backend remote_pdb -- cinder-volume'
    )
    add_settings(parser)
    parser.add_argument(
        '--inject',
        action='store_true',
        help='bring osdbg along into an environment where it is not installed',
    )
    parser.add_argument(
        'words',
        nargs=argparse.REMAINDER,
        metavar='COMMAND',
        help='what to run, and its arguments',
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for each row of the table of settings."""
    group = parser.add_argument_group(
        'options of [remote_debug]',
        'Stronger than the configuration file of the service. Without any '
        f'port, in neither, it is {addresses.DEFAULT_PORT}.',
    )
    for setting in option_table.SETTINGS:
        flag = '--' + setting.name.replace('_', '-')
        text = setting.help.replace('%', '%%')
        if setting.kind == values.BOOLEAN:
            group.add_argument(
                flag,
                dest=setting.name,
                action='store_const',
                const='true',
                help=text,
            )
        else:
            group.add_argument(
                flag,
                dest=setting.name,
                metavar=setting.kind.upper(),
                help=text,
            )
    parser.add_argument(
        '--follow-exec',
        action='store_true',
        help='debug the Python programs that it starts as well, not only the '
        'processes that it forks',
    )


def run(arguments: argparse.Namespace) -> int:
    """Become the command, with osdbg in it.

    :raises: OsdbgError when it cannot work, saying what to type instead
    """
    words = arguments.words[arguments.words[:1] == ['--'] :]
    if not words:
        raise exceptions.OsdbgError(
            'no command was given: type osdbg run -- COMMAND ...'
        )
    added = variables(arguments)
    path, argv = target.find(words, inject=arguments.inject)
    if arguments.inject:
        added[environment.INJECT] = os.pathsep.join(
            _homes(_backend(arguments))
        )
    environ = {**os.environ, **added}
    before = os.environ.get('PYTHONPATH')
    environ['PYTHONPATH'] = environment.python_path(before)
    sys.stdout.flush()
    try:
        os.execve(path, argv, environ)  # noqa: S606
    except OSError as exc:
        raise exceptions.OsdbgError(
            f'{path} cannot be run ({exc.strerror}): look at its first line '
            f'and its permissions'
        ) from exc


def _homes(backend: str) -> list[str]:
    """Return the directories that osdbg and its debugger lie in."""
    homes = {os.path.dirname(os.path.dirname(environment.SITE)): None}
    module = backends.find(backend).module
    spec = importlib.util.find_spec(module) if module else None
    if spec is not None and spec.origin is not None:
        home = os.path.dirname(spec.origin)
        if spec.submodule_search_locations is not None:
            home = os.path.dirname(home)
        homes[home] = None
    return list(homes)


def _backend(arguments: argparse.Namespace) -> str:
    given = sources.from_environ(os.environ)
    name: str = arguments.backend or given.get('backend', ('debugpy',))[0]
    return name


def variables(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the variables that have the effect of the options.

    :raises: InvalidOption, UnknownBackend, BackendLacks
    """
    added = {}
    for setting in option_table.SETTINGS:
        text = getattr(arguments, setting.name)
        if text is not None:
            added[settings.env_name(setting.name)] = text
    given = sources.from_environ({**os.environ, **added})
    wished = sources.resolve(given)
    backends.check(wished)
    settings.check(wished)
    if 'port' not in given:
        added[sources.DEFAULT_PORT] = str(addresses.DEFAULT_PORT)
    if arguments.follow_exec:
        added[environment.FOLLOW_EXEC] = '1'
    return added

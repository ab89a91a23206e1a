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

"""``osdbg env``: what ``osdbg run`` would do, as text to paste."""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
import os
import shlex

from osdbg.cli import run as run_
from osdbg import environment
from osdbg import exceptions
from osdbg import settings
from osdbg import sources

_Variables = dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'examples:\n'
        '  osdbg env --systemd --port 5678 > \\\n'
        '      /etc/systemd/system/nova-conductor.service.d/osdbg.conf\n'
        '  osdbg env --uwsgi >> uwsgi.ini\n'
        '  docker run --env-file <(osdbg env) IMAGE\n'
        '  eval "$(osdbg env --shell)"'
    )
    formats = parser.add_mutually_exclusive_group()
    for name, (_write, text) in _FORMATS.items():
        formats.add_argument(
            f'--{name}',
            dest='format',
            action='store_const',
            const=name,
            help=text,
        )
    parser.set_defaults(format='env-file')
    run_.add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the variables.

    :raises: OsdbgError if the options cannot work, or not be written so
    """
    write, _text = _FORMATS[arguments.format]
    print(write(_variables(arguments)))
    return 0


def _variables(arguments: argparse.Namespace) -> _Variables:
    # What is set where this is typed counts for "osdbg run" as well.
    inherited = {
        settings.env_name(name): text
        for name, (text, _) in sources.from_environ(os.environ).items()
    }
    return {
        'PYTHONPATH': environment.python_path(os.environ.get('PYTHONPATH')),
        **inherited,
        **run_.variables(arguments),
    }


def _env_file(variables: _Variables) -> str:
    """Write what systemd, docker and Kolla read alike, or nothing."""
    for name, value in variables.items():
        if value != value.strip() or value.startswith(('"', "'")):
            raise _unfit(name, value, 'begins or ends with what they read')
        if '\\' in value or not value.isprintable():
            raise _unfit(name, value, 'has a character that they read')
    return _lines('{}={}', variables)


def _unfit(name: str, value: str, what: str) -> exceptions.OsdbgError:
    return exceptions.OsdbgError(
        f'{name}={value!r} {what}, systemd and docker, each in its own way: '
        f'write another value, or type --systemd, --kubernetes or --shell'
    )


def _systemd(variables: _Variables) -> str:
    def quote(value: str) -> str:
        # A dollar sign means nothing in Environment=, a percent sign does.
        text = value.replace('\\', '\\\\').replace('"', '\\"')
        return text.replace('%', '%%').replace('\n', '\\n')

    return '[Service]\n' + _lines('Environment="{}={}"', variables, quote)


def _uwsgi(variables: _Variables) -> str:
    def quote(value: str) -> str:
        return value.replace('%', '%%')

    for name, value in variables.items():
        if value != value.strip() or not value.isprintable():
            what = 'has a space or a control character that uWSGI takes out'
        elif '$(' in value or '@(' in value:
            what = 'has a $( or @( that uWSGI would put something in place of'
        else:
            continue
        raise exceptions.OsdbgError(
            f'{name}={value!r} {what}: write another value'
        )
    # Without threads nothing of ours would run (uWSGI before 2.0.27).
    return _lines('env = {}={}', variables, quote) + '\nenable-threads = true'


def _kubernetes(variables: _Variables) -> str:
    def quote(value: str) -> str:
        # Kubernetes reads $(NAME), and $$ as a dollar sign; YAML reads JSON.
        return json.dumps(value.replace('$', '$$'), ensure_ascii=False)

    return 'env:\n' + _lines('- name: {}\n  value: {}', variables, quote)


def _shell(variables: _Variables) -> str:
    others = {k: v for k, v in variables.items() if k != 'PYTHONPATH'}
    path = shlex.quote(environment.python_path(None))
    lines = [f'export PYTHONPATH={path}"${{PYTHONPATH:+:$PYTHONPATH}}"']
    return '\n'.join([*lines, _lines('export {}={}', others, shlex.quote)])


def _json(variables: _Variables) -> str:
    return json.dumps(variables, indent=2)


def _lines(
    line: str, variables: _Variables, quote: Callable[[str], str] = str
) -> str:
    return '\n'.join(
        line.format(name, quote(value)) for name, value in variables.items()
    )


_FORMATS: dict[str, tuple[Callable[[_Variables], str], str]] = {
    'env-file': (
        _env_file,
        'NAME=VALUE, for EnvironmentFile= of systemd, --env-file of docker, '
        'Kolla (the default)',
    ),
    'systemd': (_systemd, 'a drop-in for a unit of systemd'),
    'uwsgi': (_uwsgi, 'lines for the section [uwsgi] of an ini file'),
    'kubernetes': (_kubernetes, 'the env: of a container'),
    'shell': (_shell, 'for eval "$(osdbg env --shell)"'),
    'json': (_json, 'an object'),
}

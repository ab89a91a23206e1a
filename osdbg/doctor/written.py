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

"""The options that were written for a process, wherever they were.

For those that do not run osdbg, and so cannot say. oslo.config is not asked:
it would take the options of the service to read its files.
"""

from __future__ import annotations

from collections.abc import Iterator
import configparser
import glob
import os

from osdbg.doctor import proc
from osdbg import option_table
from osdbg import sources

Written = dict[str, tuple[str, str]]
"""Options, with their text and where it was found."""


def remote_debug(pid: int) -> Written:
    """Return the options of ``[remote_debug]``; the last word counts."""
    found: Written = {}
    for path, parser in _files(pid):
        if parser.has_section(option_table.GROUP):
            for name, value in parser.items(option_table.GROUP):
                if name in option_table.BY_NAME and value:
                    found[name] = (value, path)
    variables = proc.environ(pid) or {}
    found.update(sources.from_environ(variables))
    default = variables.get(sources.DEFAULT_PORT)
    if default:
        found.setdefault('port', (default, sources.DEFAULT_PORT))
    for setting in option_table.SETTINGS:
        if setting.cli:
            flag = f'--{option_table.GROUP}-{setting.name}'
            for value in _values(proc.words(pid), flag):
                found[setting.name] = (value, 'the command line')
    return found


def option(pid: int, group: str, name: str) -> str:
    """Return any option of a service; empty if it is not written."""
    found = ''
    for _path, parser in _files(pid):
        found = parser.get(group, name, fallback=found) or found
    return found


def _files(pid: int) -> Iterator[tuple[str, configparser.ConfigParser]]:
    line = proc.words(pid)
    paths = list(_values(line, '--config-file'))
    for directory in _values(line, '--config-dir'):
        seen = proc.inside(pid, directory)
        paths += [
            os.path.join(directory, os.path.basename(path))
            for path in sorted(glob.glob(f'{seen}/*.conf'))
        ]
    for path in paths or _defaults(proc.name(pid)):
        parser = configparser.ConfigParser(
            strict=False, interpolation=None, allow_no_value=True
        )
        try:
            parser.read_string(proc.text(pid, path))
        except configparser.Error:
            continue
        yield path, parser


def _defaults(program: str) -> list[str]:
    """Return where oslo.config looks if it is not told."""
    project = program.partition('-')[0]
    return [
        f'/etc/{project}/{project}.conf',
        f'/etc/{project}/{program}.conf',
    ]


def _values(line: list[str], flag: str) -> Iterator[str]:
    for word, following in zip(line, [*line[1:], '']):
        if word == flag and following:
            yield following
        elif word.startswith(f'{flag}='):
            yield word.partition('=')[2]

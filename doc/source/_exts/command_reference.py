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

"""``.. osdbg-commands::`` and ``.. osdbg-exit-codes::``, as the code has them.

What a parser knows of its command is all that ``osdbg COMMAND --help`` knows,
so the page lacks no command and no flag.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import importlib
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils import statemachine
from osdbg.cli import main

# The flags that osdbg run and osdbg env make of the table of options.
_OF_THE_TABLE = 'options of [remote_debug]'
_LONGEST_USAGE = 4


def parser(name: str) -> argparse.ArgumentParser:
    """Return what reads the words after ``osdbg NAME``."""
    found = argparse.ArgumentParser(prog=f'osdbg {name}', add_help=False)
    importlib.import_module(f'osdbg.cli.{name}').add_arguments(found)
    return found


def _arguments(found: argparse.ArgumentParser) -> Iterator[str]:
    for group in found._action_groups:
        if group.title == _OF_THE_TABLE:
            yield (
                'And one for each option of ``[remote_debug]``, with dashes '
                'for underscores: :doc:`/configuration/index`.'
            )
            yield ''
            continue
        for action in group._group_actions:
            yield from _argument(action)


def _argument(action: argparse.Action) -> Iterator[str]:
    value = str(action.metavar or action.dest.upper())
    if action.choices:
        value = '{' + ','.join(map(str, action.choices)) + '}'
    if action.option_strings:
        name = ', '.join(action.option_strings)
        name += '' if action.nargs == 0 else f' {value}'
    else:
        name = f'[{value}]' if action.nargs == '?' else value
    meaning = (action.help or '').replace('%%', '%').replace('*', '\\*')
    yield f'``{name}``'
    yield f'   {meaning}'
    yield ''


def _usage(found: argparse.ArgumentParser) -> str:
    usage = found.format_usage().replace('usage: ', '').rstrip()
    if usage.count('\n') < _LONGEST_USAGE:
        return usage
    return f'{found.prog} [OPTION ...] ...'


def _console(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language='text')


class CommandsDirective(Directive):
    """A section for each command: usage, arguments, examples."""

    def run(self) -> list[Any]:
        """Ask every parser."""
        return [self._section(name) for name in main.COMMANDS]

    def _section(self, name: str) -> nodes.section:
        found = parser(name)
        purpose = main.COMMANDS[name]
        purpose = f'{purpose[0].upper()}{purpose[1:]}.'
        section = nodes.section(ids=[f'osdbg-{name}'], names=[found.prog])
        section += nodes.title(found.prog, found.prog)
        section += nodes.paragraph(purpose, purpose)
        section += _console(_usage(found))
        lines = statemachine.StringList()
        for line in _arguments(found):
            lines.append(line, f'osdbg.cli.{name}', 0)
        self.state.nested_parse(lines, self.content_offset, section)
        if found.epilog:
            text = found.epilog % {'prog': found.prog}
            section += _console(text.rstrip())
        return section


class ExitCodesDirective(Directive):
    """The exit codes, in the words of ``osdbg --help``."""

    def run(self) -> list[Any]:
        """Take them out of that text."""
        _, _, codes = main._EPILOG.partition('exit codes:\n')
        entries = nodes.definition_list()
        for line in codes.splitlines():
            code, meaning = line.split(None, 1)
            entry = nodes.definition_list_item()
            entry += nodes.term('', '', nodes.literal(code, code))
            entry += nodes.definition('', nodes.paragraph(meaning, meaning))
            entries += entry
        return [entries]


def setup(app: Any) -> dict[str, bool]:
    """Add the directives to Sphinx."""
    app.add_directive('osdbg-commands', CommandsDirective)
    app.add_directive('osdbg-exit-codes', ExitCodesDirective)
    return {'parallel_read_safe': True}

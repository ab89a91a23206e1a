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

"""The command ``osdbg``.

Each command is a module of this package with ``add_arguments()`` and
``run()``. It is imported only when its name is typed, so that ``--help`` is
quick however much the commands need.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import importlib
import os
import sys
from typing import Any

from osdbg import exceptions

COMMANDS = {
    'attach': 'open a terminal on a breakpoint() that waits for one',
    'bridge': 'bring a debug port to an IDE that cannot reach it by itself',
    'close': 'send clients away from a service, and let no more come',
    'completion': 'print what lets a shell complete commands and services',
    'demo': 'watch a service with three workers being debugged',
    'doctor': 'find out why a breakpoint does not stop',
    'env': 'print the environment that has the effect of osdbg run',
    'ide': 'write the configuration that an IDE or editor needs',
    'open': 'let clients come to a service with activate = on_demand',
    'ps': 'show every armed process: what it does, where, and for whom',
    'run': 'run an unmodified service under osdbg',
    'stacks': 'show where each thread and green thread is, and why it waits',
}
"""Every command and what it is for, in one line."""

_INTERRUPTED = 130
_EPILOG = """\
examples:
  osdbg run --port 5678 -- nova-conductor
  osdbg ps
  osdbg COMMAND --help      more of them

exit codes:
  0    the command did what it is for
  1    it did not: one line on stderr says why, and what to type
  2    it was not written as it should be
  130  it was interrupted
"""
# Where the purposes begin, beside the longest name.
_HELP_COLUMN = 16
# argcomplete runs the command so, to know what could come next.
_COMPLETING = '_ARGCOMPLETE'


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    :param argv: the words after ``osdbg``; those of this process if None
    :returns: the exit code: 0 only if the command did what it is for
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        command, arguments = _parse(words)
        return int(command.run(arguments))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; say so to nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except exceptions.OsdbgError as exc:
        reason = str(exc)
    except Exception as exc:
        reason = f'{type(exc).__name__}: {exc}'
    # It may quote a service, whatever that has in it.
    reason = importlib.import_module('osdbg.cli.processes').show(reason)
    print(f'osdbg {words[0]}: {reason}', file=sys.stderr)
    return 1


def _parse(words: list[str]) -> tuple[Any, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog='osdbg',
        usage='osdbg COMMAND [ARGUMENT ...]',
        description='Make any OpenStack or oslo service debuggable.',
        epilog=_EPILOG,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
            prog, max_help_position=_HELP_COLUMN
        ),
    )
    commands = parser.add_subparsers(
        dest='command',
        title='commands',
        # As long as a name needs, or its line would be broken.
        metavar='COMMAND [ARGUMENT ...]',
        required=True,
    )
    module, meant = None, parser
    named = _completed() if _COMPLETING in os.environ else words[:1]
    for name, purpose in COMMANDS.items():
        subparser = commands.add_parser(
            name,
            prog=f'osdbg {name}',
            help=purpose,
            description=f'{purpose[0].upper()}{purpose[1:]}.',
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if named == [name]:
            module = importlib.import_module(f'osdbg.cli.{name}')
            module.add_arguments(subparser)
            meant = subparser
    if _COMPLETING in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    if meant is parser or words[0] == 'run':
        # What stands after the command of "run" is not ours.
        return module, parser.parse_args(words)
    # Up to Python 3.12 an option between two words would end them.
    return module, meant.parse_intermixed_args(words[1:])


def _completed() -> list[str]:
    """Return the command in a line that is being completed."""
    return os.environ.get('COMP_LINE', '').split()[1:2]

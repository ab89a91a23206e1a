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

"""``osdbg open``: let clients come."""

from __future__ import annotations

import argparse
import re

from osdbg.cli import switch

_UNITS = {'': 1, 's': 1, 'm': 60, 'h': 3600, 'd': 24 * 3600}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'examples:\n'
        '  osdbg open nova-conductor              all its workers\n'
        '  osdbg open nova-conductor/1 --for 30m\n'
        '  osdbg open 4711                        by process id\n'
        '  osdbg open --port 5679                 there until it is closed\n'
        '  osdbg open --json | jq -r ".[].port"   as osdbg ps prints them'
    )
    switch.add_arguments(parser)
    parser.add_argument(
        '--port',
        type=_port,
        metavar='PORT',
        help='where clients may come, or where the IDE listens, until it is '
        'closed; unset, [remote_debug] port',
    )
    parser.add_argument(
        '--for',
        dest='seconds',
        type=_seconds,
        metavar='TIME',
        help='for how long: 90 or 90s, 30m, 2h; 0 for ever; unset, '
        '[remote_debug] open_seconds',
    )


def run(arguments: argparse.Namespace) -> int:
    """Let clients come.

    :returns: 0 only if all that were meant have done so
    :raises: OsdbgError when it is not clear to whom
    """
    return switch.switch(arguments, True, arguments.seconds, arguments.port)


def _port(text: str) -> int:
    # The gateway that a service has may not open those of root.
    if not text.isdecimal() or not 1024 <= int(text) < 65536:
        raise argparse.ArgumentTypeError(
            f'expected a port from 1024 to 65535, found {text!r}'
        )
    return int(text)


def _seconds(text: str) -> float:
    found = re.fullmatch(r'([0-9]{1,9})([smhd]?)', text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(
            f'expected a time such as 90s, 30m or 2h, found {text!r}'
        )
    return float(found[1]) * _UNITS[found[2]]

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

"""``osdbg close``: send clients away, and let no more come."""

from __future__ import annotations

import argparse

from osdbg.cli import switch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'examples:\n  osdbg close nova-conductor\n  osdbg close 4711'
    )
    switch.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Send clients away, and let no more come.

    :returns: 0 only if all that were meant have done so
    :raises: OsdbgError when it is not clear to whom
    """
    return switch.switch(arguments, False)

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

from osdbg.cli import processes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = 'example: osdbg open nova-conductor'
    parser.add_argument(
        'service',
        nargs='?',
        metavar='SERVICE',
        help='a service, one of its workers (nova-conductor/1), or a process '
        'id; unset, the only service there is',
    )


def run(arguments: argparse.Namespace) -> int:
    """Let clients come.

    :raises: OsdbgError when it is not clear to whom
    """
    ids = [process['id'] for process in processes.find(arguments.service)]
    told = processes.ask(ids=ids, open=True)
    found = [process for process in told if process['id'] in ids]
    workers = [process for process in found if process['worker'] is not None]
    for process in workers or found:
        what = (
            'an IDE is called that listens at'
            if process['dials']
            else 'clients may come at'
        )
        place = f'{process["host"]}:{process["port"]}'
        print(f'{processes.title(process)}: {what} {place}')
    return 0

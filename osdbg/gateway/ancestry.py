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

"""Whether another process may follow one of this host, as far as it shows."""

from __future__ import annotations

import os


def stands_alone(process: int) -> bool:
    """Tell whether it is certain that no launcher forked a process.

    A launcher that is not armed does not show otherwise, but it runs the same
    program. Who may not look, or is no Linux, is not certain.

    :param process: its id
    """
    try:
        with open(f'/proc/{process}/stat', 'rb') as file:
            parent = int(file.read().rpartition(b')')[2].split()[1])
        return _executable(process) != _executable(parent)
    except OSError:
        return False


def is_over(process: int) -> bool:
    """Tell whether it is certain that a process ends.

    One that replaces itself by ``exec`` is still there. One that ends has lost
    its executable before its connections.

    :param process: its id
    """
    try:
        return not _executable(process)
    except OSError as exc:
        return isinstance(exc, (FileNotFoundError, ProcessLookupError))


def _executable(process: int) -> str:
    return os.readlink(f'/proc/{process}/exe')

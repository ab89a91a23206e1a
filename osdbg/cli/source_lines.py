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

"""Lines of source code as a running process has read them."""

from __future__ import annotations

import linecache
import os
import time


class Sources:
    """The files of one process."""

    def __init__(self, pid: int) -> None:
        """Prepare.

        :param pid: of the process: it may have a root directory of its own
        """
        self._proc = f'/proc/{pid}'
        self._began = _began(self._proc)
        self._paths: dict[str, str] = {}

    def line(self, file: str, number: int | None) -> str:
        """Return a line; empty if it cannot be had, or may be another now.

        :param file: as the process calls it
        """
        if file not in self._paths:
            self._paths[file] = self._path(file)
        path = self._paths[file]
        return linecache.getline(path, number or 0) if path else ''

    def _path(self, file: str) -> str:
        base = 'root' if os.path.isabs(file) else 'cwd'
        inside = os.path.join(self._proc, base, file.lstrip('/'))
        for path in (inside, file):
            try:
                changed = os.stat(path).st_mtime
            except (OSError, ValueError):
                continue
            return path if changed < self._began else ''
        return ''


def _began(proc: str) -> float:
    """Return when a process began, in seconds since 1970."""
    try:
        with open(f'{proc}/stat', 'rb') as file:
            ticks = int(file.read().rpartition(b')')[2].split()[19])
    except OSError:
        return time.time()
    ago = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf(
        'SC_CLK_TCK'
    )
    return time.time() - ago

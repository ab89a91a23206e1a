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

import io
import os
import time
import tokenize

from osdbg.doctor import proc


class Sources:
    """The files of one process."""

    def __init__(self, pid: int) -> None:
        """Prepare.

        :param pid: of the process: it may have a root directory of its own
        """
        self._proc = f'/proc/{pid}'
        self._began = _began(self._proc)
        self._files: dict[str, list[str]] = {}

    def line(self, file: str, number: int | None) -> str:
        """Return a line; empty if it cannot be had, or may be another now.

        :param file: as the process calls it
        """
        if file not in self._files:
            self._files[file] = self._read(file)
        lines = self._files[file]
        if not isinstance(number, int) or not 0 < number <= len(lines):
            return ''
        return lines[number - 1]

    def _read(self, file: str) -> list[str]:
        base = 'root' if os.path.isabs(file) else 'cwd'
        inside = os.path.join(self._proc, base, file.lstrip('/'))
        for path in (inside, file):
            try:
                changed = os.stat(path).st_mtime
            except (OSError, ValueError):
                continue
            # A name that the service has made up may be that of a pipe.
            data = proc.regular(path) if changed < self._began else None
            return _lines(data or b'')
        return []


def _lines(data: bytes) -> list[str]:
    """Split a source as Python does."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        return []
    return io.StringIO(data.decode(encoding, 'replace'), None).readlines()


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

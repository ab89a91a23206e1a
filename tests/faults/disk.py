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

"""A small disk, which can be filled without harm to any other."""

from pathlib import Path
import subprocess

_FILLER = 'filler'


class Disk:
    """A file system in memory."""

    def __init__(self, directory: str) -> None:
        """Mount it.

        :param directory: where; it must exist
        :raises: OSError, subprocess.CalledProcessError if that is not allowed
        """
        self.directory = directory
        subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=4m', 'osdbg', directory],
            check=True,
            capture_output=True,
        )

    def fill(self) -> None:
        """Leave no room on it."""
        with open(Path(self.directory, _FILLER), 'wb', buffering=0) as file:
            for size in (65536, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def clear(self) -> None:
        """Make room, as somebody does who removes old logs."""
        for path in Path(self.directory).iterdir():
            path.unlink()

    def close(self) -> None:
        """Take it away, whoever still writes to it."""
        subprocess.run(['umount', '--lazy', self.directory], check=True)

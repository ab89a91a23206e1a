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

"""A Python whose clock of the day can be set, and nobody else's with it.

The host's clock is everybody's, and a time namespace has only monotonic
clocks. So the C library's functions are overlaid, in the service and in what
it starts. osdbg takes nothing of that kind over into the gateway; but it runs
it by ``sys.executable``, which is here a script that does.
"""

import mmap
import os
from pathlib import Path
import shutil
import struct
import subprocess
import sys
import time

_HOUR = 3600
_ASK = """
import subprocess, sys
subprocess.run([sys.executable, '-c', 'import time; print(time.time())'])
"""
_LIBRARY_SOURCE = Path(__file__).with_suffix('.c')


class Clock:
    """A virtual environment of its own, like the one we run in."""

    def __init__(self, directory: str) -> None:
        """Make it in a directory.

        :raises: OSError, subprocess.CalledProcessError without a compiler
        """
        home = Path(directory)
        jump, library = home / 'jump', home / 'clock.so'
        jump.write_bytes(bytes(mmap.PAGESIZE))
        subprocess.run(
            ['cc', '-shared', '-fPIC', '-O2', f'-DJUMP="{jump}"']
            + ['-o', str(library), str(_LIBRARY_SOURCE)],
            check=True,
            capture_output=True,
        )
        self._jump = jump
        self.python = str(home / 'bin' / 'python3')
        self._make_environment(home, library)
        self._check()

    def _make_environment(self, home: Path, library: Path) -> None:
        (home / 'bin').mkdir()
        (home / 'lib').symlink_to(Path(sys.prefix) / 'lib')
        real = Path(os.path.realpath(sys.executable))
        (home / 'pyvenv.cfg').write_text(f'home = {real.parent}\n')
        # By its argv[0] Python finds pyvenv.cfg, and knows sys.executable.
        script = Path(self.python)
        script.write_text(
            f'#!{shutil.which("bash")}\n'
            f'LD_PRELOAD={library} exec -a "$0" {real} "$@"\n'
        )
        script.chmod(0o755)

    def _check(self) -> None:
        """See that it is felt, and in all that a program starts itself."""
        self.jump(_HOUR)
        found = subprocess.run(
            [self.python, '-c', _ASK], check=True, capture_output=True
        )
        self.jump(0)
        ahead = float(found.stdout) - time.time()
        if not _HOUR / 2 < ahead < 2 * _HOUR:
            raise OSError(f'a clock that should be ahead is so by {ahead} s')

    def jump(self, seconds: int) -> None:
        """Be so many seconds ahead of the real time."""
        with open(self._jump, 'r+b') as file:
            file.write(struct.pack('l', seconds))

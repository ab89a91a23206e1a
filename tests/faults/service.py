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

"""The service under load, and what the system knows of its processes."""

from collections.abc import Iterator
import os
from pathlib import Path
import re
import signal

from tests.functional.harness import alive
from tests.functional.harness import command_line
from tests.functional.harness import kill
from tests.functional.harness import Process
from tests.functional.harness import ROOT
from tests.functional.harness import wait_until
from tests.functional.harness import Worker

SOURCE = str(ROOT / 'osdbg' / 'cli' / 'demo_service.py')


class LoadedService(Process):
    """The demo's service; its workers share a port and have one each."""

    def __init__(
        self,
        python: str,
        environ: dict[str, str],
        concurrency: str,
        workers: int,
        config: str,
    ) -> None:
        """Start it.

        :param python: the interpreter, which may have a clock of its own
        :param config: the path of its configuration file
        """
        words = ['--concurrency', concurrency, '--workers', str(workers)]
        super().__init__(
            [python, '-m', 'tests.faults.program', *words]
            + ['--config-file', config],
            environ,
            f'{concurrency} service',
        )
        self.number_of_workers = workers

    @property
    def http_port(self) -> int:
        """The port that all workers serve."""
        return int(self.wait_log(r'DEMO service \d+ (\d+)')[0].group(1))

    def workers(self) -> list[Worker]:
        """Return the living workers that are ready, oldest first.

        Another process may have the number of one that is no more, or a
        thread, which has its files in /proc, but is not listed there.
        """
        found = re.findall(r'DEMO worker (\d+) (\d+)', self.log)
        ports = {int(pid): int(port) for pid, port in found}
        living = {pid for pid in group(self.pid) if alive(pid)}
        return [Worker(pid, ports[pid]) for pid in ports if pid in living]

    def wait_workers(self) -> list[Worker]:
        """Wait until all workers are there."""

        def ready() -> list[Worker]:
            workers = self.workers()
            whole = len(workers) == self.number_of_workers
            return workers if whole else []

        try:
            return wait_until(f'{self.number_of_workers} workers', ready)
        except TimeoutError as error:
            found = [describe(pid) for pid in group(self.pid)]
            raise TimeoutError(f'{error}: {self.workers()} {found}') from None


def breakpoint_line() -> int:
    """Return where the demo stops."""
    lines = Path(SOURCE).read_text().splitlines()
    return 1 + next(
        index for index, line in enumerate(lines) if '# the break' in line
    )


def freeze(pid: int) -> None:
    """Stop a process by a signal; return when it does not run any more."""
    kill(pid, signal.SIGSTOP)
    wait_until('frozen process', lambda: state(pid) in 'TZX')


def thaw(pid: int) -> None:
    """Let a frozen process go on."""
    kill(pid, signal.SIGCONT)


def state(pid: int) -> str:
    """Return the letter of ``ps``; X for a process that is no more."""
    return (_stat(pid) or ['X'])[0]


def describe(pid: int) -> str:
    """Tell an error what a process is."""
    parent = _stat(pid)[1:2]
    return f'{pid} {state(pid)}, child of {parent}: {command_line(pid)}'


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return []
    return text.rpartition(')')[2].split()


def group(leader: int) -> set[int]:
    """Return the processes of a group, also those that have ended.

    cotyledon's have their titles where their environment was.
    """
    pids = map(int, filter(str.isdigit, os.listdir('/proc')))
    return {pid for pid in pids if _stat(pid)[2:3] == [str(leader)]}


def threads(pid: int) -> int:
    """Return how many native threads a process has."""
    return len(os.listdir(f'/proc/{pid}/task'))


def descriptors(pid: int) -> list[str]:
    """Return what a process has open, in the words of the system."""
    found = []
    for name in os.listdir(f'/proc/{pid}/fd'):
        try:
            found.append(os.readlink(f'/proc/{pid}/fd/{name}'))
        except OSError:
            pass  # closed meanwhile
    return found


def address_space(pid: int) -> int:
    """Return what RLIMIT_AS limits, in bytes."""
    pages = Path(f'/proc/{pid}/statm').read_text().split()[0]
    return int(pages) * os.sysconf('SC_PAGE_SIZE')


def callers(pid: int) -> set[int]:
    """Return the ports of who is connected to a process over loopback."""
    open_ = set(descriptors(pid))
    return {
        remote for inode, remote in _peers() if f'socket:[{inode}]' in open_
    }


def _peers() -> Iterator[tuple[str, int]]:
    for line in Path('/proc/net/tcp').read_text().splitlines()[1:]:
        words = line.split()
        yield words[9], int(words[2].rpartition(':')[2], 16)

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

"""``osdbg bridge`` at the other end of ssh, docker exec or kubectl exec."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
from typing import NoReturn

from osdbg.cli import debug_port
from osdbg.cli import processes
from osdbg import exceptions

# sh finds out whether osdbg is there; nothing else tells it alike everywhere.
_SCRIPT = (
    'command -v "$0" >/dev/null && exec "$0" "$@"; '
    'echo {complaint} >&2; exit 127'
)
_END_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where, and how to get there."""
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        '--ssh',
        metavar='HOST',
        help='the service is on that host; options of ssh may go before it, '
        'as one word: "-p 2222 nova@HOST"',
    )
    ends.add_argument(
        '--docker',
        metavar='CONTAINER',
        help='the service is in that container, as it is written for docker '
        'exec; --user is the one it runs as there',
    )
    ends.add_argument(
        '--kubectl',
        metavar='POD',
        help='the service is in that pod, as it is written for kubectl exec',
    )
    parser.add_argument(
        '-n', '--namespace', metavar='NAME', help='the namespace of POD'
    )
    parser.add_argument(
        '-c', '--container', metavar='NAME', help='the container of POD'
    )
    parser.add_argument(
        '--remote-osdbg',
        metavar='COMMAND',
        default='osdbg',
        help='what osdbg is called there, if it is not on the PATH: '
        '/var/lib/kolla/venv/bin/osdbg, or "sudo -u nova osdbg"',
    )


def command(arguments: argparse.Namespace) -> list[str] | None:
    """Return what runs ``osdbg bridge`` where the service is.

    :returns: the words of a command; None if that is this host
    :raises: OsdbgError if it cannot be run
    """
    pod = (arguments.namespace, arguments.container)
    if arguments.kubectl is None and any(pod):
        raise exceptions.OsdbgError(
            '--namespace and --container are those of a pod: type --kubectl '
            'POD'
        )
    for tool, reach in _TOOLS.items():
        place = getattr(arguments, tool)
        if place is not None:
            if shutil.which(tool) is None:
                raise exceptions.OsdbgError(
                    f'{tool} is no program on the PATH: install it'
                )
            there = _there(arguments, place)
            return reach(_split(tool, place), there, arguments)
    return None


def _ssh(
    place: list[str], there: list[str], arguments: argparse.Namespace
) -> list[str]:
    # One word: ssh joins its words by blanks, for a shell to split.
    return ['ssh', '-T', *place, shlex.join(there)]


def _docker(
    place: list[str], there: list[str], arguments: argparse.Namespace
) -> list[str]:
    user = ['--user', arguments.user] if arguments.user else []
    return ['docker', 'exec', '-i', *user, *place, *there]


def _kubectl(
    place: list[str], there: list[str], arguments: argparse.Namespace
) -> list[str]:
    for option in ('namespace', 'container'):
        value = getattr(arguments, option)
        place += [f'--{option}', value] if value else []
    return ['kubectl', 'exec', '-i', *place, '--', *there]


_TOOLS = {'ssh': _ssh, 'docker': _docker, 'kubectl': _kubectl}


def _there(arguments: argparse.Namespace, place: str) -> list[str]:
    """Return the command that the other end is to run."""
    osdbg = _split('remote-osdbg', arguments.remote_osdbg)
    complaint = processes.show(
        f'osdbg bridge: {place} has no {osdbg[0]} on its PATH: install it '
        f'there, or type --remote-osdbg and where it is'
    )
    words = ['bridge']
    for option in ('connect', *debug_port.FILES, 'user'):
        value = getattr(arguments, option)
        if value is None or (option == 'user' and arguments.docker):
            continue
        words += [f'--{option}', value]
    if arguments.service is not None:
        words.append(arguments.service)
    script = _SCRIPT.format(complaint=shlex.quote(complaint))
    return ['sh', '-c', script, *osdbg, *words]


def _split(option: str, text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise exceptions.OsdbgError(
            f'--{option} {processes.show(text)} cannot be read: {exc}'
        ) from exc
    if not words:
        raise exceptions.OsdbgError(f'--{option} names nothing')
    return words


def become(words: list[str]) -> NoReturn:
    """Be that command, so that an IDE that ends this one ends it.

    :raises: OSError
    """
    # Python ignores it, and what is executed would, too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(words[0], words)  # noqa: S606


class FarEnd:
    """That command, to be run as often as an IDE connects."""

    def __init__(self, words: list[str]) -> None:
        """Take the words of the command."""
        self._words = words

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[debug_port.Streams]:
        """Run it for as long as this lasts; it says itself what fails.

        :raises: OsdbgError if it ends without a word to the IDE
        """
        process, near = self._start()
        try:
            reader, writer = await asyncio.open_connection(sock=near)
            try:
                yield reader, writer
            finally:
                writer.close()
        except debug_port.Silence as exc:
            code = await _end(process)
            raise exceptions.OsdbgError(
                f'{self._words[0]} has ended ({code}): see what it said'
            ) from exc
        finally:
            await _end(process)

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        # Not by asyncio: up to Python 3.11 it waits for ever for a process
        # whose start is cancelled.
        near, far = socket.socketpair()
        with far:
            try:
                number = far.fileno()
                process = subprocess.Popen(
                    self._words, stdin=number, stdout=number
                )
            except OSError as exc:
                near.close()
                raise exceptions.OsdbgError(
                    f'{self._words[0]} cannot be run: {exc.strerror}'
                ) from exc
        return process, near


async def _end(process: subprocess.Popen[bytes]) -> int:
    """See it end: by itself, since its input does, or else by force.

    :returns: its exit code
    """
    loop = asyncio.get_running_loop()
    for end in (None, process.terminate, process.kill):
        if end is not None:
            end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return await loop.run_in_executor(None, process.wait, _END_SECONDS)
    return process.wait()

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

"""What it takes to find out who connects, before it is let in.

Beside it, in the same run: what a connection to oneself takes at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
import contextlib
import resource
import socket
import statistics
import subprocess
import sys
import time

from benchmarks import lab as lab_
from benchmarks.targets import Row
from osdbg.gateway import peers

_OTHERS = (0, 4000)
_BUSY = """
import socket, sys
listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
held = []
for _ in range(int(sys.argv[1])):
    held.append(socket.create_connection(listener.getsockname()))
    held.append(listener.accept()[0])
print(flush=True)
sys.stdin.read()
"""


def measure(quick: bool) -> list[Row]:
    """Measure on a host as it is, and with thousands of connections."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = []
    for others in _OTHERS:
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(
                socket.create_server(('127.0.0.1', 0), backlog=1024)
            )
            stack.enter_context(_busy(others))
            found = [
                _check_once(listener) for _ in range(20 if quick else 200)
            ]
        for what in found[0]:
            values = [times[what] for times in found]
            rows.append(
                Row(
                    'checks',
                    f'{what}, {others} other connections',
                    1000 * statistics.median(values),
                    'ms',
                    lab_.quartiles([1000 * value for value in values]),
                )
            )
    return rows


@contextlib.contextmanager
def _busy(connections: int) -> Iterator[None]:
    """Have another process, of the same user, hold connections."""
    with subprocess.Popen(
        [sys.executable, '-c', _BUSY, str(connections)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate()


def _connect(
    stack: contextlib.ExitStack, listener: socket.socket
) -> socket.socket:
    stack.enter_context(socket.create_connection(listener.getsockname()))
    return stack.enter_context(listener.accept()[0])


def _check_once(listener: socket.socket) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        start = time.perf_counter()
        accepted = _connect(stack, listener)
        connected = time.perf_counter()
        peer = peers.identify(accepted)
        known = time.perf_counter()
        asyncio.run(peers.describe(peer))
        described = time.perf_counter()
    return {
        'a connection': connected - start,
        'whose it is': known - connected,
        'who that is': described - known,
    }

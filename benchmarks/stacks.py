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

"""How long ``osdbg stacks`` takes, and a request meanwhile.

The request is the smallest there is: a byte, and a byte back, from a green
thread. Beside it, in the same process: how long it takes at other times.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import harness

_GROUP = 'stacks'
_COUNTS = (1_000, 10_000)
# As many calls deep as a request in a service, and as much else in memory.
_PROGRAM = """
import eventlet
eventlet.monkey_patch()
import socket, sys, time
import osdbg

def wait(depth):
    wait(depth - 1) if depth else time.sleep(1000)

def serve(client):
    while data := client.recv(1):
        client.sendall(data)

others = [[number] for number in range(200_000)]
osdbg.init()
listener = socket.create_server(('127.0.0.1', 0))
for _ in range(int(sys.argv[1])):
    eventlet.spawn(wait, 20)
eventlet.sleep(1)
print('LISTENING', listener.getsockname()[1], flush=True)
while True:
    eventlet.spawn(serve, listener.accept()[0])
"""


def measure(quick: bool) -> list[Row]:
    """Measure with some and with many green threads."""
    rows = []
    for count in _COUNTS:
        with lab_.Lab() as lab:
            rows += _measure(lab, count, 5 if quick else 20)
    return rows


def _measure(lab: lab_.Lab, count: int, runs: int) -> list[Row]:
    service = harness.Process(
        [sys.executable, '-c', _PROGRAM, str(count)],
        dict(lab.environ, OS_REMOTE_DEBUG__PORT=str(harness.free_port())),
        'green',
    )
    lab.callback(service.kill)
    found = service.wait_log(r'LISTENING (\d+)', timeout=lab_.SECONDS)
    port = int(found[0].group(1))
    client = lab.enter_context(socket.create_connection(('127.0.0.1', port)))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    words = [sys.executable, '-m', 'osdbg', 'stacks']
    _look(lab, client, words)  # writes the bytecode, and is armed
    looks = [_look(lab, client, words) for _ in range(runs)]
    quiet = [_look(lab, client, ['sleep', '0.2'])[1] for _ in range(runs)]
    what = f'{count} green threads'
    longest = [1000 * longest for _, longest in looks]
    return [
        lab_.milliseconds(
            _GROUP, f'command, {what}', [1000 * took for took, _ in looks]
        ),
        lab_.milliseconds(
            _GROUP,
            f'longest request meanwhile, {what}',
            longest,
            f'; of all {max(longest):.0f} ms, at other times '
            f'{1000 * statistics.median(quiet):.1f} ms',
        ),
    ]


def _look(
    lab: lab_.Lab, client: socket.socket, words: list[str]
) -> tuple[float, float]:
    """Run a command.

    :returns: how long it takes, and the longest request meanwhile, in seconds
    """
    longest, start = 0.0, time.perf_counter()
    with subprocess.Popen(
        words, env=lab.environ, stdout=subprocess.PIPE
    ) as command:
        while command.poll() is None:
            asked = time.perf_counter()
            client.sendall(b'x')
            client.recv(1)
            now = time.perf_counter()
            longest = max(longest, now - asked)
            time.sleep(0.001)
        took = now - start
    if command.returncode:
        raise RuntimeError(f'{words} ended with {command.returncode}')
    return took, longest

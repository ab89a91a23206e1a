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

"""Keep a service busy: with wrk where there is one, else by ourselves.

``python -m benchmarks.load PORT SECONDS CONNECTIONS`` is the latter.
"""

from __future__ import annotations

import re
import selectors
import shutil
import socket
import subprocess
import sys
import time

from tests.functional.harness import ROOT

_REQUEST = b'GET /servers?count=10 HTTP/1.1\r\nHost: localhost\r\n\r\n'
_UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0}


class ServiceBroken(Exception):
    """The service does not answer as it should."""


def run(port: int, seconds: int, connections: int) -> tuple[int, float]:
    """Send requests as fast as they are answered.

    :returns: the number of requests and the seconds they took
    :raises: ServiceBroken
    """
    url = f'http://127.0.0.1:{port}/servers?count=10'
    argv = ['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', url]
    if shutil.which('wrk') is None:
        argv = [sys.executable, '-m', 'benchmarks.load']
        argv += [str(port), str(seconds), str(connections)]
    done = subprocess.run(
        argv,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds + 30,
        text=True,
    )
    found = re.search(r'(\d+) requests in ([\d.]+)(ms|s|m)', done.stdout)
    bad = re.search(r'Non-2xx.*|Socket errors.*', done.stdout)
    if bad or not found or found.group(1) == '0':
        reason = bad.group() if bad else 'no request was answered'
        raise ServiceBroken(reason)
    return int(found[1]), float(found[2]) * _UNITS[found[3]]


def _generate(port: int, seconds: float, connections: int) -> None:
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        sock = socket.create_connection(('127.0.0.1', port), 5)
        sock.sendall(_REQUEST)
        selector.register(sock, selectors.EVENT_READ)
    answered = 0
    start = time.perf_counter()
    while time.perf_counter() < start + seconds:
        for key, _ in selector.select(1):
            assert isinstance(key.fileobj, socket.socket)
            # An answer is one small segment: what comes is a whole one.
            if not key.fileobj.recv(65536).startswith(b'HTTP/1.1 200'):
                raise SystemExit('Socket errors: not answered with 200')
            answered += 1
            key.fileobj.sendall(_REQUEST)
    took = time.perf_counter() - start
    print(f'{answered} requests in {took:.4f}s')


if __name__ == '__main__':
    _generate(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

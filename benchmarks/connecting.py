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

"""Time from the moment an IDE listens until it is of use to its user.

The service waits for it already, and is started anew for each figure, as the
first connection in a process is the one that imports the debugger. pydevd's
own protocol does not say whether a breakpoint is verified: there it is one
that stops a request.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import threading
import time
from typing import Any
import urllib.request

from benchmarks import lab as lab_
from benchmarks.targets import Row
from tests.functional import dap
from tests.functional import harness
from tests.functional import pydev_ide

_VERIFIED = 'first verified breakpoint'
_STOPPED = 'first request stopped'
# An IDE comes at any moment between two calls.
_BETWEEN_SECONDS = 0.5
_RETRY_SECONDS = 0.01
_DIALECTS = {'pydevd': 'pydev', 'pydevd_pycharm': 'pycharm'}


def measure(quick: bool) -> list[Row]:
    """Measure the debuggers that connect to the IDE."""
    rows = []
    for backend in ('debugpy', *_DIALECTS):
        found: dict[str, list[float]] = {}
        for number in range(3 if quick else 21):
            with lab_.Lab() as lab:
                lab.environ['PYTHONPYCACHEPREFIX'] = ''
                times = _connect_twice(lab, backend)
            if number:  # the first one writes the bytecode
                for what, seconds in times.items():
                    found.setdefault(what, []).append(seconds)
        for what, values in found.items():
            rows.append(
                Row(
                    'connecting',
                    f'{backend}, {what}',
                    statistics.median(values),
                    's',
                    f'{lab_.quartiles(values)}; at most {max(values):.2f}',
                )
            )
    return rows


def _connect_twice(lab: lab_.Lab, backend: str) -> dict[str, float]:
    service = lab.start(
        'eventlet', 'osdbg', backend=backend, direction='connect'
    )
    found = {}
    for suffix in '', ', next time':
        time.sleep(random.uniform(0, _BETWEEN_SECONDS))
        for what, seconds in _connect(service, backend).items():
            found[what + suffix] = seconds
    return found


def _connect(service: lab_.Service, backend: str) -> dict[str, float]:
    if backend == 'debugpy':
        return _connect_adapter(service)
    return _connect_ide(service, _DIALECTS[backend])


def _connect_adapter(service: lab_.Service) -> dict[str, float]:
    client = dap.ListeningClient(service.debug_port, timeout=lab_.SECONDS)
    client.break_at(lab_.SERVICE, harness.line_of('cold', lab_.SERVICE))
    try:
        client.attach()
        with _requests(service):
            stop = client.wait_stopped()
            stopped = time.monotonic()
        stop.resume()
        client.detach()
        return {
            _VERIFIED: client.ready - client.listening,
            _STOPPED: stopped - client.listening,
        }
    finally:
        client.hang_up()


def _connect_ide(service: lab_.Service, dialect: str) -> dict[str, float]:
    ide = pydev_ide.Ide(service.debug_port, dialect, timeout=lab_.SECONDS)
    ide.break_at(lab_.SERVICE, harness.line_of('cold', lab_.SERVICE))
    try:
        listening = time.monotonic()
        ide.listen()
        ide.wait_attached()
        with _requests(service):
            ide.wait_stopped()
            stopped = time.monotonic()
        return {_STOPPED: stopped - listening}
    finally:
        ide.close()


@contextlib.contextmanager
def _requests(service: lab_.Service) -> Any:
    """Send requests that come to the breakpoint, one after the other."""
    over = threading.Event()
    url = f'http://127.0.0.1:{service.http_port}/servers?count=-1'

    def send() -> None:
        while not over.wait(_RETRY_SECONDS):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=lab_.SECONDS).close()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()

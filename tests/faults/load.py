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

"""Many requests at a time, each with a number that the answer repeats."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import http.client
import itertools
import json
import random
import threading
import time

from tests.faults.ledger import Ledger
from tests.functional.harness import wait_until

VISITORS = 8
PAUSE = (0.05, 0.2)
LENGTHS = (1, 1, 1, 20, 200)
"""After how many requests a connection is closed."""
SECONDS = 60.0
"""Longer than anything may stop a worker."""


class Load:
    """Visitors of the port that all workers serve."""

    def __init__(self, port: int, ledger: Ledger, seed: int) -> None:
        """Prepare the visitors; ``start`` lets them in."""
        self._port = port
        self._ledger = ledger
        self._numbers = itertools.count(1)
        self._stopped = threading.Event()
        self._admitted = threading.Event()
        self._hurried = False
        self._lock = threading.Lock()
        self._unanswered = self._connected = 0
        self._threads = [
            threading.Thread(
                target=self._visit, args=(random.Random(f'{seed} {n}'),)
            )
            for n in range(VISITORS)
        ]

    def start(self) -> None:
        """Begin."""
        self._admitted.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for the requests on their way."""
        self._stopped.set()
        self._admitted.set()
        for thread in self._threads:
            thread.join()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Have no connection, after the requests on their way."""
        self._hurried = True
        try:
            with self.no_newcomers():
                wait_until('quiet', lambda: not self._connected, SECONDS)
                yield
        finally:
            self._hurried = False

    @contextlib.contextmanager
    def no_newcomers(self) -> Iterator[None]:
        """Let only those go on that a worker has accepted already."""
        self._admitted.clear()
        try:
            wait_until('acceptance', lambda: not self._unanswered, SECONDS)
            yield
        finally:
            self._admitted.set()

    def _visit(self, rng: random.Random) -> None:
        while not self._stopped.is_set():
            self._stopped.wait(rng.uniform(*PAUSE))
            self._admitted.wait()
            with self._lock:
                self._unanswered += 1
                self._connected += 1
            visit = _Visit(self._port, self._ledger)
            try:
                visit.ask(next(self._numbers))
            finally:
                with self._lock:
                    self._unanswered -= 1
            length = rng.choice(LENGTHS)
            while visit.asked < length and visit.usable:
                if self._hurried or self._stopped.wait(rng.uniform(*PAUSE)):
                    break
                visit.ask(next(self._numbers))
            visit.close()
            with self._lock:
                self._connected -= 1


class _Visit:
    """One connection, which a worker keeps once it has accepted it."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._connection = http.client.HTTPConnection(
            '127.0.0.1', port, timeout=SECONDS
        )
        self._ledger = ledger
        self._own_port = 0
        self._pid: int | None = None
        self.asked = 0
        self.usable = True

    def ask(self, number: int) -> None:
        start = time.monotonic()
        self.asked += 1
        try:
            if self._own_port == 0:
                self._connection.connect()
                self._own_port = self._connection.sock.getsockname()[1]
            self._connection.request('GET', f'/hello?name={number}')
            response = self._connection.getresponse()
            found = json.loads(response.read())
            if response.status != 200:
                raise ValueError(f'status {response.status}')
            if not found['hello'].startswith(f'Hello {number},'):
                raise ValueError(f'{found!r} answers request {number}')
            self._pid = found['worker']
            self._ledger.answered(found['worker'], start)
        except Exception as error:
            self.usable = False
            self._ledger.failed(
                self._pid, self._own_port, start, f'{number}: {error!r}'
            )

    def close(self) -> None:
        self._connection.close()

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

"""Keep a service busy.

Written out, rather than left to wrk or ab, because a busy machine asks for
many short measurements on connections that stay open.
"""

from __future__ import annotations

import selectors
import socket
import time
from typing import NamedTuple

from benchmarks import lab

_CONNECTIONS = 8
_TIMEOUT = 10.0
# A process that has waited for a second finds the caches cold: one that is
# measured more often than the others would look some percent faster.
_WARMING_SECONDS = 0.02


class ServiceBroken(Exception):
    """The service does not answer as it should."""


class Speed(NamedTuple):
    """Requests per second of wall time and of the worker's CPU time."""

    wall: float
    cpu: float


class Load:
    """Connections to a service with one worker, kept busy on demand."""

    def __init__(
        self, service: lab.Service, worker: int, servers: int = 10
    ) -> None:
        """Open the connections.

        :param worker: the process id of the worker
        :param servers: how many the application makes for each request
        """
        self.service = service
        self.worker = worker
        path = f'/servers?count={servers}'
        self._request = (
            f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode()
        )
        self._selector = selectors.DefaultSelector()
        for _ in range(_CONNECTIONS):
            sock = socket.create_connection(
                ('127.0.0.1', service.http_port), _TIMEOUT
            )
            self._selector.register(sock, selectors.EVENT_READ)

    def run(self, seconds: float) -> Speed:
        """Have a request under way on every connection, for so long.

        :raises: ServiceBroken
        """
        self._run(_WARMING_SECONDS)
        cpu = lab.cpu_seconds(self.worker)
        start = time.perf_counter()
        answered = self._run(seconds)
        took = time.perf_counter() - start
        used = lab.cpu_seconds(self.worker) - cpu
        return Speed(answered / took, answered / used)

    def _run(self, seconds: float) -> int:
        end = time.perf_counter() + seconds
        for key in list(self._selector.get_map().values()):
            self._send(key)
        answered, open_requests = 0, _CONNECTIONS
        while open_requests:
            ready = self._selector.select(_TIMEOUT)
            if not ready:
                raise ServiceBroken(f'no answer within {_TIMEOUT:.0f} s')
            going_on = time.perf_counter() < end
            for key, _ in ready:
                self._receive(key)
                answered += 1
                if going_on:
                    self._send(key)
                else:
                    open_requests -= 1
        return answered

    def _send(self, key: selectors.SelectorKey) -> None:
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.sendall(self._request)

    def _receive(self, key: selectors.SelectorKey) -> None:
        assert isinstance(key.fileobj, socket.socket)
        # One small answer to one request: what comes is all of it.
        found = key.fileobj.recv(65536)
        if not found.startswith(b'HTTP/1.1 200'):
            raise ServiceBroken(f'answered {found[:40]!r}')

    def close(self) -> None:
        """Close the connections."""
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

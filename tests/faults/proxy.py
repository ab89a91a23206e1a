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

"""Connections that break after any number of bytes, in either direction."""

import random
import select
import socket
import struct
import threading

_MOST = 100_000
_POLL_SECONDS = 0.1


class Cutter:
    """Stands between clients and a port, and cuts what goes through it."""

    def __init__(self, port: int, rng: random.Random) -> None:
        """Listen; what comes in goes to ``port``."""
        self._target = port
        self._rng = rng
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.cuts: list[str] = []
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            if select.select([self._listener], [], [], _POLL_SECONDS)[0]:
                client, _ = self._listener.accept()
                # As many cuts in the first hundred bytes as far behind them.
                offset = int(_MOST ** self._rng.random())
                place = self._rng.choice(('sent', 'received'))
                way = self._rng.choice(('FIN', 'RST'))
                thread = threading.Thread(
                    target=self._pass_on, args=(client, offset, place, way)
                )
                self._threads.append(thread)
                thread.start()

    def _pass_on(
        self, client: socket.socket, left: int, place: str, way: str
    ) -> None:
        cut = f'{way} after {left} bytes {place}'
        with (
            client,
            socket.create_connection(('127.0.0.1', self._target)) as server,
        ):
            other = {client: server, server: client}
            counted = client if place == 'sent' else server
            while not self._closed.is_set():
                for end in select.select(other, [], [], _POLL_SECONDS)[0]:
                    try:
                        most = left if end is counted else 65536
                        data = end.recv(max(1, most))
                        other[end].sendall(data)
                    except OSError:
                        return
                    if end is counted:
                        left -= len(data)
                    if not data:
                        return
                    if left <= 0:
                        self.cuts.append(cut)
                        if way == 'RST':
                            _reset(client)
                            _reset(server)
                        return

    def close(self) -> None:
        """Cut what is left, and listen no more."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def _reset(end: socket.socket) -> None:
    """Have ``close`` send RST."""
    linger = struct.pack('ii', 1, 0)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

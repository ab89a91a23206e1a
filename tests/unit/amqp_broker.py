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

"""The other end of a py-amqp connection: it agrees, and reads frames."""

import socket
import ssl
import struct
import threading

SECONDS = 20
HEARTBEAT = (8, 0, b'')
# A cipher without a certificate, which only older versions of TLS have.
ANONYMOUS = 'AECDH:@SECLEVEL=0'


def frame(kind, channel, payload):
    head = struct.pack('>BHI', kind, channel, len(payload))
    return head + payload + b'\xce'


def method(*numbers, arguments=b''):
    return frame(1, 0, struct.pack('>HH', *numbers) + arguments)


class Broker:
    """Takes one connection, and its heartbeats of ``heartbeat`` seconds."""

    def __init__(self, heartbeat=60, tls=False):
        self._heartbeat = heartbeat
        self._tls = tls
        self._listener = socket.create_server(('127.0.0.1', 0))
        # Little, so that a writer has to wait soon; with less, TCP itself
        # stalls for seconds now and then.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self._sock = None
        self._thread = threading.Thread(target=self._agree)
        self._thread.start()

    @property
    def address(self):
        return f'127.0.0.1:{self._listener.getsockname()[1]}'

    def _agree(self):
        self._sock, _ = self._listener.accept()
        self._sock.settimeout(SECONDS)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ANONYMOUS)
            self._sock = context.wrap_socket(self._sock, server_side=True)
        self._read(8)
        start = b'\x00\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US'
        self._sock.sendall(method(10, 10, arguments=start))
        self.read_frame()
        tune = struct.pack('>HIH', 0, 131072, self._heartbeat)
        self._sock.sendall(method(10, 30, arguments=tune))
        self.read_frame()
        self.read_frame()
        self._sock.sendall(method(10, 41, arguments=b'\0'))

    def agreed(self):
        """Wait until the connection is open."""
        self._thread.join(SECONDS)

    def _read(self, count):
        data = b''
        while len(data) < count:
            piece = self._sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def read_frame(self):
        """Return the next frame: kind, channel, payload."""
        kind, channel, size = struct.unpack('>BHI', self._read(7))
        payload, end = self._read(size), self._read(1)
        if end != b'\xce':
            raise AssertionError(f'a frame ends with {end!r}')
        return kind, channel, payload

    def take(self):
        """Return what has come, letting no green thread run meanwhile."""
        tls = getattr(self._sock, '_sslobj', None)
        read = tls.read if tls else self._sock.fd.recv
        taken = b''
        try:
            while True:
                taken += read(100000)
        except (BlockingIOError, ssl.SSLWantReadError):
            return taken

    def has_nothing(self):
        """Tell whether nothing has come that was not read."""
        self._sock.setblocking(False)
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        finally:
            self._sock.settimeout(SECONDS)
        return False

    def close(self):
        self._listener.close()
        self._thread.join(SECONDS)
        if self._sock is not None:
            self._sock.close()

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

"""``osdbg bridge``: a debug port for IDEs that cannot reach it themselves.

What is on the other side of a UNIX socket, or of TLS with certificates, comes
to stdin and stdout, or to a port of this machine. Bytes pass as they are.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
import contextlib
import os
import signal
import socket
import ssl
import sys
import threading
from typing import Any

from osdbg import addresses
from osdbg.cli import endpoint
from osdbg import exceptions
from osdbg.gateway import peers
from osdbg.gateway import tls
from osdbg.gateway import unix_socket

_CHUNK = 64 * 1024
_FILES = ('cert', 'key', 'ca')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'examples:\n  ssh HOST osdbg bridge --connect unix:/run/nova/debug'
    )
    parser.add_argument(
        '--connect',
        metavar='ADDRESS',
        required=True,
        help='the debug port: HOST:PORT, unix:/PATH or unix:@NAME',
    )
    parser.add_argument(
        '--listen',
        metavar='ADDRESS',
        help='where the IDE is to connect: 127.0.0.1:PORT or unix:/PATH; '
        'unset, it is served on stdin and stdout',
    )
    for name, text in zip(
        _FILES,
        (
            'your certificate, a PEM file, which tls_client_ca of the service '
            'has signed; with it goes',
            'its private key, and',
            'what has signed the certificate of the service',
        ),
    ):
        parser.add_argument(f'--{name}', metavar='FILE', help=text)
    endpoint.add_user(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pass on what comes, until one side ends.

    :returns: 0 when that was in order
    :raises: OsdbgError if an address or a certificate is of no use
    """
    far = _Far(arguments)
    if arguments.listen is None:
        return asyncio.run(_serve_stdio(far))
    near = _read_address('listen', arguments.listen)
    if not (addresses.is_unix(near[0]) or addresses.is_loopback(near[0])):
        raise exceptions.OsdbgError(
            f'--listen {arguments.listen} would let in whoever reaches it: '
            f'type --listen 127.0.0.1:{near[1]}'
        )
    return asyncio.run(_serve(near, far))


def _read_address(option: str, text: str) -> tuple[str, int]:
    address = endpoint.read(text)
    if address is None:
        raise exceptions.OsdbgError(
            f'--{option} {text} is no address: type HOST:PORT or unix:/PATH'
        )
    return address


class _Far:
    """The debug port."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._host, self._port = _read_address('connect', arguments.connect)
        self.address = addresses.spell(self._host, self._port)
        self._allowed = endpoint.users(arguments.user)
        self._context: ssl.SSLContext | None = None
        files = [getattr(arguments, name) for name in _FILES]
        if any(files):
            self._context = self._read(files)

    def _read(self, files: list[str | None]) -> ssl.SSLContext:
        given = {f'--{n}': file for n, file in zip(_FILES, files) if file}
        if len(given) < len(_FILES):
            raise exceptions.OsdbgError(
                f'{" and ".join(given)} will not do: TLS takes --cert, --key '
                f'and --ca'
            )
        if addresses.is_unix(self._host):
            raise exceptions.OsdbgError(
                f'{self.address} needs no certificate: leave out '
                f'{", ".join(given)}'
            )
        return tls.client_context(list(given), list(given.values()))

    async def connect(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection.

        :raises: OsdbgError
        """
        try:
            reader, writer = await asyncio.wait_for(
                self._connect(), endpoint.CONNECT_SECONDS
            )
            # Who has a certificate has proved more than that.
            if self._context is None:
                await self._check(writer)
            return reader, writer
        except asyncio.TimeoutError:
            why = f'no answer in {endpoint.CONNECT_SECONDS:g} s'
        except OSError as exc:
            why = tls.reason(exc)
        raise exceptions.OsdbgError(
            f'{self.address} cannot be reached ({why}): look into the log of '
            f'the service for its debug port'
        )

    async def _check(self, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info('socket')
        loop = asyncio.get_running_loop()
        end = loop.time() + endpoint.CONNECT_SECONDS
        try:
            while not endpoint.is_trusted(sock, self.address, self._allowed):
                if loop.time() > end:
                    raise endpoint.not_accepted(self.address)
                await asyncio.sleep(endpoint.LOOK_SECONDS)
        except BaseException:
            writer.transport.abort()
            raise

    async def _connect(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if addresses.is_unix(self._host):
            name = addresses.unix_name(self._host)
            return await asyncio.open_unix_connection(name)
        return await asyncio.open_connection(
            self._host, self._port, ssl=self._context
        )


async def _bridge(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    far: _Far,
) -> None:
    """Serve one connection of an IDE by one to the debug port.

    :raises: OsdbgError
    """
    reader, writer = await far.connect()
    typing = asyncio.ensure_future(_pass_on(near_reader, writer))
    failure: Exception | None = None
    some = False
    try:
        async for data in _chunks(reader):
            some = True
            near_writer.write(data)
            await near_writer.drain()
    except OSError as exc:
        failure = exc
    finally:
        typing.cancel()
        writer.close()
    ide_has_left = near_reader.at_eof() or near_reader.exception()
    if not (some or ide_has_left):
        raise endpoint.hung_up(
            far.address, tls.reason(failure) if failure else None
        )


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Tell the debug port what the IDE says; it may be heard to the end."""
    try:
        async for data in _chunks(reader):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.close()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()  # TLS knows only one end for both directions


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        data = await reader.read(_CHUNK)
        if not data:
            return
        yield data


async def _serve_stdio(far: _Far) -> int:
    # By threads: asyncio takes no file for stdin, and no /dev/null.
    ours, theirs = socket.socketpair()
    threading.Thread(target=_read_stdin, args=(theirs,), daemon=True).start()
    printing = threading.Thread(target=_write_stdout, args=(theirs,))
    printing.daemon = True
    printing.start()
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        await _bridge(reader, writer, far)
    finally:
        writer.close()
        await asyncio.get_running_loop().run_in_executor(None, printing.join)
    return 0


def _read_stdin(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(0, _CHUNK):
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)


def _write_stdout(sock: socket.socket) -> None:
    try:
        while data := sock.recv(_CHUNK):
            while data:
                data = data[os.write(1, data) :]
    except OSError:
        sock.shutdown(socket.SHUT_RDWR)  # the IDE has gone


async def _serve(near: tuple[str, int], far: _Far) -> int:
    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            if _may_enter(writer):
                await _bridge(reader, writer, far)
        except exceptions.OsdbgError as exc:
            print(f'osdbg bridge: {exc}', file=sys.stderr, flush=True)
        finally:
            writer.close()

    host, port = near
    address = addresses.spell(host, port)
    server: Any
    try:
        if addresses.is_unix(host):
            server = unix_socket.UnixServer(accept, host)
            await server.start_serving()
        else:
            server = await asyncio.start_server(accept, host, port)
    except (OSError, exceptions.OsdbgError) as exc:
        why = getattr(exc, 'strerror', None) or exc
        raise exceptions.OsdbgError(
            f'cannot listen at {address}: {why}'
        ) from exc
    print(f'attach the IDE to {address}', flush=True)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    try:
        await over.wait()
    finally:
        server.close()
    return 0


def _may_enter(writer: asyncio.StreamWriter) -> bool:
    """Tell whether an IDE may come in, before it is answered a byte."""
    try:
        peer = peers.identify(writer.get_extra_info('socket'))
    except OSError:
        return False
    return peer.uid in (0, os.geteuid())

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

The port of a service, of this host or of another, a UNIX socket, or TLS with
certificates, comes to stdin and stdout, or to a port of this machine. Bytes
pass as they are.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
import contextlib
import os
import signal
import socket
import sys
import threading
from typing import Any, Union

from osdbg import addresses
from osdbg.cli import debug_port
from osdbg.cli.debug_port import DebugPort
from osdbg.cli import far_end
from osdbg.cli.far_end import FarEnd
from osdbg import exceptions
from osdbg.gateway import dap
from osdbg.gateway import peers
from osdbg.gateway import unix_socket

_CHUNK = 64 * 1024
# How long an IDE may take for its first request; it sends that at once.
_FIRST_SECONDS = 2.0
_INTERRUPTED = 130

_Far = Union[DebugPort, FarEnd]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'examples:\n'
        '  osdbg bridge nova-api             for an IDE that starts it\n'
        '  osdbg bridge --ssh HOST nova-api  the same, from another machine\n'
        '  osdbg bridge --docker nova_api\n'
        '  osdbg bridge --kubectl POD -n openstack -c nova-api\n'
        '  osdbg bridge --ssh HOST --listen 127.0.0.1:5678\n'
        '                                    for an IDE that connects'
    )
    far_end.add_arguments(parser)
    parser.add_argument(
        '--listen',
        metavar='ADDRESS',
        help='where the IDE is to connect: 127.0.0.1:PORT or unix:/PATH; '
        'unset, it is served on stdin and stdout',
    )
    debug_port.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pass on what comes, until one side ends.

    :returns: 0 when that was in order
    :raises: OsdbgError if what was typed is of no use
    """
    words = far_end.command(arguments)
    far: _Far = FarEnd(words) if words else DebugPort(arguments)
    if arguments.listen is None:
        if words:
            far_end.become(words)
        # nvim-dap interrupts whom it has started, and warns of an exit code.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return asyncio.run(_serve_stdio(far))
    near = debug_port.read_address('listen', arguments.listen)
    if not (addresses.is_unix(near[0]) or addresses.is_loopback(near[0])):
        raise exceptions.OsdbgError(
            f'--listen {arguments.listen} would let in whoever reaches it: '
            f'type --listen 127.0.0.1:{near[1]}'
        )
    return asyncio.run(_serve(near, far))


async def _bridge(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    far: _Far,
) -> None:
    """Serve one connection of an IDE by one to the service.

    :raises: OsdbgError
    """
    begun = False
    try:
        async with far.connected() as (reader, writer):
            begun = True
            await _converse(near_reader, near_writer, reader, writer)
    except exceptions.OsdbgError as exc:
        if not begun:
            await _refuse(near_reader, near_writer, str(exc))
        raise


async def _converse(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Pass on what both sides say.

    :raises: Silence if the service hangs up on an IDE without a word
    """
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
    ide_has_left = near_reader.at_eof() or near_reader.exception()
    if not (some or ide_has_left):
        raise debug_port.Silence(failure)


async def _refuse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reason: str
) -> None:
    """Tell an IDE why it cannot attach: few show what is on stderr."""
    with contextlib.suppress(dap.ProtocolError, asyncio.TimeoutError, OSError):
        request = await asyncio.wait_for(
            dap.read(reader, dap.STRANGER), _FIRST_SECONDS
        )
        if request is not None and request.get('command') == 'initialize':
            dap.Peer(reader, writer).refuse(request, f'osdbg: {reason}')
            await writer.drain()


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
    ending = asyncio.Event()
    # asyncio keeps none of them once its IDE has left, and they would end as
    # garbage (github.com/python/cpython/issues/90467).
    serving: set[Any] = set()

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        serving.add(asyncio.current_task())
        try:
            # asyncio.run() ends the others, and not who comes while it does.
            if _may_enter(writer) and not ending.is_set():
                await _bridge(reader, writer, far)
        except exceptions.OsdbgError as exc:
            print(f'osdbg bridge: {exc}', file=sys.stderr, flush=True)
        except asyncio.CancelledError:
            pass  # the end of all; Python 3.11 would print a traceback
        finally:
            serving.discard(asyncio.current_task())
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
    code: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # Not by KeyboardInterrupt: it comes to whatever runs at that moment.
    loop.add_signal_handler(signal.SIGINT, code.put_nowait, _INTERRUPTED)
    loop.add_signal_handler(signal.SIGTERM, code.put_nowait, 0)
    try:
        return await code.get()
    finally:
        ending.set()
        server.close()


def _may_enter(writer: asyncio.StreamWriter) -> bool:
    """Tell whether an IDE may come in, before it is answered a byte."""
    try:
        peer = peers.identify(writer.get_extra_info('socket'))
    except OSError:
        return False
    return peer.uid in (0, os.geteuid())

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

"""Mutual TLS: nobody gets in without a certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
import ssl
from typing import Any

from osdbg import exceptions
from osdbg.gateway import dap
from osdbg.gateway import words
from osdbg import settings

_HANDSHAKE_SECONDS = 10.0
# Whoever shakes hands may be anybody.
_MAX_HANDSHAKES = 64
_REPORT_SECONDS = 10.0


def server_context(files: Sequence[str]) -> ssl.SSLContext:
    """Read what it takes to check clients, and to be checked by them.

    :param files: the values of ``settings.TLS``
    :raises: OsdbgError if one cannot be read; it names the option
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.verify_mode = ssl.CERT_REQUIRED
    names = [f'[remote_debug] {name} =' for name in settings.TLS]
    return _load(made, names, files)


def client_context(
    names: Sequence[str], files: Sequence[str]
) -> ssl.SSLContext:
    """Read what it takes to connect to such a server.

    :param names: what the user calls the files
    :param files: certificate, private key, and what signs servers
    :raises: OsdbgError if one cannot be read; it names it
    """
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), names, files)


def _load(
    context: ssl.SSLContext, names: Sequence[str], files: Sequence[str]
) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    cert, key, _ca = files
    # By itself first: what is then wrong with the pair is wrong with the key.
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    loads: tuple[Callable[[str], Any], ...] = (
        alone.load_verify_locations,
        lambda _: context.load_cert_chain(cert, key, _no_passphrase),
        context.load_verify_locations,
    )
    for name, path, load in zip(names, files, loads):
        try:
            with open(path, 'rb'):
                pass
            load(path)
        except OSError as exc:
            raise exceptions.OsdbgError(
                f'{name} {path} cannot be used ({reason(exc)}): correct it, '
                f'or the file'
            ) from exc
    return context


def _no_passphrase() -> str:
    """Answer for whom OpenSSL would ask at the terminal."""
    return ''


def reason(exc: Exception) -> str:
    """Return what OpenSSL or the system has against something."""
    text = getattr(exc, 'verify_message', None)
    code = getattr(exc, 'reason', None)
    if code and not text:
        text = code.replace('_', ' ').lower()
    return text or getattr(exc, 'strerror', None) or str(exc)


def subject(connection: Any) -> str:
    """Return the name in the certificate of a client.

    :param connection: a transport, or a writer
    :returns: nothing without TLS, or a name
    """
    certificate = connection.get_extra_info('peercert') or {}
    names = [
        pair for group in certificate.get('subject', ()) for pair in group
    ]
    return words.quote(dict(names).get('commonName', ''))


class TlsServer:
    """A server that lets in who proves who it is, and reports the others."""

    def __init__(
        self,
        accept: Callable[..., Any],
        admits: Callable[[Any], bool],
        host: str,
        number: int,
        files: tuple[str, ...],
        report: Callable[[str, str], None],
    ) -> None:
        """Prepare to listen.

        :param accept: serves a client that has proved it
        :param admits: tells of a transport whether it may try to
        :param host: where to listen
        :param number: the TCP port
        :param files: the values of ``settings.TLS``
        :param report: is told the address of who has not and its failure,
            once in a while
        :raises: OsdbgError as ``server_context()``
        """
        self._accept = accept
        self._admits = admits
        self._address = (host, number)
        self._context = server_context(files)
        self._report = report
        self._server: asyncio.Server | None = None
        self._handshakes: dict[asyncio.Task[None], Any] = {}
        self._quiet_until = 0.0
        self._unreported = 0

    async def start_serving(self) -> None:
        """Listen.

        :raises: OSError
        """
        # In two steps: whenever this is cancelled, close() has the server.
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Entrance(self._greet), *self._address, start_serving=False
        )
        await self._server.start_serving()

    def _greet(self, transport: Any) -> None:
        if not self._admits(transport):
            transport.abort()
            return
        if len(self._handshakes) >= _MAX_HANDSHAKES:
            # The oldest goes: nobody keeps others out by staying.
            oldest = next(iter(self._handshakes))
            self._handshakes.pop(oldest).abort()
            oldest.cancel()
            self._fail(
                'others', 'too many begin a handshake and do not end it'
            )
        task = asyncio.ensure_future(self._shake_hands(transport))
        self._handshakes[task] = transport
        task.add_done_callback(lambda task: self._handshakes.pop(task, None))

    async def _shake_hands(self, transport: Any) -> None:
        # start_server() would do this, and drop without a word who fails.
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=dap.MAX_HEADER)
        protocol = asyncio.StreamReaderProtocol(reader, self._accept)
        peer = transport.get_extra_info('peername') or ('?',)
        try:
            secured = await loop.start_tls(
                transport,
                protocol,
                self._context,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except (OSError, ssl.CertificateError) as exc:
            transport.abort()
            self._fail(str(peer[0]), reason(exc) or 'it hung up')
        else:
            if secured is not None and not secured.is_closing():
                protocol.connection_made(secured)

    def _fail(self, address: str, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._quiet_until:
            self._unreported += 1
            return
        self._quiet_until = now + _REPORT_SECONDS
        if self._unreported:
            why += f' ({self._unreported} more since the last such line)'
            self._unreported = 0
        self._report(address, why)

    def close(self) -> None:
        """Stop listening, and hang up on those that have not come far."""
        if self._server is not None:
            self._server.close()
        for task in self._handshakes:
            task.cancel()


class _Entrance(asyncio.Protocol):
    """A connection before its handshake."""

    def __init__(self, greet: Callable[[Any], None]) -> None:
        self._greet = greet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the transport over, before anything is read from it."""
        self._greet(transport)

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

"""The debug port that ``osdbg bridge`` leads to, on this host or by TLS."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
import contextlib
import ssl

from osdbg import addresses
from osdbg.cli import endpoint
from osdbg.cli import processes
from osdbg import exceptions
from osdbg.gateway import tls

FILES = ('cert', 'key', 'ca')
"""The options that name what TLS needs."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""What the other side writes, and what it reads."""

# A host that stands for all addresses, and the one of them to take.
_ANY = {'0.0.0.0': '127.0.0.1', '::': '::1'}  # noqa: S104


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which port, and how to it."""
    processes.add_service(parser)
    parser.add_argument(
        '--connect',
        metavar='ADDRESS',
        help='the debug port: HOST:PORT, unix:/PATH or unix:@NAME; unset, '
        'that of SERVICE',
    )
    for name, text in zip(
        FILES,
        (
            'your certificate, a PEM file, which tls_client_ca of the service '
            'has signed; with it goes',
            'its private key, and',
            'what has signed the certificate of the service',
        ),
    ):
        parser.add_argument(f'--{name}', metavar='FILE', help=text)
    endpoint.add_user(parser)


class DebugPort:
    """A debug port, to be connected to as often as an IDE asks for it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Read which one it is.

        :raises: OsdbgError
        """
        self._service = arguments.service
        self._address: tuple[str, int] | None = None
        if arguments.connect is not None:
            if self._service is not None:
                raise exceptions.OsdbgError(
                    f'--connect {arguments.connect} or SERVICE: type one of '
                    f'them'
                )
            self._address = read_address('connect', arguments.connect)
        self._user = arguments.user
        self._allowed = endpoint.users(self._user)
        self._context: ssl.SSLContext | None = None
        files = [getattr(arguments, name) for name in FILES]
        if any(files):
            self._context = self._read(files)

    def _read(self, files: list[str | None]) -> ssl.SSLContext:
        given = {f'--{n}': file for n, file in zip(FILES, files) if file}
        if len(given) < len(FILES):
            raise exceptions.OsdbgError(
                f'{" and ".join(given)} will not do: TLS takes --cert, --key '
                f'and --ca'
            )
        if self._address is None:
            raise exceptions.OsdbgError(
                f'{", ".join(given)} will not do without --connect HOST:PORT'
            )
        if addresses.is_unix(self._address[0]):
            raise exceptions.OsdbgError(
                f'{self._address[0]} needs no certificate: leave out '
                f'{", ".join(given)}'
            )
        return tls.client_context(list(given), list(given.values()))

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Streams]:
        """Connect for as long as this lasts.

        :raises: OsdbgError if it cannot be reached, or hangs up without a
            word
        """
        loop = asyncio.get_running_loop()
        place = self._address
        if place is None:
            place = await loop.run_in_executor(None, self._find)
        host, port = place
        address = addresses.spell(processes.show(host), port)
        reader, writer = await self._connect(host, port, address)
        try:
            yield reader, writer
        except Silence as exc:
            why = tls.reason(exc.failure) if exc.failure else None
            raise endpoint.hung_up(address, why) from exc
        finally:
            writer.close()

    def _find(self) -> tuple[str, int]:
        """Ask where the service listens; it may have moved meanwhile."""
        found = processes.find(self._service)
        found, self._allowed = endpoint.of_one_user(found, self._user)
        if endpoint.are_closed(found):
            raise endpoint.closed(found)
        name = processes.show(found[0]['name'])
        listening = [p for p in found if p['opened'] and not p['dials']]
        if not listening:
            raise exceptions.OsdbgError(
                f'{name} listens nowhere: it calls the IDE, which has to '
                f'listen at {_spell(found[0])}'
            )
        if len({_place(process) for process in listening}) > 1:
            every = ', '.join(sorted({_spell(p) for p in listening}))
            raise exceptions.OsdbgError(
                f'{name} listens at several addresses: type --connect with '
                f'one of {every}'
            )
        process = listening[0]
        if process['tls']:
            raise exceptions.OsdbgError(
                f'{name} asks for a certificate: type --connect '
                f'HOST:{process["port"]} --cert FILE --key FILE --ca FILE'
            )
        if process['trouble']:
            raise exceptions.OsdbgError(processes.show(process['trouble']))
        return _place(process)

    async def _connect(self, host: str, port: int, address: str) -> Streams:
        try:
            reader, writer = await asyncio.wait_for(
                self._open(host, port), endpoint.CONNECT_SECONDS
            )
            # Who has a certificate has proved more than that.
            if self._context is None:
                await self._check(writer, address)
            return reader, writer
        except asyncio.TimeoutError:
            why = f'no answer in {endpoint.CONNECT_SECONDS:g} s'
        except OSError as exc:
            why = tls.reason(exc)
        raise exceptions.OsdbgError(
            f'{address} cannot be reached ({why}): look into the log of the '
            f'service for its debug port'
        )

    async def _check(self, writer: asyncio.StreamWriter, address: str) -> None:
        sock = writer.get_extra_info('socket')
        loop = asyncio.get_running_loop()
        end = loop.time() + endpoint.CONNECT_SECONDS
        try:
            while not endpoint.is_trusted(sock, address, self._allowed):
                if loop.time() > end:
                    raise endpoint.not_accepted(address)
                await asyncio.sleep(endpoint.LOOK_SECONDS)
        except BaseException:
            writer.transport.abort()
            raise

    async def _open(self, host: str, port: int) -> Streams:
        if addresses.is_unix(host):
            name = addresses.unix_name(host)
            return await asyncio.open_unix_connection(name)
        return await asyncio.open_connection(host, port, ssl=self._context)


class Silence(Exception):
    """The other side has hung up without a word."""

    def __init__(self, failure: Exception | None) -> None:
        """Keep what was wrong with the connection, if anything was."""
        super().__init__(failure)
        self.failure = failure


def read_address(option: str, text: str) -> tuple[str, int]:
    """Read the address that an option names.

    :raises: OsdbgError if it is none
    """
    address = endpoint.read(text)
    if address is None:
        raise exceptions.OsdbgError(
            f'--{option} {text} is no address: type HOST:PORT or unix:/PATH'
        )
    return address


def _place(process: processes.Process) -> tuple[str, int]:
    host: str = process['host']
    return _ANY.get(host, host), process['port']


def _spell(process: processes.Process) -> str:
    host = processes.show(process['host'])
    return addresses.spell(host, process['port'])

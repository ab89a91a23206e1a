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

"""How an address is written, and how it is reached from another machine.

Read in every service, as ``settings.py``: it imports nothing.
"""

from __future__ import annotations

DEFAULT_PORT = 5678
"""Where on-demand services listen that name no port, and ``osdbg run``."""

UNIX = 'unix:'
"""How a host begins that is a UNIX socket: a file's path follows, or ``@``
and a name in the abstract namespace."""

# Those before are root's (ip_unprivileged_port_start).
_FIRST_OPEN_PORT = 1024

MAX_UNIX = 107
"""The longest path or name of a UNIX socket, in bytes, on Linux."""


def is_unix(host: str) -> bool:
    """Tell whether a host is a UNIX socket."""
    return host.startswith(UNIX)


def unix_path(host: str) -> str:
    """Return the path of a UNIX socket; nothing for one without a file."""
    path = host[len(UNIX) :]
    return '' if path.startswith('@') else path


def unix_name(host: str) -> str:
    """Return what a UNIX socket is bound and connected to.

    :param host: one for which ``is_unix`` is true
    """
    return unix_path(host) or '\0' + host[len(UNIX) + 1 :]


def tunnel(host: str, port: int | None, tls: bool = False) -> str:
    """Return what to type on the IDE's machine to have a port there.

    :param host: as it is in ``[remote_debug]``
    :param port: None for a UNIX socket
    :param tls: whether clients need a certificate
    """
    number = port or DEFAULT_PORT
    near = tunnelled(port)
    bridge = 'osdbg bridge --connect'
    if tls:
        files = '--cert FILE --key FILE --ca FILE'
        return f'{bridge} HOST:{number} {files} --listen {near}'
    if not is_unix(host):
        return f'ssh -L {number}:{near} HOST'
    if unix_path(host):
        return f'ssh -L {number}:{unix_path(host)} HOST'
    # ssh knows only sockets that are files.
    return f'ssh -L {number}:{near} HOST {bridge} {host} --listen {near}'


def tunnelled(port: int | None) -> str:
    """Return the address that a port has behind its ``tunnel``."""
    return spell('127.0.0.1', port or DEFAULT_PORT)


def spell(host: str, port: int | None) -> str:
    """Write an address as people do.

    :param host: a name, an address, or a UNIX socket, which has no port
    :param port: its port
    """
    if is_unix(host):
        return host
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can connect to an address.

    :param host: an address or a name
    :returns: True for ``localhost``, ``::1`` and all of 127.0.0.0/8
    """
    if host.lower() in ('localhost', '::1'):
        return True
    numbers = host.split('.')
    return (
        len(numbers) == 4
        and numbers[0] == '127'
        and all(n.isdecimal() and int(n) <= 255 for n in numbers)
    )


def takes_rights(host: str, port: int, files: object, dials: bool) -> bool:
    """Tell whether an address takes the rights of its user.

    Whoever is called may go by who calls.

    :param port: 0 for a UNIX socket
    :param files: the certificates it is to have, if any
    :param dials: whether it is called
    """
    return is_unix(host) or bool(files) or port < _FIRST_OPEN_PORT or dials

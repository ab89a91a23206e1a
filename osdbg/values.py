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

"""The kinds of values options have, and how each is read from text.

A converter raises a bare ValueError; who calls it knows the option's name.
"""

from __future__ import annotations

from osdbg import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BOOLEAN = 'boolean'
HOST = 'host'
LIST = 'list'
MAPPINGS = 'mappings'
PORT = 'port'
SECONDS = 'seconds'
STRING = 'string'
WORKERS = 'workers'


def _boolean(text: str) -> bool:
    text = text.lower()
    if text not in _TRUE + _FALSE:
        raise ValueError
    return text in _TRUE


def _host(text: str) -> str:
    if len(text.split()) != 1:
        raise ValueError
    if addresses.is_unix(text):
        name = text[len(addresses.UNIX) :]
        whole = text.isprintable() and name.startswith(('/', '@')) and name[1:]
        # What cannot be encoded cannot be bound either.
        if not whole or len(name.encode()) > addresses.MAX_UNIX:
            raise ValueError
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(',') if item.strip())


def closed(path: str) -> str:
    """Return a directory with a slash at its end, and a file as it is.

    Without the slash, pydevd takes ``/x/novaclient`` for ``client`` in
    ``/x/nova`` (``force_only_slash`` in its ``pydevd_file_utils.py``).
    """
    return path if path.endswith('.py') else path.rstrip('/') + '/'


def _mappings(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in _list(text):
        local, _, remote = item.partition('=')
        if not (local.strip() and remote.strip()):
            raise ValueError
        pairs.append((local.strip(), remote.strip()))
    return tuple(pairs)


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float('inf'):
        raise ValueError
    return seconds


def user_id(name: str) -> int | None:
    """Return the number of a user of this host.

    :param name: what it is called, or its number
    :returns: None if there is no such user
    """
    if name.isdecimal():
        return int(name)
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _workers(text: str) -> str:
    if text in ('all', 'first'):
        return text
    return ','.join(str(_whole(number)) for number in text.split(','))


def _whole(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError
    return int(text)


_TRUE = ('true', '1', 'on', 'yes')
_FALSE = ('false', '0', 'off', 'no')

KINDS: dict[str, tuple[Callable[[str], object], str]] = {
    BOOLEAN: (_boolean, 'true or false'),
    HOST: (
        _host,
        f'a host name or an address, such as 127.0.0.1, or unix:/PATH or '
        f'unix:@NAME, where that is at most {addresses.MAX_UNIX} bytes long',
    ),
    LIST: (_list, 'a list separated by commas'),
    MAPPINGS: (
        _mappings,
        'local=remote, separated by commas, such as '
        '/home/me/nova=/opt/stack/nova',
    ),
    PORT: (_port, 'a port number from 1 to 65535, such as 5678'),
    SECONDS: (_seconds, 'a number of seconds, 0 or more'),
    STRING: (str, 'a text'),
    WORKERS: (_workers, 'all, first, or numbers such as 0,2'),
}

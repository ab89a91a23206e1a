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

"""What agents and commands say, taken for what it is and for nothing else."""

from __future__ import annotations

from typing import Any, TypeVar

from osdbg.gateway import words

_Field = TypeVar('_Field')

# The longest time that anybody may ask for: a year.
_LONGEST = 365 * 24 * 3600
# Of what agents say of themselves; a host name has 253 characters.
_MAX_TEXT = 255
# Of the file and line where a thread has stopped.
_MAX_PLACE = 200


def field(message: dict[str, Any], name: str, kind: type[_Field]) -> _Field:
    """Return what a message has under a name.

    :raises: KeyError, TypeError if that is nothing, or of another kind
    """
    value = message[name]
    if not isinstance(value, kind):
        raise TypeError(f'{name} is {value!r}')
    return value


def seconds_of(message: dict[str, Any], name: str) -> float | None:
    """Return a time that a message has under a name, in seconds.

    :returns: None if it has none; at most a year
    :raises: TypeError if it is anything else
    """
    value = message.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not value >= 0:
        raise TypeError(f'{name} is {value!r}')
    return float(min(value, _LONGEST))


def port_of(message: dict[str, Any], name: str) -> int | None:
    """Return the TCP port that a message has under a name.

    :returns: None if it has none
    :raises: TypeError, ValueError if it is anything else
    """
    return None if message.get(name) is None else tcp_port(message, name)


def tcp_port(message: dict[str, Any], name: str) -> int:
    """Return the TCP port that a message has under a name.

    :raises: KeyError, TypeError, ValueError if it has none
    """
    port = field(message, name, int)
    if not 0 < port < 65536:
        raise ValueError(f'{name} is {port}')
    return port


def place_of(stop: dict[str, Any]) -> str:
    """Return where a thread has stopped, as it may be shown.

    :raises: KeyError, TypeError if that is not told
    """
    return words.quote(field(stop, 'where', str), _MAX_PLACE)


def text(message: dict[str, Any], name: str, most: int = _MAX_TEXT) -> str:
    """Return what a message has under a name, to keep and to show.

    :param most: how many characters it may have
    :raises: KeyError, TypeError, ValueError if that is no short line
    """
    found = field(message, name, str)
    if words.quote(found, most) != found:
        raise ValueError(f'{name} is {words.quote(found)}')
    return found

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

"""What a service's log says of its debug port, once that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osdbg import addresses

if TYPE_CHECKING:
    from osdbg.gateway.group import Group
    from osdbg.gateway.worker import Worker


def write(template: str, group: Group, number: int, worker: Worker) -> str:
    """Fill in an invitation to a worker.

    :param template: may name the ``{name}`` of the service, the ``{address}``
        of the port, the ``{way}`` to it from another machine, if that is no
        plain one, and what ``osdbg attach`` takes, ``{target}``
    :param number: the TCP port that is open
    """
    return template.format(
        name=worker.name,
        address=group.spell(number),
        way=_way(group, number),
        target=target(group, number, worker),
    )


def target(group: Group, number: int, worker: Worker) -> str:
    """Return what ``osdbg attach`` takes to come to a worker.

    :param number: the TCP port that is open
    """
    # It has no certificate to show; by name it comes through the gateway.
    return worker.name if group.tls else group.spell(number)


def _way(group: Group, number: int) -> str:
    if not (group.tls or addresses.is_unix(group.host)):
        return ''
    tunnel = addresses.tunnel(group.host, number, bool(group.tls))
    near = addresses.tunnelled(number)
    return f': on its machine type {tunnel}, and attach it to {near}'


def warn(group: Group, number: int, worker: Worker) -> str:
    """Return what is to be said of a port that is open for anybody, if so.

    :param number: the TCP port that is open
    """
    host = group.host
    if group.tls or addresses.is_unix(host) or addresses.is_loopback(host):
        return ''
    tunnel = addresses.tunnel('127.0.0.1', number)
    return (
        f'whoever reaches {group.spell(number)} runs any code as the user of '
        f'{worker.name}: better remove [remote_debug] host and allow_remote '
        f'and, on the machine of the IDE, type: {tunnel}'
    )

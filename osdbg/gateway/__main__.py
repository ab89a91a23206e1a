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

"""``python -m osdbg.gateway``: become this user's gateway.

In the foreground it says why it cannot; ``--detach`` is how agents start it.
With ``--all-users``, by root, it is there for everybody who has none yet.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from osdbg import exceptions
from osdbg.gateway import bounds
from osdbg.gateway.control import Gateway
from osdbg.gateway import credentials
from osdbg.gateway import private
from osdbg.gateway import protocol

_ANSWER_SECONDS = 5.0


def _detach() -> None:
    """Leave the parent, its session and all that it had open."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir('/')
    os.umask(0o077)
    try:
        highest = max(int(fd) for fd in os.listdir('/proc/self/fd'))
    except OSError:
        highest = 1024
    os.closerange(3, highest + 1)


def _listen() -> tuple[Any, Any, str]:
    """Become the gateway, aside if somebody else has taken its name.

    :returns: the listening socket, or None if there is one already; its
        address; and what there is to say about that
    """
    sock = protocol.listen()
    reason = '' if sock else protocol.squatter()
    if not reason:
        return sock, protocol.address(), ''
    sock = protocol.listen_aside()
    where = protocol.aside()
    notice = (
        f'osdbg: {protocol.place()} {reason}: debugging goes on through '
        f'{where}. To see who that is, type: ss -xap | grep '
        f'{protocol.place()}'
    )
    return sock, where, notice


def _listen_for_all() -> tuple[Any, Any, str]:
    """Become the gateway of all users.

    :raises: GatewayUnavailable if this is not root
    """
    if os.geteuid():
        raise exceptions.GatewayUnavailable(
            'a gateway for all users', 'is root\'s to run: type sudo before it'
        )
    where = protocol.host_address()
    return protocol.listen(where), where, ''


def _meet(address: str) -> int:
    """Say who has the address of a gateway.

    :returns: the exit code
    """
    name = address.replace('\0', '@')
    pid = 0
    try:
        sock = protocol.connect_to(address)
        pid, _ = credentials.peer(sock)
        sock.settimeout(_ANSWER_SECONDS)
        sock.sendall(b'{}\n')
        if not sock.recv(1):  # a gateway hangs up on that
            print(f'osdbg: a gateway is running already at {name}')
            return 0
        reason = 'something else answers'
    except exceptions.GatewayUnavailable as exc:
        reason = exc.reason
    except OSError as exc:
        reason = str(exc.strerror or exc)
    instead = f'end process {pid}' if pid else f'type: ss -xap | grep {name}'
    print(f'osdbg: {name} is taken, but by no gateway ({reason}): {instead}')
    return 1


def main(arguments: list[str]) -> int:
    """Run the gateway until nobody needs it.

    :param arguments: ``--detach``, ``--all-users`` or nothing
    :returns: the exit code
    """
    if '--detach' in arguments:
        _detach()
    for_all = '--all-users' in arguments
    try:
        sock, where, notice = _listen_for_all() if for_all else _listen()
    except exceptions.GatewayUnavailable as exc:
        print(f'osdbg: {exc}')
        return 1
    if sock is None:
        # Of the agents that start one at the same time, all but one lose.
        return 0 if '--detach' in arguments else _meet(where)
    if notice and '--detach' not in arguments:
        print(notice, flush=True)
    import asyncio

    bounds.raise_descriptor_limit()
    try:
        asyncio.run(Gateway(sock.detach(), notice, for_all).run())
    finally:
        private.leave(where)
    return 0


if __name__ == '__main__':
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # No thread is waited for: one may look up a name at a server that hangs.
    os._exit(code)

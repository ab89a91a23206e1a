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

"""Is there somebody where the client, or the IDE, should be?"""

from __future__ import annotations

from collections.abc import Iterator
import socket
import time

from osdbg import addresses
from osdbg.cli import processes
from osdbg.doctor.case import Case
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import OK
from osdbg.doctor.findings import PROBLEM
from osdbg.gateway import holder

TITLE = 'The port'

REACHED = Check('reached', OK, '{address} takes connections: {holder} has it')
LISTENS = Check('listens', OK, '{holder} listens at {address}')
PORT_TROUBLE = Check(
    'port-trouble',
    PROBLEM,
    '{address} is not open: {trouble}',
    'The gateway goes on trying; the service runs on, and nobody can attach.',
    'end what has the port, or set another one in [remote_debug]',
)
UNREACHABLE = Check(
    'unreachable',
    PROBLEM,
    '{address} does not take connections: {reason}',
    'The gateway says that it is open, so something is in between: a '
    'firewall, or a network namespace of its own.',
    'from the machine of the IDE: osdbg bridge, or {tunnel}',
)
NO_IDE = Check(
    'no-ide',
    PROBLEM,
    'nobody listens at {address}, where it calls an IDE',
    'With direction = connect it is the IDE that listens, and osdbg that '
    'calls.',
    'start the debug server of the IDE on port {port}; from another machine: '
    'ssh -R {port}:127.0.0.1:{port} HOST',
)

_SECONDS = 2.0
# For a gateway that has just heard of the service.
_OPENING_SECONDS = 1.0
_LOOK_SECONDS = 0.05


def examine(case: Case) -> Iterator[Finding]:
    """Look at the address of each service, once."""
    seen = set()
    for patient in case.workers:
        told = patient.process or {}
        key = (told['host'], told['port'], told['dials'])
        if told['opened'] and key not in seen:
            seen.add(key)
            found = _dialled(told) if told['dials'] else _listening(told)
            yield from found


def _listening(told: processes.Process) -> Iterator[Finding]:
    host, port = told['host'], told['port']
    address = addresses.spell(host, port)
    if told['trouble']:
        yield PORT_TROUBLE.found(address=address, trouble=told['trouble'])
        return
    # A prompt may be spent on whoever connects to it without a word.
    reason = '' if told['protocol'] == 'pdb' else _try(host, port)
    if reason:
        tunnel = addresses.tunnel(host, port, told['tls'])
        yield UNREACHABLE.found(address=address, reason=reason, tunnel=tunnel)
    else:
        yield REACHED.found(address=address, holder=_holder(host, port))


def _dialled(told: processes.Process) -> Iterator[Finding]:
    """Look whether an IDE listens, and do not call it."""
    host, port = told['host'], told['port']
    address = addresses.spell(host, port)
    if told['client']:
        return  # it has been there, and may listen no more
    if not addresses.is_loopback(host):
        return  # nobody can tell without calling it, which the gateway does
    found = holder.name(port)
    if found:
        yield LISTENS.found(address=address, holder=found)
    else:
        yield NO_IDE.found(address=address, port=port)


def _holder(host: str, port: int) -> str:
    if addresses.is_unix(host):
        return 'the gateway'
    return holder.name(port) or 'a process that is not yours'


def _try(host: str, port: int) -> str:
    """Connect as a client would, and go.

    :returns: why that cannot be done, or nothing
    """
    end = time.monotonic() + _OPENING_SECONDS
    reason = _connect(host, port)
    while reason and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        reason = _connect(host, port)
    return reason


def _connect(host: str, port: int) -> str:
    try:
        if addresses.is_unix(host):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(_SECONDS)
            sock.connect(addresses.unix_name(host))
            sock.close()
        else:
            socket.create_connection((host, port), _SECONDS).close()
    except OSError as exc:
        return str(exc)
    return ''

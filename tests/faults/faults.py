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

"""What goes wrong, one function each.

Each returns when the cause is gone; from then on the port has to be back
within five seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import errno
import os
import re
import resource
import signal
import socket
import time
from typing import Any, TYPE_CHECKING

from osdbg.gateway import dap as gateway
from tests.faults.client import STAGES
from tests.faults import service
from tests.functional import dap
from tests.functional.harness import alive
from tests.functional.harness import kill
from tests.functional.harness import wait_until

if TYPE_CHECKING:
    from tests.faults.storm import Storm

REFUSALS = (dap.DapError, dap.ConnectionLost, OSError)
SPARE = 3
_ROOM = 4 << 20
# Several times what there is room for.
_MESSAGES = 30
_YEAR = 365 * 24 * 3600
JUMPS = (3600, -3600, -1, 10 * _YEAR, -10 * _YEAR)


# When it happens: the stage of the client that is there, or None.
ALONE = (None,)
ATTENDED = STAGES
ANY_TIME = (*ALONE, *STAGES)
# A worker that is stopped has accepted connections that it cannot answer.
WHILE_ALL_ANSWER = (*ALONE, 'initialized', 'attached')


@dataclasses.dataclass(frozen=True)
class Fault:
    """One of the things that go wrong."""

    play: Callable[[Storm], None]
    stages: tuple[str | None, ...]
    survived: bool
    """Whether the session of a client goes on afterwards."""
    ends_gateway: bool


FAULTS: dict[str, Fault] = {}


def fault(
    stages: tuple[str | None, ...] = ANY_TIME,
    survived: bool = False,
    ends_gateway: bool = False,
) -> Callable[[Callable[[Storm], None]], None]:
    """Enter a function in the table."""

    def enter(play: Callable[[Storm], None]) -> None:
        FAULTS[play.__name__] = Fault(play, stages, survived, ends_gateway)

    return enter


@fault(ends_gateway=True)
def gateway_killed(storm: Storm) -> None:
    end_gateway(storm)


def end_gateway(storm: Storm) -> None:
    """Kill the gateway, and wait until its port is free."""
    pid = storm.gateway()
    kill(pid)
    wait_until('end of the gateway', lambda: not alive(pid))


@fault(survived=True)
def gateway_stopped(storm: Storm) -> None:
    with frozen(storm.gateway()):
        storm.hold(1, 4)


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process by a signal for a while."""
    service.freeze(pid)
    try:
        yield
    finally:
        service.thaw(pid)


@fault(ATTENDED)
def client_killed(storm: Storm) -> None:
    storm.caller.signal(signal.SIGKILL)
    storm.caller.wait()


@fault(ATTENDED, survived=True)
def client_stopped(storm: Storm) -> None:
    with frozen(storm.caller.pid):
        storm.hold(1, 3)


@fault()
def worker_killed(storm: Storm) -> None:
    worker = storm.any_worker()
    # So that it accepts no more, once it is known what it has accepted.
    service.freeze(worker.pid)
    storm.ledger.ended(worker.pid, service.callers(worker.pid))
    kill(worker.pid)
    storm.service.wait_workers()


@fault(survived=True)
def worker_stopped(storm: Storm) -> None:
    worker = storm.any_worker()
    with storm.ledger.away(worker.pid), frozen(worker.pid):
        storm.hold(1, 3)


@fault(ALONE)
def sockets_cut(storm: Storm) -> None:
    for _ in range(storm.rng.randint(1, 4)):
        storm.come_through_cuts()


@fault(survived=True)
def disk_full(storm: Storm) -> None:
    storm.disk.fill()
    try:
        if storm.caller is None:
            storm.check_by_client()
        storm.hold(0.5, 2)
    finally:
        storm.disk.clear()


@contextlib.contextmanager
def limited(pid: int, limit: int, number: int) -> Iterator[None]:
    """Let a process have no more of something, for a while."""
    before = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (number, before[1]))
    try:
        yield
    finally:
        if alive(pid):
            resource.prlimit(pid, limit, before)


@fault(survived=True)
def gateway_descriptors(storm: Storm) -> None:
    pid = storm.gateway()
    # The limit is the highest number, and so a little more than the count.
    with limited(pid, resource.RLIMIT_NOFILE, highest(pid) + SPARE):
        callers = [
            socket.create_connection(('127.0.0.1', storm.port))
            for _ in range(4 * SPARE)
        ]
        storm.service.wait_log(rf'prlimit --pid {pid} ')
        storm.hold(0, 2)
        for caller in callers:
            caller.close()


def highest(pid: int) -> int:
    """Return the highest number of a descriptor of a process."""
    return max(map(int, os.listdir(f'/proc/{pid}/fd')))


@fault(WHILE_ALL_ANSWER, survived=True)
def worker_descriptors(storm: Storm) -> None:
    worker = storm.any_worker()
    # eventlet's server ends if it can accept nobody: that is its own affair.
    with storm.load.no_newcomers():
        most = highest(worker.pid) + 1
        with limited(worker.pid, resource.RLIMIT_NOFILE, most):
            if storm.caller is None:
                with contextlib.suppress(*REFUSALS):
                    storm.knock(2)
            storm.hold(0.5, 2)


@fault()
def gateway_memory(storm: Storm) -> None:
    pid = storm.gateway()
    most = service.address_space(pid) + _ROOM
    with limited(pid, resource.RLIMIT_AS, most):
        callers = [_send_much(storm.port) for _ in range(_MESSAGES)]
        storm.hold(0.5, 2)
        for caller in callers:
            caller.close()


def _send_much(port: int) -> socket.socket:
    """Send all but the end of a message that is as long as it may be."""
    caller = socket.create_connection(('127.0.0.1', port), 1)
    length = gateway.STRANGER.body
    with contextlib.suppress(OSError):  # it may hang up before that
        caller.sendall(b'Content-Length: %d\r\n\r\n' % length)
        caller.sendall(b'x' * (length - 1))
    return caller


@fault(survived=True)
def clock_jump(storm: Storm) -> None:
    storm.clock.jump(storm.rng.choice(JUMPS))
    try:
        if storm.caller is None:
            storm.check_by_client()
        storm.hold(0.5, 2)
    finally:
        storm.clock.jump(0)


@fault(ends_gateway=True)
def port_stolen(storm: Storm) -> None:
    complaint = rf':{storm.port} .*process {os.getpid()}\b'
    known = len(re.findall(complaint, storm.service.log))
    with steal(storm):
        storm.service.wait_log(complaint, known + 1)
        storm.hold(0, 3)


def steal(storm: Storm) -> socket.socket:
    """Take the port before a new gateway does."""
    while True:
        end_gateway(storm)
        try:
            return socket.create_server(('127.0.0.1', storm.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            # Too late, on a busy machine: there is another to kill.
            time.sleep(0.1)


@fault()
def config_reload(storm: Storm) -> None:
    for options in ({'name': 'another', 'port': storm.other_port}, {}):
        storm.configure(**options)
        old = [worker.pid for worker in storm.service.workers()]
        with storm.ledger.turnover(old):
            storm.service.signal(signal.SIGHUP)
            wait_until('end of the workers', lambda: not any(map(alive, old)))
            storm.service.wait_workers()


def unavailable(storm: Any) -> dict[str, str]:
    """Return which faults cannot happen here, and why."""
    reasons = {'disk_full': storm.disk, 'clock_jump': storm.clock}
    return {
        kind: str(found)
        for kind, found in reasons.items()
        if isinstance(found, Exception)
    }

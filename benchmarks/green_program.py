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

"""A program of green threads: ``green_program.py PARKED``.

Run as a program. It prints ``LISTENING <port>``; each connection is a green
thread, which answers a line with the name of a command by a line of JSON.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
import functools
import itertools
import json
import socket
import sys
import threading
import time
from typing import Any

_ROUNDS = 40
_SWITCHES = 2_000
_SLEEPS = 200
# As many calls deep as a request in a service, and as much else in memory.
_DEPTH = 20
_OTHERS = 200_000


def switch() -> float:
    """Return what a switch takes, in microseconds.

    Two green threads switch to each other, and neither runs any Python: up to
    3.11 that would be traced while a client is attached, which is not what a
    switch costs. A deque of length 0 asks for each switch; the 0 that is sent
    to the other one first is that length.
    """
    greenlet = sys.modules['greenlet']
    here = greenlet.getcurrent()
    back = map(here.switch, itertools.repeat(0, _SWITCHES))
    other = greenlet.greenlet(functools.partial(collections.deque, back))
    there = map(other.switch, itertools.repeat(0, _SWITCHES))
    start = time.perf_counter()
    collections.deque(there, 0)
    took = time.perf_counter() - start
    other.switch(0)  # and it ends
    return 1e6 * took / (2 * _SWITCHES)


def sleep() -> float:
    """Return what ``eventlet.sleep(0)`` takes: to the hub and back."""
    nap = sys.modules['eventlet'].sleep
    start = time.perf_counter()
    for _ in range(_SLEEPS):
        nap(0)
    return 1e6 * (time.perf_counter() - start) / _SLEEPS


def costs() -> dict[str, float]:
    """Return what both take, followed and, in turns with that, not.

    Of many rounds the cheapest: what disturbs one only makes it longer.
    """
    greenlet = sys.modules['greenlet']
    found: dict[str, list[float]] = collections.defaultdict(list)
    for _ in range(_ROUNDS):
        for measured in (switch, sleep):
            name = measured.__name__
            found[name].append(measured())
            follow = greenlet.settrace(None)
            try:
                found[f'{name}, not followed'].append(measured())
            finally:
                greenlet.settrace(follow)
    return {name: min(values) for name, values in found.items()}


def followed() -> bool:
    """Tell whether anybody is told of the switches of this thread."""
    return sys.modules['greenlet'].gettrace() is not None


def stop() -> None:
    """Stop, where a client has set its breakpoint."""
    return None  # BREAK stop


def step() -> None:
    """Let a step wait until the gate is opened."""
    gate = _gate
    gate.wait()  # BREAK step
    gate.clear()


def costs_in_step() -> dict[str, float]:
    """Return the same, in a green thread that steps over it."""
    found = costs()  # BREAK costs in step
    return found


def open_gate() -> None:
    """Let the step come to its end."""
    _gate.set()


_gate = threading.Event()
_COMMANDS: dict[str, Callable[[], Any]] = {
    command.__name__: command
    for command in (costs, followed, stop, step, costs_in_step, open_gate)
}


def serve(client: socket.socket) -> None:
    with client, client.makefile('rw') as stream:
        for line in stream:
            answer = _COMMANDS[line.strip()]()
            stream.write(json.dumps(answer) + '\n')
            stream.flush()


def park(depth: int) -> None:
    park(depth - 1) if depth else time.sleep(1000)


def main() -> None:
    global _gate
    import eventlet

    eventlet.monkey_patch()
    _gate = threading.Event()  # a green one
    import osdbg

    others = [[number] for number in range(_OTHERS)]
    osdbg.init()
    listener = socket.create_server(('127.0.0.1', 0))
    for _ in range(int(sys.argv[1])):
        eventlet.spawn(park, _DEPTH)
    eventlet.sleep(1)
    print('LISTENING', listener.getsockname()[1], flush=True)
    while others:
        eventlet.spawn(serve, listener.accept()[0])


if __name__ == '__main__':
    main()

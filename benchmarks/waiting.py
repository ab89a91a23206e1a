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

"""Throughput of a service that waits for an IDE that is not there.

Measured as in :mod:`benchmarks.throughput`. At the end of each batch, the IDE
comes after all: only who has really waited for it is heard. On a busy machine
another figure says more: how often osdbg's thread in an idle worker wakes up,
and how much of a CPU the gateway takes that calls for it.
"""

from __future__ import annotations

import contextlib
import socket
import time

from benchmarks import lab as lab_
from benchmarks.targets import Row
from benchmarks import throughput

_SECONDS = 10.0
_SETTLE_SECONDS = 2.0


def _is_called(service: lab_.Service) -> None:
    """Be an IDE that listens, until the service calls."""
    listener = socket.create_server(('127.0.0.1', service.debug_port))
    listener.settimeout(_SECONDS)
    with contextlib.closing(listener):
        listener.accept()[0].close()


def _answers(service: lab_.Service) -> None:
    """Be a terminal that comes before any breakpoint is reached."""
    address = ('127.0.0.1', service.debug_port)
    with socket.create_connection(address, _SECONDS) as sock:
        said = sock.recv(4096)
    if b'no breakpoint has been reached' not in said:
        raise RuntimeError(f'it says {said!r}')


def _waiting_for_ide(backend: str) -> throughput.Condition:
    options = {'backend': backend, 'direction': 'connect'}
    return throughput.Condition('osdbg', options=options, prove=_is_called)


_CONDITIONS = {
    'without osdbg, another process': throughput.Condition('bare'),
    'debugpy, direction = connect': _waiting_for_ide('debugpy'),
    'pydevd': _waiting_for_ide('pydevd'),
    'pydevd_pycharm': _waiting_for_ide('pydevd_pycharm'),
    'remote_pdb': throughput.Condition(
        'osdbg', options={'backend': 'remote_pdb'}, prove=_answers
    ),
}


def measure(quick: bool) -> list[Row]:
    """Measure idle workers, then busy ones of both engines."""
    seconds = 3.0 if quick else 20.0
    rows = []
    for name, condition in _CONDITIONS.items():
        if condition.mode == 'osdbg':
            rows += _measure_idle(name, condition, seconds)
    return rows + throughput.compare('waiting', _CONDITIONS, quick)


def _measure_idle(
    name: str, condition: throughput.Condition, seconds: float
) -> list[Row]:
    with lab_.Lab() as lab:
        service = lab.start('eventlet', condition.mode, 1, **condition.options)
        (worker,) = service.wait_workers(1)
        gateway = lab.gateway()
        time.sleep(_SETTLE_SECONDS)
        wake_ups = lab_.wake_ups(worker)
        used, start = lab_.cpu_seconds(gateway), time.monotonic()
        time.sleep(seconds)
        wake_ups = lab_.wake_ups(worker) - wake_ups
        used = lab_.cpu_seconds(gateway) - used
        share = 100 * used / (time.monotonic() - start)
        if condition.prove is not None:
            condition.prove(service)
    group = 'waiting, idle'
    note = f'in {seconds:g} s'
    return [
        Row(group, f'{name}, wake-ups', wake_ups, '', note),
        Row(group, f'{name}, gateway', share, '% CPU'),
    ]

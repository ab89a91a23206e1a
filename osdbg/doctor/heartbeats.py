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

"""Who hangs up on a worker that stands, and when?"""

from __future__ import annotations

from collections.abc import Iterator

from osdbg.doctor.case import Case
from osdbg.doctor.case import Patient
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor.findings import OK
from osdbg.doctor import written

TITLE = 'Heartbeats'

HEARTBEATS = Check(
    'heartbeats',
    NOTE,
    'it has {count} connections to RabbitMQ, with a heartbeat every '
    '{seconds} s, and keep_heartbeats is off',
    'RabbitMQ hangs up after one to two of these, while the worker stands.',
    'set keep_heartbeats = true in [remote_debug]; or '
    'heartbeat_timeout_threshold = 0 in [oslo_messaging_rabbit]',
)
WATCHDOG = Check(
    'watchdog',
    NOTE,
    'systemd kills it after {seconds} s without a sign, and keep_heartbeats '
    'is off',
    'A worker that stands at a breakpoint gives none.',
    'set keep_heartbeats = true in [remote_debug]; or WatchdogSec=0 in the '
    'unit',
)
DRIVER = Check('driver', OK, 'settings of oslo.messaging: {settings}')

# With what oslo.messaging takes where nothing is written.
_DRIVER = (
    ('oslo_messaging_rabbit', 'heartbeat_timeout_threshold', '60'),
    ('oslo_messaging_rabbit', 'heartbeat_rate', '3'),
    ('oslo_messaging_rabbit', 'heartbeat_in_pthread', 'False'),
    ('oslo_messaging_rabbit', 'rabbit_qos_prefetch_count', '0'),
    ('DEFAULT', 'rpc_response_timeout', '60'),
)


def examine(case: Case) -> Iterator[Finding]:
    """Look for what expects a sign of life."""
    for patient in case.answering:
        told, who = patient.told, patient.title
        if told['options'].get('keep_heartbeats') != 'True':
            yield from _threats(patient)
        if told['amqp']:
            yield DRIVER.found(who, settings=_settings(patient.pid))


def _threats(patient: Patient) -> Iterator[Finding]:
    who, intervals = patient.title, patient.told['amqp']
    if intervals:
        yield HEARTBEATS.found(
            who, count=len(intervals), seconds=f'{min(intervals):g}'
        )
    watchdog = patient.told['watchdog']
    expected = watchdog.get('WATCHDOG_PID', str(patient.pid))
    if watchdog.get('NOTIFY_SOCKET') and expected == str(patient.pid):
        usec = watchdog.get('WATCHDOG_USEC', '')
        if usec.isdecimal():
            yield WATCHDOG.found(who, seconds=f'{int(usec) / 1e6:g}')


def _settings(pid: int) -> str:
    return ', '.join(
        f'{name} = {written.option(pid, group, name) or default}'
        for group, name, default in _DRIVER
    )

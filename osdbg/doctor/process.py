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

"""Is osdbg on in it, and may clients come?"""

from __future__ import annotations

from collections.abc import Iterator
import itertools
import os
import re

from osdbg import addresses
from osdbg import backends
from osdbg.doctor.case import Case
from osdbg.doctor.case import Patient
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor.findings import OK
from osdbg.doctor.findings import PROBLEM
from osdbg.doctor import proc
from osdbg.doctor import written
from osdbg import environment
from osdbg import exceptions
from osdbg.inspection import process as inspection
from osdbg import reading
from osdbg import settings as settings_
from osdbg import sources

TITLE = 'The process'

ARMED = Check('armed', OK, 'osdbg is on, at {address}: {state}')
PTRACE = Check(
    'ptrace',
    OK,
    'osdbg needs no ptrace (kernel.yama.ptrace_scope is {scope} here); what '
    'attaches to a process by its id does: debugpy --pid, pdb -p, py-spy',
)
NOT_YOURS = Check(
    'not-yours',
    PROBLEM,
    'it belongs to user {owner}, and you are user {you}',
    'Only its own user, and root, may look into a process.',
    'sudo osdbg doctor {pid}',
)
NOT_PYTHON = Check(
    'not-python',
    PROBLEM,
    'it runs {program}, and no Python',
    'What starts a service (sudo, sh, a container runtime) is not the '
    'service.',
    'pgrep -P {pid}, and ask for what it has started',
)
DISABLED = Check(
    'disabled',
    PROBLEM,
    'OSDBG_DISABLE={value} is set in its environment',
    'It turns osdbg off, whatever the options say.',
    'take OSDBG_DISABLE out of where the service is started (its unit, its '
    'container), and restart the service',
)
OFF = Check(
    'off',
    PROBLEM,
    'osdbg is off: no port is set for it, in [remote_debug] of its '
    'configuration, in its environment, or on its command line',
    'Without a port, or activate = on_demand, or a UNIX socket as host, '
    'osdbg does nothing at all.',
    'write port = 5678 into its [remote_debug], or start it by osdbg run -- '
    '{command}',
)
NOT_IMPORTABLE = Check(
    'not-importable',
    PROBLEM,
    'its Python has no osdbg: none lies in {path}',
    'The options are there, and nobody to read them: osdbg must be in the '
    'environment that the service runs in, which may not be yours.',
    '{prefix}/bin/pip install osdbg; or bring it along: osdbg run --inject '
    '-- {command}',
)
OPTION_REFUSED = Check(
    'option-refused',
    PROBLEM,
    'osdbg refuses its options: {reason}',
    'The service runs on without it, and its log has the same line.',
    'correct the option in {source}, and restart the service',
)
ISOLATED = Check(
    'isolated',
    PROBLEM,
    'its Python was started with {flag}, and reads no PYTHONPATH',
    'That is how osdbg run gets into a program that nobody has edited.',
    'leave out {flag}, or add to the service: from osdbg import init; '
    'init(CONF)',
)
NOBODY_CALLS = Check(
    'nobody-calls',
    PROBLEM,
    'its options ask for osdbg (port {port}, from {source}), and nobody has '
    'started it',
    'An option starts nothing: the service must call init(), or have the '
    'paste filter, or be run by osdbg run. One that was started before the '
    'option was written has not read it.',
    'restart it by osdbg run -- {command}; or add to the service, after '
    'CONF(): from osdbg import init; init(CONF)',
)
MUTE = Check(
    'mute',
    PROBLEM,
    'it does not tell: {trouble}',
    'What cannot tell what it is cannot load a debugger either.',
    'what it says, and ask again',
)
DOOR_CLOSED = Check(
    'door-closed',
    PROBLEM,
    'it lets no client in',
    'With activate = on_demand nothing listens until it is opened, and '
    'open_seconds closes it again.',
    'osdbg open {name}',
)
LEFT_OUT = Check(
    'left-out',
    NOTE,
    '[remote_debug] workers = {workers} leaves it out',
    'A breakpoint does not stop in it, whoever is attached.',
    'set workers = all, and restart the service',
)
LAUNCHER = Check(
    'launcher',
    NOTE,
    'it only starts the workers, and is not debugged',
    'It does nothing else than to wait for them.',
    'ask for the service, {name}, and not for the process; or set launcher = '
    'true in [remote_debug] to have it debugged, too',
)
STANDING = Check(
    'standing',
    NOTE,
    'it stands at a breakpoint already: {where}',
    'While it does, nothing else runs in it, so that it comes to no other.',
    'let it go on in the IDE; or have it resumed by itself: '
    'max_stop_seconds = 60',
)
UNATTACHED = Check(
    'unattached',
    NOTE,
    'no client is attached',
    'Nothing stops until one is; an IDE that shows breakpoints is not '
    'attached by that.',
    'osdbg attach {name} says how',
)

_ISOLATING = frozenset('IES')
_FLAGS = re.compile('-[a-zA-Z]+')
_SCOPE = '/proc/sys/kernel/yama/ptrace_scope'


def examine(case: Case) -> Iterator[Finding]:
    """Look whether osdbg is on."""
    for patient in case.patients:
        if patient.process is None:
            yield from _unarmed(patient)
        else:
            yield from _armed(case, patient)
    yield PTRACE.found(scope=_ptrace_scope())


def _ptrace_scope() -> str:
    try:
        with open(_SCOPE, encoding='ascii') as file:
            return file.read().strip()
    except OSError:
        return 'not there'


def _armed(case: Case, patient: Patient) -> Iterator[Finding]:
    told, who = patient.process or {}, patient.title
    address = addresses.spell(told['host'], told['port'])
    yield ARMED.found(who, address=address, state=told['state'])
    if not patient.is_worker:
        if not case.workers:
            yield LAUNCHER.found(who, name=told['name'])
        return
    if not patient.answers:
        yield MUTE.found(who, trouble=patient.told.get('trouble', '?'))
    if not told['opened']:
        yield DOOR_CLOSED.found(who, name=told['name'])
    elif not told['wanted']:
        options = patient.told.get('options', {})
        yield LEFT_OUT.found(who, workers=options.get('workers', '?'))
    elif told['stopped']:
        where = ', '.join(str(each) for each in _places(told['stopped']))
        yield STANDING.found(who, where=where)
    elif not patient.attached and case.spot is None:
        yield UNATTACHED.found(who, name=told['name'])


def _places(stopped: object) -> list[object]:
    found = stopped if isinstance(stopped, list) else [stopped]
    return [
        each.get('where', each) if isinstance(each, dict) else each
        for each in found
    ]


def _unarmed(patient: Patient) -> Iterator[Finding]:
    """Tell why osdbg is off in a process that cannot say it itself."""
    pid, who = patient.pid, patient.title
    variables = proc.environ(pid)
    if variables is None:
        yield NOT_YOURS.found(
            who, owner=proc.user(pid), you=os.geteuid(), pid=pid
        )
    elif not proc.is_python(pid):
        yield NOT_PYTHON.found(who, program=proc.program(pid), pid=pid)
    elif reading.is_disabled(variables):
        yield DISABLED.found(who, value=variables['OSDBG_DISABLE'])
    elif not _elsewhere(pid):
        yield _missing(patient, variables)


def _elsewhere(pid: int) -> bool:
    """Tell whether it may be armed, where we cannot hear of it."""
    ours, theirs = map(inspection.namespaces, ('self', str(pid)))
    return ours.get('net') != theirs.get('net')


def _missing(patient: Patient, variables: dict[str, str]) -> Finding:
    pid, who = patient.pid, patient.title
    given = written.remote_debug(pid)
    command = ' '.join(proc.words(pid))
    if not sources.asked(given):
        return OFF.found(who, command=command)
    refused = _refused(given)
    if refused is not None:
        source = getattr(refused, 'source', 'its configuration')
        return OPTION_REFUSED.found(who, reason=refused, source=source)
    flag = _isolating(proc.words(pid))
    if flag and environment.SITE in variables.get('PYTHONPATH', ''):
        return ISOLATED.found(who, flag=flag)
    if (
        not proc.can_import(pid, 'osdbg')
        and environment.INJECT not in variables
    ):
        path = proc.import_path(pid)
        return NOT_IMPORTABLE.found(
            who,
            path=', '.join(path) or 'any directory that could be found',
            prefix=_prefix(path),
            command=command,
        )
    port, source = given.get('port', given.get('activate', ('?', '?')))
    return NOBODY_CALLS.found(who, port=port, source=source, command=command)


def _isolating(line: list[str]) -> str:
    """Return the flag of a Python that keeps osdbg out, if it has one."""
    flags = itertools.takewhile(_FLAGS.fullmatch, line[1:])
    found = sorted({*''.join(flags)} & _ISOLATING)
    return f'-{found[0]}' if found else ''


def _refused(given: written.Written) -> exceptions.OsdbgError | None:
    try:
        settings = sources.resolve(given)
        backends.check(settings)
        settings_.check(settings)
    except exceptions.OsdbgError as exc:
        return exc
    return None


def _prefix(path: list[str]) -> str:
    for directory in path:
        head, found, _ = directory.partition('/lib/python')
        if found:
            return head
    return 'its environment'

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

"""Which debugger is it, and can it be loaded as the process is?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from osdbg.doctor.case import Case
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor.findings import OK
from osdbg.doctor.findings import PROBLEM

TITLE = 'The debugger'

BACKEND = Check('backend', OK, 'backend = {backend}, {copy}')
PATCHED = Check('patched', OK, '{what} patched by eventlet')
NOT_LOADABLE = Check(
    'not-loadable',
    PROBLEM,
    'its debugger cannot be loaded: {trouble}',
    'A client that attaches is refused with the same words.',
    'what it says, and attach again',
)
TWO_PYDEVDS = Check(
    'two-pydevds',
    NOTE,
    'pydevd and pydevd-pycharm are both installed in {directory}',
    'They install the same files: the last one wins, and removing either '
    'breaks both. debugpy has a copy of its own and is not concerned.',
    'pip uninstall -y pydevd pydevd-pycharm, and install the one you need',
)
EVENTLET_IGNORED = Check(
    'eventlet-ignored',
    PROBLEM,
    'eventlet = ignore, and eventlet has patched its threads',
    'The debugger is loaded as it is, into green threads: it answers no '
    'question while the service stands, and on Python 3.12 breaks it.',
    'take eventlet = ignore out of [remote_debug], and restart the service',
)
THREADS_UNPATCHED = Check(
    'threads-unpatched',
    NOTE,
    'eventlet = unpatch_thread: its threads are native, and in production '
    'they are green',
    'It may behave in another way than the service you want to understand.',
    'take eventlet = unpatch_thread out of [remote_debug]: it is not needed '
    'any more',
)
OPTIMIZED = Check(
    'optimized',
    NOTE,
    'its Python runs with {flag}',
    'assert statements, and all below "if __debug__:", are not there, so '
    'nothing stops at them.',
    'restart it without {flag}, and without PYTHONOPTIMIZE',
)


def examine(case: Case) -> Iterator[Finding]:
    """Look at the debugger of each process."""
    for patient in case.answering:
        who, told = patient.title, patient.told
        debugger, options = told['debugger'], told['options']
        green = told['patched']
        if debugger['trouble']:
            yield NOT_LOADABLE.found(who, trouble=debugger['trouble'])
        else:
            yield BACKEND.found(
                who, backend=debugger['backend'], copy=_copy(debugger, told)
            )
        yield PATCHED.found(who, what=', '.join(green) or 'nothing is')
        yield from _patching(who, options, green)
        yield from _installed(who, told['versions'], debugger['trouble'])
        level = told['python']['optimize']
        if level:
            yield OPTIMIZED.found(who, flag='-' + 'O' * level)


def _copy(debugger: dict[str, Any], told: dict[str, Any]) -> str:
    if debugger['pydevd']:
        return f'its pydevd from {debugger["pydevd"]}'
    return 'not loaded as yet'


def _patching(
    who: str, options: dict[str, str], green: list[str]
) -> Iterator[Finding]:
    chosen = options.get('eventlet')
    if chosen == 'ignore' and 'threading' in green:
        yield EVENTLET_IGNORED.found(who)
    if chosen == 'unpatch_thread':
        yield THREADS_UNPATCHED.found(who)


def _installed(
    who: str, versions: dict[str, list[list[str]]], trouble: str
) -> Iterator[Finding]:
    """Look for the two that overwrite each other."""
    if trouble:
        return  # that is what it says
    places = [
        {directory for _version, directory in versions.get(name, ())}
        for name in ('pydevd', 'pydevd-pycharm')
    ]
    for directory in sorted(places[0] & places[1]):
        yield TWO_PYDEVDS.found(who, directory=directory)

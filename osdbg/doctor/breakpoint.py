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

"""Can this line stop at all, where it runs?"""

from __future__ import annotations

from collections.abc import Iterator
import os
import types
from typing import Any

from osdbg.doctor.case import Case
from osdbg.doctor.case import Patient
from osdbg.doctor.case import Spot
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor.findings import OK
from osdbg.doctor.findings import PROBLEM
from osdbg.doctor import mapping
from osdbg.doctor import proc
from osdbg.inspection import source as inspection

TITLE = 'The breakpoint'

IMPORTED = Check('imported', OK, 'it is imported as {module}, from {file}')
EXECUTABLE = Check('executable', OK, 'line {line} can stop')
MAPPED = Check('mapped', OK, '{local} leads to {file}')
NOT_IMPORTED = Check(
    'not-imported',
    PROBLEM,
    '{file} is not imported{namesakes}',
    'A breakpoint in a file that is not loaded waits until it is. A service '
    'that runs from another checkout, or from site-packages, never loads '
    'this one.',
    'see where the service gets the package from: {python} -c "import '
    '{package}; print({package}.__file__)"',
)
NOT_IMPORTED_HERE = Check(
    'not-imported-here',
    NOTE,
    '{file} is not imported in this worker, but in another',
    'The breakpoint stops only there, until this one imports it as well.',
    'osdbg attach SERVICE/WORKER, for one that has imported it',
)
AMBIGUOUS = Check(
    'ambiguous',
    PROBLEM,
    '{file} may be any of {files}',
    'Several files that are imported end like that.',
    'give more of its path',
)
COMPILED = Check(
    'compiled',
    PROBLEM,
    'its code was compiled to {file}',
    'A debugger for Python sees nothing of what Cython or C has made of a '
    'file, whether the .py lies beside it or not.',
    'move {file} away, and restart the service',
)
FROZEN = Check(
    'frozen',
    PROBLEM,
    '{module} is frozen into Python itself',
    'Since 3.11 Python has some of its own modules built in; they have no '
    'file, so that no breakpoint is ever in it.',
    'restart the service with python -X frozen_modules=off',
)
GONE = Check(
    'gone',
    PROBLEM,
    '{file} is not there any more',
    'It runs on with what was loaded before; what you look at is something '
    'else.',
    'restart the service',
)
DIFFERS = Check(
    'differs',
    PROBLEM,
    '{local} is not the source that it runs: {file} is another one',
    'Line {line} of yours is another line there, or none.',
    'bring them together, by git checkout or rsync; or open {file} in the IDE',
)
CHANGED = Check(
    'changed',
    PROBLEM,
    '{file} was changed after it was imported: {functions}',
    'It runs on with what it has loaded, where other lines have the numbers '
    'that you see.',
    'restart the service',
)
NOT_MAPPED = Check(
    'not-mapped',
    PROBLEM,
    '{local} is {file} there, and the client that is attached does not say '
    'so: its mappings are {mappings}',
    'The debugger looks for the path that the IDE names, and finds nothing '
    'under it.',
    '{mapping} in the launch.json; or osdbg ide vscode --source DIR',
)
TO_MAP = Check(
    'to-map',
    NOTE,
    '{local} is {file} there',
    'An IDE that attaches has to be told so.',
    '{mapping} in the launch.json; or osdbg ide vscode --source DIR',
)
NOT_HERE = Check(
    'not-here',
    NOTE,
    'there is no {local} here to compare with',
    'Whether the source that you see is the one that runs was not looked at.',
    'ask with the path of your checkout',
)
JUST_MY_CODE = Check(
    'just-my-code',
    PROBLEM,
    'the client that is attached wants justMyCode, and {file} is library code',
    'OpenStack services live in site-packages, which is nobody\'s own code '
    'to a debugger: it passes by there. justMyCode is true unless it is set.',
    '"justMyCode": false in the launch.json, and attach again',
)
LIBRARY = Check(
    'library',
    NOTE,
    '{file} is library code to a debugger',
    'It passes by there unless the client says otherwise, and clients do not '
    'by themselves.',
    '"justMyCode": false in the launch.json',
)
IMPORT_TIME = Check(
    'import-time',
    PROBLEM,
    'line {line} runs when the file is imported, and that is over',
    'What stands outside of functions runs once, before you have attached.',
    'set it {where}; or start the service with wait_for_client = true',
)
NO_CODE = Check(
    'no-code',
    PROBLEM,
    'line {line} has no code',
    'Nothing stops at a comment, a blank line, "else:", or the further lines '
    'of a statement.',
    'set it {where}',
)
NOT_ATTACHED = Check(
    'not-attached',
    PROBLEM,
    'no client is attached',
    'Nothing stops until one is; an IDE that shows breakpoints is not '
    'attached by that.',
    'osdbg attach {name} says how',
)
NO_BREAKPOINTS = Check(
    'no-breakpoints',
    PROBLEM,
    'backend = {backend} knows no breakpoints that an IDE sets',
    'It stops at breakpoint() in the source, and at lines that are set at its '
    'prompt.',
    'write breakpoint() there; or set backend = debugpy, and restart the '
    'service',
)
ATTACHED_ELSEWHERE = Check(
    'attached-elsewhere',
    NOTE,
    'the client is attached to {others}, and not to this one',
    'A request that comes to this worker does not stop.',
    '"subProcess": true in the launch.json, and attach again',
)
INSIDE = Check(
    'inside',
    NOTE,
    'a green thread is in {function}() already, at line {at}',
    'One that was in it before the client came is not stopped by a debugger '
    'until it calls, or returns to, something else.',
    'send another request',
)


def examine(case: Case) -> Iterator[Finding]:
    """Look at the line in each process."""
    if case.spot is None:
        return
    known = [each for each in case.workers if 'modules' in each.source]
    anywhere = any(each.source['modules'] for each in known)
    for patient in known:
        found = patient.source['modules']
        files = sorted({module['file'] for module in found})
        if not files:
            yield _not_imported(patient, case.spot, anywhere)
        elif len(files) > 1:
            yield AMBIGUOUS.found(
                patient.title, file=case.spot.path, files=', '.join(files)
            )
        else:
            yield from _imported(case, patient, case.spot, found[0])


def _not_imported(patient: Patient, spot: Spot, anywhere: bool) -> Finding:
    if anywhere:
        return NOT_IMPORTED_HERE.found(patient.title, file=spot.path)
    others = patient.source['namesakes']
    namesakes = f'; what has its name is {", ".join(others)}' if others else ''
    return NOT_IMPORTED.found(
        patient.title,
        file=spot.path,
        namesakes=namesakes,
        python=patient.told.get('python', {}).get('executable', 'python'),
        package=_package(spot.local),
    )


def _package(path: str) -> str:
    """Return the package that a file is in, or else its own name."""
    folder, name = os.path.split(path)
    found = name.partition('.')[0]
    while os.path.exists(os.path.join(folder, '__init__.py')):
        folder, found = os.path.split(folder)
    return found


def _imported(
    case: Case, patient: Patient, spot: Spot, module: dict[str, Any]
) -> Iterator[Finding]:
    who, file = patient.title, module['file']
    if file.endswith('.so'):
        yield COMPILED.found(who, file=file)
    elif module['frozen']:
        yield FROZEN.found(who, module=module['name'])
    else:
        yield IMPORTED.found(who, module=module['name'], file=file)
        yield from _source(patient, spot, module)
        yield from _library(patient, file)
        yield _line(patient, spot, module)
        yield from _attached(case, patient)
        yield from _inside(patient, spot, module)


def _source(
    patient: Patient, spot: Spot, module: dict[str, Any]
) -> Iterator[Finding]:
    who, file, text = patient.title, module['file'], spot.read()
    if not module['sha256']:
        yield GONE.found(who, file=file)
    elif module['changed']:
        functions = ', '.join(module['changed'])
        yield CHANGED.found(who, file=file, functions=functions)
    if text is None:
        yield NOT_HERE.found(who, local=spot.local)
        return
    if module['sha256'] not in ('', inspection.digest(text)):
        yield DIFFERS.found(who, local=spot.local, file=file, line=spot.line)
    if not mapping.is_same(patient, spot.local, file):
        yield _mapping(patient, spot.local, file)


def _mapping(patient: Patient, local: str, file: str) -> Finding:
    mappings = mapping.known(patient)
    needed = mapping.needed(local, file)
    if mappings is None:
        return TO_MAP.found(
            patient.title, local=local, file=file, mapping=needed
        )
    cwd = patient.source['cwd']
    if mapping.translate(local, mappings, cwd) == file:
        return MAPPED.found(patient.title, local=local, file=file)
    return NOT_MAPPED.found(
        patient.title,
        local=local,
        file=file,
        mappings=', '.join(f'{a} = {b}' for a, b in mappings) or 'none',
        mapping=needed,
    )


def _library(patient: Patient, file: str) -> Iterator[Finding]:
    """Look whether the debugger takes the file for library code."""
    parts = file.split('/')
    own = any(part.startswith('python3') for part in parts) and 'lib' in parts
    if own or {'site-packages', 'dist-packages'} & {*parts}:
        wishes = (patient.process or {}).get('wishes') or {}
        mine = wishes.get('justMyCode')
        if mine:
            yield JUST_MY_CODE.found(patient.title, file=file)
        elif mine is None:
            yield LIBRARY.found(patient.title, file=file)


def _line(patient: Patient, spot: Spot, module: dict[str, Any]) -> Finding:
    lines = module['lines']
    if spot.line in lines:
        return EXECUTABLE.found(patient.title, line=spot.line)
    later = [line for line in lines if line > spot.line]
    nearest = later[0] if later else lines[-1] if lines else None
    where = f'at line {nearest}' if nearest else 'in a function'
    once = spot.line in _once(patient, spot, module)
    check = IMPORT_TIME if once else NO_CODE
    return check.found(patient.title, line=spot.line, where=where)


def _once(patient: Patient, spot: Spot, module: dict[str, Any]) -> set[int]:
    """Return the lines that only an import runs.

    By our own Python, which may be another one: it is close enough.
    """
    text = spot.read()
    if text is None or inspection.digest(text) != module['sha256']:
        text = proc.regular(proc.inside(patient.pid, module['file']))
    try:
        code = compile(text or b'', module['file'], 'exec', dont_inherit=True)
    except (SyntaxError, ValueError):
        return set()
    return set(_outside(code))


def _outside(code: types.CodeType) -> Iterator[int]:
    """Return the lines of a module, and of its classes."""
    yield from inspection.lines(code)
    for constant in code.co_consts:
        # Of nested code only the bodies of classes have no fast locals.
        if isinstance(constant, types.CodeType) and not constant.co_flags & 3:
            yield from _outside(constant)


def _attached(case: Case, patient: Patient) -> Iterator[Finding]:
    others = [each.title for each in case.workers if each.attached]
    told = patient.process or {}
    if told['protocol'] == 'pdb':
        yield NO_BREAKPOINTS.found(patient.title, backend=told['backend'])
    elif patient.attached:
        return
    elif others:
        yield ATTACHED_ELSEWHERE.found(patient.title, others=', '.join(others))
    else:
        yield NOT_ATTACHED.found(patient.title, name=told['name'])


def _inside(
    patient: Patient, spot: Spot, module: dict[str, Any]
) -> Iterator[Finding]:
    for frame in module['running']:
        around = frame['first'] <= spot.line <= frame['last']
        if around and frame['where'] == 'green thread':
            yield INSIDE.found(
                patient.title, function=frame['function'], at=frame['line']
            )

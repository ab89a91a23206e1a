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

"""What a process has loaded of a source file, and where it is in it.

No code of the service is run: modules are looked up in their dictionaries,
and functions are found by ``gc``, wherever decorators have put them, or from
there. The file is compiled, here and not by who asks, who may have another
Python, only if it has been changed since the process started.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
import dis
import functools
import gc
import hashlib
import io
import operator
import os
import sys
import types
from typing import Any
import warnings

from osdbg import frames
from osdbg import greenlets
from osdbg.inspection import functions as functions_
from osdbg.inspection import modules
from osdbg import objects
from osdbg import settings as settings_

MAX_SOURCE = 4 * 1024 * 1024
"""The longest file that is read, in bytes."""

_ModuleSpec: Any = type(sys.__spec__)
_MAX_NAMESAKES = 5
_MAX_CHANGED = 5
_MAX_FRAMES = 50
_NO_FILE = '<what osdbg compares>'
_QUIET = ('ignore', None, Warning, _NO_FILE, 0)
_SUFFIXES = ('.py', '.pyc', '.so')
_CODE = operator.attrgetter('__code__')


def look(settings: settings_.Settings, path: str) -> dict[str, Any]:
    """Tell what is loaded of a file.

    :param settings: the options of this process
    :param path: the file, or the last parts of its path, as it is called
        where the question comes from
    """
    wanted = tuple(part for part in path.split('/') if part not in ('', '.'))
    matches, namesakes = _find(wanted)
    functions: list[types.CodeType] = objects.instances(
        types.FunctionType, functools.partial(map, _CODE)
    )
    return {
        'modules': [
            _describe(name, file, functions) for name, file in matches
        ],
        'namesakes': namesakes[:_MAX_NAMESAKES],
        'path': [each for each in sys.path if type(each) is str],
        'cwd': modules.cwd(),
    }


# Modules.


def _find(wanted: tuple[str, ...]) -> tuple[list[list[str]], list[str]]:
    """Return the modules that a path means, and those of the same name.

    It means one if it ends as the name of the module does: where the package
    lies may differ between two machines, its inside does not.
    """
    matches, namesakes = [], []
    for name, file in _modules():
        parts = tuple(file.split('/'))
        if _stem(parts[-1]) != _stem(wanted[-1]):
            continue
        depth = len(name.split('.')) + (_stem(parts[-1]) == '__init__')
        depth = min(depth, len(wanted))
        if parts[-depth:-1] == wanted[-depth:-1]:
            matches.append([name, file])
        else:
            namesakes.append(file)
    # A script may be imported as well: by both names it is one file.
    exact = [each for each in matches if each[1] == '/' + '/'.join(wanted)]
    return exact or matches, sorted(set(namesakes))


def _modules() -> Iterator[tuple[str, str]]:
    for name, module in modules.loaded().items():
        file = modules.attribute(module, '__file__')
        if type(name) is str and type(file) is str:
            yield name, modules.absolute(file)


def _stem(name: str) -> str:
    """Return ``manager`` for ``manager.cpython-311-x86_64-linux-gnu.so``."""
    if name.endswith(_SUFFIXES):
        return name.partition('.')[0]
    return name


def _describe(
    name: str, file: str, functions: list[types.CodeType]
) -> dict[str, Any]:
    spec = modules.attribute(sys.modules.get(name), '__spec__')
    frozen = type(spec) is _ModuleSpec and spec.origin == 'frozen'
    stacks = list(_stacks())
    # Of what was frozen, gc does not tell.
    hidden = functions_.codes(name) if gc.get_freeze_count() else []
    roots = [*functions, *hidden, *(code for _, (code, _, _) in stacks)]
    loaded = _codes(f'<frozen {name}>' if frozen else file, roots)
    data = _read(file)
    return {
        'name': name,
        'file': file,
        'frozen': frozen,
        'sha256': digest(data) if data is not None else '',
        'changed': _changed(file, data, loaded),
        'lines': sorted({line for code in loaded for line in lines(code)}),
        'running': _running(set(loaded), stacks),
    }


def _read(file: str) -> bytes | None:
    try:
        # Not open(), which eventlet may have replaced.
        with io.open(file, 'rb') as stream:  # noqa: UP020
            return stream.read(MAX_SOURCE)
    except OSError:
        return None


def digest(data: bytes) -> str:
    """Return the hash of a source, however its lines end."""
    return hashlib.sha256(data.replace(b'\r\n', b'\n')).hexdigest()


# Code.


def _codes(file: str, roots: list[types.CodeType]) -> list[types.CodeType]:
    """Return all code of a file that can run again, or runs."""
    found: dict[int, types.CodeType] = {}
    files: dict[str, bool] = {}
    for code in roots:
        name = code.co_filename
        if name not in files:
            files[name] = name == file or modules.absolute(name) == file
        if files[name]:
            found.update((id(each), each) for each in _nested(code))
    return list(found.values())


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _nested(constant)


def lines(code: types.CodeType) -> list[int]:
    """Return the lines at which a breakpoint stops in a code."""
    found = [line for _, line in dis.findlinestarts(code) if line]
    inside = [line for line in found if line != code.co_firstlineno]
    # Nothing but the call itself happens at "def", unless all of it is there.
    is_def = not code.co_name.startswith('<') and bool(inside)
    return inside if is_def else found


def _changed(
    file: str, data: bytes | None, loaded: Iterable[types.CodeType]
) -> list[str]:
    """Return the functions that are not any more as the file has them."""
    if data is None or not file.endswith('.py') or not _is_newer(file):
        return []
    try:
        module = _compile(data)
    except (SyntaxError, ValueError):
        return ['all of it: Python would not take the file as it is now']
    current = set(_nested(module))
    others = {
        (code.co_firstlineno, code.co_name)
        for code in loaded
        if code not in current
    }
    return [f'{name}() in line {line}' for line, name in sorted(others)][
        :_MAX_CHANGED
    ]


def _compile(data: bytes) -> types.CodeType:
    """Compile a source, and warn nobody of what is in it.

    The service may have that logged, and logging is its code and its lock.

    :raises: SyntaxError, ValueError
    """
    # Not catch_warnings(), which would undo what others set meanwhile. The
    # warnings of other threads are as they were: this is for one file.
    filters: Any = warnings.filters
    filters.insert(0, _QUIET)
    try:
        return compile(data, _NO_FILE, 'exec', dont_inherit=True)
    finally:
        now: Any = warnings.filters  # a copy, if others have set some
        for each in (filters, now):
            if _QUIET in each:
                each.remove(_QUIET)


def _is_newer(file: str) -> bool:
    """Tell whether a file may have changed since this process started.

    By the time that nobody can set: pip and rsync keep the other one.
    """
    try:
        return os.stat(file).st_ctime >= started() - 1
    except (OSError, ValueError, IndexError):
        return True


def started(pid: int | str = 'self') -> float:
    """Return when a process started, by the clock of the day.

    :param pid: which
    :raises: OSError
    """
    with io.open(f'/proc/{pid}/stat', 'rb') as stream:  # noqa: UP020
        ticks = int(stream.read().rpartition(b')')[2].split()[19])
    with io.open('/proc/stat', 'rb') as stream:  # noqa: UP020
        (boot,) = (
            int(line.split()[1])
            for line in stream
            if line.startswith(b'btime')
        )
    return boot + ticks / os.sysconf('SC_CLK_TCK')


# Frames.


def _running(
    codes: set[types.CodeType], stacks: list[tuple[str, frames.Place]]
) -> list[dict[str, Any]]:
    """Return what runs, or is parked, in some code."""
    found = [
        {
            'where': where,
            'function': code.co_name,
            'first': code.co_firstlineno,
            'last': max(lines(code), default=0),
            'line': line,
        }
        for where, (code, _, line) in stacks
        if code in codes
    ]
    return found[:_MAX_FRAMES]


def _stacks() -> Iterator[tuple[str, frames.Place]]:
    """Return where every thread and every parked green thread is."""
    for top in frames.others().values():
        yield from (('thread', place) for _, place in frames.stack(top))
    for greenlet in objects.referred(greenlets.everyone()):
        # A running one has none: it is on the stack of its thread.
        parked = greenlets.parked_at(greenlet)
        if parked is not None:
            stack = frames.stack(parked)
            yield from (('green thread', place) for _, place in stack)

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

"""What Linux tells of a process that tells nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
import glob
import os
import re
import stat

MAX_FILE = 4 * 1024 * 1024
"""How much of a file is read, in bytes."""

_PYTHON = re.compile(r'(python|pypy)[\d.]*')
_EMBEDDING = ('apache2', 'httpd', 'uwsgi')
_WORDS = 3


def read(pid: int, name: str) -> bytes | None:
    """Return a file of a process; None if it has ended, or is not ours."""
    try:
        with open(f'/proc/{pid}/{name}', 'rb') as file:
            return file.read()
    except OSError:
        return None


def regular(path: str) -> bytes | None:
    """Return what is in a file; None if it is none, or may not be read.

    Who wrote the path may be another user: it may be a pipe, on which an
    ordinary ``open()`` would wait for ever.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return None
        return os.read(number, MAX_FILE)
    except OSError:
        return None
    finally:
        os.close(number)


def text(pid: int, path: str) -> str:
    """Return the text of a file as a process sees it; empty without one."""
    return (regular(inside(pid, path)) or b'').decode(errors='replace')


def exists(pid: int) -> bool:
    """Tell whether a process runs."""
    return os.path.exists(f'/proc/{pid}')


def words(pid: int) -> list[str]:
    """Return the command line of a process."""
    data = read(pid, 'cmdline') or b''
    return [os.fsdecode(word) for word in data.split(b'\0')[:-1]]


def environ(pid: int) -> dict[str, str] | None:
    """Return the environment it was started with; None if we may not see."""
    data = read(pid, 'environ')
    if data is None:
        return None
    pairs = (os.fsdecode(entry).partition('=') for entry in data.split(b'\0'))
    return {name: value for name, _, value in pairs if name}


def program(pid: int) -> str:
    """Return the name of the program that runs; empty if we may not see."""
    try:
        return os.path.basename(os.readlink(f'/proc/{pid}/exe'))
    except OSError:
        return ''


def user(pid: int) -> int:
    """Return the user of a process."""
    found = re.search(rb'^Uid:\t(\d+)', read(pid, 'status') or b'', re.M)
    return int(found[1]) if found else -1


def is_python(pid: int) -> bool:
    """Tell whether a process runs Python, or a server that has it inside."""
    return bool(_PYTHON.match(program(pid))) or program(pid) in _EMBEDDING


def name(pid: int) -> str:
    """Return what its operators call a process."""
    line = words(pid)
    if line and _PYTHON.fullmatch(os.path.basename(line[0])):
        line = [word for word in line[1:] if not word.startswith('-')]
    return os.path.basename(line[0]) if line else program(pid) or 'process'


def named(wanted: str) -> list[int]:
    """Return the processes that run a program of some name."""
    found = []
    for entry in filter(str.isdigit, os.listdir('/proc')):
        for word in words(int(entry))[:_WORDS]:
            base = os.path.basename(word)
            if wanted in (base, base[:-3] if base.endswith('.py') else base):
                found.append(int(entry))
                break
    found = sorted(set(found) - {os.getpid(), os.getppid()})
    # Not what starts it, or looks at its log.
    return [pid for pid in found if is_python(pid)] or found


def inside(pid: int, path: str) -> str:
    """Return where a file of a process is for us: it may be in a container."""
    if not path.startswith('/'):
        return os.path.join(f'/proc/{pid}/cwd', path)
    return f'/proc/{pid}/root{path}'


def import_path(pid: int) -> list[str]:
    """Return where a process would import osdbg from, as far as one can see.

    Its Python is not asked: whoever is root would run another's program.
    """
    line, variables = words(pid), environ(pid) or {}
    found = variables.get('PYTHONPATH', '').split(os.pathsep)
    found += [os.path.dirname(word) for word in line[1:2] if '/' in word]
    for prefix in _prefixes(pid, line, variables):
        for place in ('site-packages', 'dist-packages'):
            pattern = f'{prefix}/lib*/python3*/{place}'
            head = len(inside(pid, '/')) - 1
            found += [each[head:] for each in glob.glob(inside(pid, pattern))]
    found = [each for each in found if each]
    return found + [each for each in found for each in _more(pid, each)]


def _prefixes(
    pid: int, line: list[str], variables: dict[str, str]
) -> Iterator[str]:
    """Return the directories that its Pythons may be installed in."""
    first = line[0] if line else ''
    for folder in variables.get('PATH', '').split(os.pathsep):
        if '/' not in first and os.path.exists(
            inside(pid, os.path.join(folder, first))
        ):
            first = os.path.join(folder, first)
    for flag, value in zip(line, line[1:]):
        if flag in ('--home', '-H', '--virtualenv', '--venv'):
            yield value
    if '/' in first:
        yield os.path.dirname(os.path.dirname(first))
    try:
        exe = os.readlink(f'/proc/{pid}/exe')
    except OSError:
        return
    if not os.path.exists(
        inside(pid, os.path.join(os.path.dirname(first), '../pyvenv.cfg'))
    ):
        yield os.path.dirname(os.path.dirname(exe))
        yield from ('/usr', '/usr/local')


def _more(pid: int, directory: str) -> Iterator[str]:
    """Return the directories that the ``.pth`` files of another name."""
    for path in glob.glob(inside(pid, f'{glob.escape(directory)}/*.pth')):
        lines = (regular(path) or b'').decode(errors='replace').splitlines()
        yield from (line for line in lines if line.startswith('/'))


def can_import(pid: int, module: str) -> bool:
    """Tell whether a process would find a module, as far as one can see."""
    return any(
        os.path.exists(inside(pid, f'{directory}/{module}/__init__.py'))
        or glob.glob(inside(pid, f'{glob.escape(directory)}/*{module}-*'))
        for directory in import_path(pid)
    )

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


"""The program that ``osdbg run`` is to run, and whether it can."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys

from osdbg import exceptions

_OLDEST = (3, 9)
_PROBE = (
    'import importlib.util, sys; '
    'print(*sys.version_info[:2], sys.prefix, '
    'importlib.util.find_spec("osdbg") is not None)'
)
_PROBE_SECONDS = 20
_SHEBANG_BYTES = 1024
# Flags of the interpreter that make it ignore PYTHONPATH, or load no site.
_DEAF = {
    'I': 'isolates it from PYTHONPATH',
    'E': 'makes it ignore PYTHONPATH',
    'S': 'keeps it from importing site',
}
# Flags that take the next word, and those after which the program begins.
_TAKES_WORD = 'WX'
_ENDS = 'cm'
_RAISES_RIGHTS = ('sudo', 'su', 'doas', 'pkexec', 'runuser', 'setpriv')


def find(words: list[str], *, inject: bool) -> tuple[str, list[str]]:
    """Find a program, and make sure that osdbg will be started in it.

    :param words: the command
    :param inject: whether osdbg need not be installed there
    :returns: its path and its arguments, for ``os.execve``
    :raises: CannotRun
    """
    path = _which(words[0])
    _refuse_other_rights(path, words)
    interpreter = _interpreter(path, words)
    if interpreter is not None:
        python, flags = interpreter
        _refuse_deaf(words[0], flags)
        _check_installed(python, inject)
    return path, words


def _which(command: str) -> str:
    found = shutil.which(command)
    if found is None and os.sep not in command:
        # osdbg was called by its path, from an environment not activated.
        found = shutil.which(command, path=os.path.dirname(sys.argv[0]))
    if found is None:
        raise exceptions.CannotRun(
            command,
            'is no program on the PATH',
            'type its full path, or activate its environment first',
        )
    return found


def _refuse_other_rights(path: str, words: list[str]) -> None:
    name = os.path.basename(path)
    mode = os.stat(path).st_mode
    if name in _RAISES_RIGHTS or mode & (stat.S_ISUID | stat.S_ISGID):
        rest = ' '.join(words[1:]) or 'COMMAND'
        raise exceptions.CannotRun(
            name,
            'changes who the program runs as, and drops the environment',
            f'type {name} osdbg run -- {rest}',
        )


def _interpreter(path: str, words: list[str]) -> tuple[str, list[str]] | None:
    """Return the Python that a command runs in and its flags, if it is one.

    A shell script that ends in a Python is left to its luck: the environment
    goes through it.
    """
    if _is_python(path):
        return path, _flags(words[1:])
    first = _shebang(path)
    if not first:
        return None
    python, *flags = first
    if os.path.basename(python) == 'env':
        flags = [flag for flag in flags if '=' not in flag and flag != '-S']
        python, *flags = flags or ['']
        python = shutil.which(python) or ''
    return (python, _flags(flags)) if _is_python(python) else None


def _is_python(path: str) -> bool:
    return os.path.basename(path).startswith(('python', 'pypy'))


def _shebang(path: str) -> list[str]:
    with open(path, 'rb') as file:
        head = file.read(_SHEBANG_BYTES).decode(errors='replace').splitlines()
    if not head or not head[0].startswith('#!'):
        return []
    try:
        words = shlex.split(head[0][2:])
        if words == ['/bin/sh'] and head[1].startswith("'''exec'"):
            # What pip writes where the path of the interpreter is too long.
            words = shlex.split(head[1][len("'''exec'") :])
            words = words[: words.index('$0')]
    except (IndexError, ValueError):
        return []
    return words


def _flags(words: list[str]) -> list[str]:
    """Return the single-letter flags among the arguments of a Python."""
    letters: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith('-') or word.startswith('--') or word == '-':
            break
        for index, letter in enumerate(word[1:], 1):
            if letter in _ENDS:
                return letters
            if letter in _TAKES_WORD:
                if index == len(word) - 1:
                    next(rest, None)
                break
            letters.append(letter)
    return letters


def _refuse_deaf(command: str, flags: list[str]) -> None:
    for flag in flags:
        if flag in _DEAF:
            raise exceptions.CannotRun(
                command,
                f'runs its Python with -{flag}, which {_DEAF[flag]}',
                'leave that out, or call osdbg.init(CONF) in the program',
            )


def _check_installed(python: str, inject: bool) -> None:
    if os.path.abspath(python) == os.path.abspath(sys.executable):
        return
    found = _ask(python)
    version = (int(found[0]), int(found[1]))
    if version < _OLDEST:
        raise exceptions.CannotRun(
            python,
            f'is Python {version[0]}.{version[1]}',
            f'run the service with {_OLDEST[0]}.{_OLDEST[1]} or newer',
        )
    if found[-1] != 'True' and not inject:
        raise exceptions.CannotRun(
            found[2],
            'is where this runs, and osdbg is not installed there',
            f'type {python} -m pip install osdbg, or add --inject',
        )


def _ask(python: str) -> list[str]:
    try:
        done = subprocess.run(
            [python, '-c', _PROBE],
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_SECONDS,
            cwd='/',
        )
        return done.stdout.split()
    except (OSError, subprocess.SubprocessError) as exc:
        raise exceptions.CannotRun(
            python, f'does not work ({exc})', 'run the service with another'
        ) from exc

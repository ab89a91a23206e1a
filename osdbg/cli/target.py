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

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys

from osdbg import exceptions

_OLDEST = (3, 9)
# What else is printed there, by a sitecustomize, does not begin so.
_ANSWER = '["osdbg", '
_PROBE = (
    'import importlib.util, json, sys; '
    'found = importlib.util.find_spec("osdbg") is not None; '
    'print(); '
    'print(json.dumps(["osdbg", *sys.version_info[:2], sys.prefix, found]))'
)
_PROBE_SECONDS = 20
_SHEBANG_BYTES = 1024
# Not whatever begins so: it is asked to run a line of Python.
_PYTHON = re.compile(r'(python|pypy)(\d[\d.]*[a-z]{0,3})?(-dbg)?')
# Flags of the interpreter that make it ignore PYTHONPATH, or load no site.
_DEAF = {
    'I': 'isolates it from PYTHONPATH',
    'E': 'makes it ignore PYTHONPATH',
    'S': 'keeps it from importing site',
}
# Flags that take the next word, and those after which the program begins.
_TAKES_WORD = 'WX'
_ENDS = 'cm'
# What env(1) takes a word for, and how it is told to start with nothing.
_ENV_TAKES_WORD = ('u', 'C', 'a')
_ENV_LONG_TAKES_WORD = ('--unset', '--chdir', '--argv0')
_ENV_EMPTIES = ('-', '--ignore-environment')
_ENV_SPLITS = '--split-string'
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
        raise _not_found(command)
    return found


def _not_found(command: str) -> exceptions.CannotRun:
    there = command if os.path.isfile(command) else None
    file = shutil.which(command, mode=os.F_OK) or there
    if file is None:
        return exceptions.CannotRun(
            command,
            'is no program on the PATH',
            'type its full path, or activate its environment first',
        )
    quoted = shlex.quote(file)
    if os.access(file, os.X_OK):
        return exceptions.CannotRun(
            command, 'is not on the PATH', f'type ./{quoted}'
        )
    return exceptions.CannotRun(
        command,
        'is not executable',
        f'type chmod +x {quoted}, or osdbg run -- python {quoted}',
    )


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
    if not _is_python(path) and not _is_env(path):
        words = _shebang(path) or ['']
        path = words[0]
    if _is_env(path):
        words = _after_env(words[0], words[1:]) or ['']
        path = shutil.which(words[0]) or ''
    return (path, _flags(words[1:])) if _is_python(path) else None


def _is_python(path: str) -> bool:
    return _PYTHON.fullmatch(os.path.basename(path)) is not None


def _is_env(path: str) -> bool:
    return os.path.basename(path) == 'env'


def _after_env(env: str, words: list[str]) -> list[str]:
    """Return the command that env(1) runs, without env's own words.

    :param env: how it was called
    :param words: its arguments; those of one ``-S`` have been split already
    :raises: CannotRun if the command would not get our environment
    """
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _ENV_EMPTIES:
            raise _drops(env, word, 'the environment')
        name, equals, value = word.partition('=')
        if name == _ENV_SPLITS:
            rest[:0] = [value] if value else []
        elif word.startswith('--'):
            takes = name in _ENV_LONG_TAKES_WORD
            if takes and not equals:
                value = rest.pop(0) if rest else ''
            if value == 'PYTHONPATH':
                raise _drops(env, f'{name} {value}', value)
        elif word.startswith('-'):
            rest = _after_short(env, word, rest)
        elif not equals:
            return [word, *rest]
        elif name == 'PYTHONPATH':
            raise _drops(env, word, name)
    return []


def _after_short(env: str, word: str, rest: list[str]) -> list[str]:
    """Read single-letter options of env(1).

    :returns: the words that come after, what ``-S`` brings among them
    """
    for index, letter in enumerate(word[1:], 2):
        value = word[index:]
        if letter == 'i':
            raise _drops(env, '-i', 'the environment')
        if letter == 'S':
            return [value, *rest] if value else rest
        if letter in _ENV_TAKES_WORD:
            if not value and rest:
                value, *rest = rest
            if letter == 'u' and value == 'PYTHONPATH':
                raise _drops(env, f'-u {value}', value)
            return rest
    return rest


def _drops(env: str, word: str, what: str) -> exceptions.CannotRun:
    return exceptions.CannotRun(
        f'{env} {word}',
        f'drops {what}, by which osdbg gets into the program',
        'leave that out, or call osdbg.init(CONF) in the program',
    )


def _shebang(path: str) -> list[str]:
    try:
        with open(path, 'rb') as file:
            start = file.read(_SHEBANG_BYTES)
    except OSError:
        return []  # a program may be run and not read
    head = start.decode(errors='replace').splitlines()
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
    major, minor, prefix, has_osdbg = _ask(python)
    if (major, minor) < _OLDEST:
        raise exceptions.CannotRun(
            python,
            f'is Python {major}.{minor}',
            f'run the service with {_OLDEST[0]}.{_OLDEST[1]} or newer',
        )
    if not has_osdbg and not inject:
        raise exceptions.CannotRun(
            prefix,
            'is where this runs, and osdbg is not installed there',
            f'type {python} -m pip install osdbg, or add --inject',
        )


def _ask(python: str) -> tuple[int, int, str, bool]:
    """Ask a Python for its version, its prefix, and whether it has osdbg."""
    try:
        done = subprocess.run(
            # From elsewhere, since "-c" imports from where it is run.
            [os.path.join(os.getcwd(), python), '-c', _PROBE],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding='utf-8',
            errors='replace',
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_SECONDS,
            cwd='/',
        )
        lines = done.stdout.splitlines()
        answers = [line for line in lines if line.startswith(_ANSWER)]
        if not answers:
            raise ValueError('it does not run what it is given with -c')
        _, major, minor, prefix, has_osdbg = json.loads(answers[-1])
        return major, minor, prefix, has_osdbg
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        raise exceptions.CannotRun(
            python, f'does not work ({exc})', 'run the service with another'
        ) from exc

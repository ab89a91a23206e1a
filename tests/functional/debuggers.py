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

"""PyDev's and JetBrains' pydevd, each in a directory of its own.

They install the same files, so no environment can hold both. Each is put once
into ``.venvs/debuggers/<Python>/<package>``, for the ``PYTHONPATH`` of the
services that are debugged; ``python -m tests.functional.debuggers`` makes
both for the Python it is run by. In the directory ``OSDBG_TEST_DEBUGGERS``,
if that is set, they have to be already.

So does an old uWSGI, which is compiled by the one test that needs it.
"""

import fcntl
import functools
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GIVEN = os.environ.get('OSDBG_TEST_DEBUGGERS')
HOME = pathlib.Path(GIVEN or ROOT / '.venvs' / 'debuggers')
PYTHON = '.'.join(map(str, sys.version_info[:3]))
REQUIREMENTS = {
    'pydevd': 'pydevd>=3.5',
    'pydevd-pycharm': 'pydevd-pycharm',
    'uwsgi': 'uWSGI==2.0.26',
}
# What the services of the tests call them.
BACKENDS = {'pydevd': 'pydevd', 'pydevd_pycharm': 'pydevd-pycharm'}
# A third of uWSGI, and not optimized: a quarter of a minute of a processor.
ENVIRON = {
    'CFLAGS': '-O0',
    'UWSGI_PROFILE': 'buildconf/core.ini',
    'UWSGI_EMBED_PLUGINS': 'python',
    'UWSGI_PROFILE_OVERRIDE': 'json=false;pcre=false;routing=false;ssl=false;'
    'xml=false;yaml=false',
}


class Missing(Exception):
    """A debugger is not there; says what to type."""


def require(backend):
    """Return the directory that holds the debugger of a backend."""
    return _require(BACKENDS[backend], 'pydevd.py')


def require_old_uwsgi():
    """Return the directory that holds the last uWSGI without threads.

    Python 3.13 has never had one.
    """
    return _require('uwsgi', 'bin/uwsgi')


@functools.cache
def _require(package, file):
    directory = HOME / PYTHON / package
    stamp = directory / '.osdbg-complete'
    if GIVEN:
        if not (directory / file).exists():
            raise Missing(
                f'OSDBG_TEST_DEBUGGERS={GIVEN}, but there is no {directory}/'
                f'{file}: unset it, or type: {sys.executable} -m pip install '
                f"--no-deps --target {directory} '{REQUIREMENTS[package]}'"
            )
        return str(directory)
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / f'.{package}.lock', 'w') as stream:
        # The processes that run the tests: one at a time.
        fcntl.flock(stream, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != REQUIREMENTS[package]:
            shutil.rmtree(directory, ignore_errors=True)
            _install(REQUIREMENTS[package], directory)
            stamp.write_text(REQUIREMENTS[package])
    return str(directory)


def _install(requirement, directory):
    print(f'install {requirement} in {directory}', file=sys.stderr)
    words = [
        *(sys.executable, '-m', 'pip', 'install', '--quiet'),
        *('--disable-pip-version-check', '--no-deps'),
        # Or pip would give a part of uWSGI to whoever asks for all of it.
        '--no-cache-dir',
        *('--target', str(directory), requirement),
    ]
    environ = {
        name: value
        for name, value in os.environ.items()
        if name != 'PYTHONPATH'
    }
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environ, **ENVIRON},
    )
    if done.returncode:
        output = done.stdout.decode(errors='replace')
        raise Missing(f'{" ".join(words)} failed:\n{output}')


if __name__ == '__main__':
    try:
        for _backend in BACKENDS:
            print(require(_backend))
    except Missing as _error:
        sys.exit(str(_error))

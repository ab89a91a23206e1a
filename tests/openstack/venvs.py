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

"""The services' virtual environments, each made once from PyPI.

``python -m tests.openstack.venvs`` makes them all. They are kept in
``.venvs/openstack`` and made anew when a version they hold changes; osdbg is
installed again, as a wheel, whenever its sources have changed. The directory
``OSDBG_TEST_VENVS``, if that is set, is used as it is.
"""

import contextlib
import fcntl
import functools
import glob
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GIVEN = os.environ.get('OSDBG_TEST_VENVS')
HOME = pathlib.Path(GIVEN or ROOT / '.venvs' / 'openstack')
# The last Python that nova 31 runs on, and the first that nova 34 does.
PYTHON = '3.11'
PACKAGES = {
    'keystone': ('keystone==30.0.0', 'uwsgi==2.0.31'),
    'nova': ('nova==34.0.0',),
    'nova31': ('nova==31.3.1',),
}
CONSTRAINTS = HERE / 'constraints.txt'
REQUIREMENTS = ROOT / 'requirements.txt'
SOURCES = ('setup.cfg', 'setup.py', 'pyproject.toml', 'requirements.txt')


class Missing(Exception):
    """Something the tests need is not there; says what to type."""


@functools.cache
def require(name):
    """Return the directory of the environment of ``name``, ready to use."""
    venv = HOME / name
    if GIVEN:
        if not (venv / 'bin' / 'osdbg').exists():
            raise Missing(
                f'OSDBG_TEST_VENVS={GIVEN}, but there is no {venv}/bin/osdbg: '
                f'unset it, or pip install osdbg there'
            )
        return venv
    with lock(HOME):
        _make(name, venv)
        _install_osdbg(venv)
    return venv


@contextlib.contextmanager
def lock(directory):
    """Let one of the processes that run the tests in, one at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / '.lock', 'w') as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def digest(*parts):
    return hashlib.sha256('\n'.join(map(str, parts)).encode()).hexdigest()


def _make(name, venv):
    stamp = venv / '.osdbg-packages'
    wanted = digest(
        PYTHON,
        PACKAGES[name],
        CONSTRAINTS.read_text(),
        REQUIREMENTS.read_text(),
    )
    if stamp.exists() and stamp.read_text() == wanted:
        return
    python = find_python()
    if name == 'keystone':
        _require_compiler(python)
    print(f'install {" ".join(PACKAGES[name])} in {venv}', file=sys.stderr)
    _run(python, '-m', 'venv', '--clear', venv)
    _pip(
        venv,
        *('--constraint', CONSTRAINTS, '--requirement', REQUIREMENTS),
        *PACKAGES[name],
    )
    stamp.write_text(wanted)


def _install_osdbg(venv):
    stamp = venv / '.osdbg-sources'
    wanted = sources()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    wheel = _wheel(venv, wanted)
    _pip(venv, '--no-deps', '--force-reinstall', wheel)
    stamp.write_text(wanted)


def sources():
    """Return what changes when anything of osdbg does."""
    paths = [ROOT / name for name in SOURCES]
    paths += sorted(
        path
        for path in (ROOT / 'osdbg').rglob('*')
        if path.is_file() and path.suffix != '.pyc'
    )
    return digest(
        *((path, hashlib.sha256(path.read_bytes()).digest()) for path in paths)
    )


def _wheel(venv, key):
    """Return a wheel of osdbg as it is now, made once for all services."""
    store = HOME / 'wheel' / key[:12]
    found = sorted(store.glob('*.whl'))
    if not found:
        print('build osdbg', file=sys.stderr)
        shutil.rmtree(store.parent, ignore_errors=True)
        # What an earlier build left would end up in the wheel.
        shutil.rmtree(ROOT / 'build', ignore_errors=True)
        _run(
            *(venv / 'bin' / 'python', '-m', 'pip', 'wheel', '--quiet'),
            *('--no-deps', '--wheel-dir', store, ROOT),
        )
        found = sorted(store.glob('*.whl'))
    return found[0]


def _pip(venv, *arguments):
    python = venv / 'bin' / 'python'
    _run(
        *(python, '-m', 'pip', 'install', '--quiet'),
        *('--disable-pip-version-check', *arguments),
    )


def _run(*words):
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environ(),
    )
    if done.returncode:
        output = done.stdout.decode(errors='replace')
        raise Missing(f'{" ".join(map(str, words))} failed:\n{output}')


def clean_environ():
    """Return the environment without what would put our sources on a path."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('OS_', 'OSDBG', 'PYTHON'))
    }
    if subprocess.run(
        ['git', 'rev-parse', 'HEAD'], cwd=ROOT, capture_output=True
    ).returncode:
        # A copy without git has no version to derive.
        environ.setdefault('PBR_VERSION', '0.0.0')
    return environ


def find_python():
    """Return a Python of the version all services here run on."""
    pyenv = os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')
    candidates = [
        *glob.glob(f'{pyenv}/versions/{PYTHON}.*/bin/python'),
        shutil.which(f'python{PYTHON}'),
        sys.executable,
    ]
    probe = (
        'import sys, venv, ensurepip; '
        f'sys.exit("%d.%d" % sys.version_info[:2] != {PYTHON!r})'
    )
    for candidate in filter(None, candidates):
        if not _fails(candidate, '-c', probe):
            return candidate
    raise Missing(
        f'no Python {PYTHON} with venv: apt-get install python{PYTHON} '
        f'python{PYTHON}-venv python{PYTHON}-dev'
    )


def _require_compiler(python):
    if not (shutil.which('cc') or shutil.which('gcc')):
        raise Missing('uWSGI needs a compiler: apt-get install gcc libc6-dev')
    probe = (
        'import os, sys, sysconfig; sys.exit(not os.path.exists('
        'sysconfig.get_path("include") + "/Python.h"))'
    )
    if _fails(python, '-c', probe):
        raise Missing(
            f'uWSGI needs Python.h: apt-get install python{PYTHON}-dev'
        )


def _fails(*words):
    return subprocess.run(words, capture_output=True).returncode != 0


@functools.cache
def prepared(name, prepare):
    """Return a directory that ``prepare(directory)`` has filled, once.

    It lies beside the environment of ``name``, and is for copying.
    """
    venv = require(name)
    state = HOME / f'{name}.state'
    stamp = state / '.complete'
    key = digest(PACKAGES[name], CONSTRAINTS.read_text())
    with lock(HOME):
        if not stamp.exists() or stamp.read_text() != key:
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir()
            prepare(venv, state)
            stamp.write_text(key)
    return state


def run_tool(*words):
    """Run a service's own management command."""
    with tempfile.TemporaryDirectory(prefix='osdbg-test-') as directory:
        _run('env', f'HOME={directory}', *words)


if __name__ == '__main__':
    try:
        for _name in PACKAGES:
            require(_name)
    except Missing as _error:
        sys.exit(str(_error))

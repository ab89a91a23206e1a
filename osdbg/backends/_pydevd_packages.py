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

"""Which of the three debuggers that are called ``pydevd`` is there.

debugpy (which vendors it), PyDev's own and JetBrains' share the names of
their modules, and the last two install the same files: the one installed
last wins without a word, and removing either breaks both.
"""

from __future__ import annotations

import functools
from importlib.machinery import PathFinder
import os
import re
import sys

from osdbg import exceptions

PACKAGES = {
    'debugpy': 'debugpy',
    'pydevd': 'pydevd',
    'pydevd_pycharm': 'pydevd-pycharm',
}
_SAME_FILES = ('pydevd', 'pydevd_pycharm')
_VENDORED = os.path.join('debugpy', '_vendored') + os.sep
_CONSTANTS = os.path.join('_pydevd_bundle', 'pydevd_constants.py')


def require(name: str) -> None:
    """Refuse to go on unless it is this one that would be imported.

    :param name: the backend, ``pydevd`` or ``pydevd_pycharm``
    :raises: OsdbgError
    """
    refuse_another(name)
    _find(name)


def refuse_another(name: str) -> None:
    """Refuse to go on if another of the three is in this process already.

    :param name: the backend that is asked for
    :raises: OsdbgError
    """
    module = sys.modules.get('pydevd')
    path = getattr(module, '__file__', None)
    if not path:
        return
    found = _identify(path)
    if found != name:
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} cannot be loaded: this process '
            f'has already imported pydevd from {path}, which is {found}, and '
            f'a process can hold only one of them: restart the service with '
            f'backend = {name} and without that import, or set backend = '
            f'{found}'
        )


def refuse_strange(name: str) -> None:
    """Refuse to go on if it was imported by someone else than osdbg.

    :param name: the backend that is asked for
    :raises: OsdbgError
    """
    module = sys.modules.get('pydevd')
    if module is not None and not hasattr(module, 'osdbg_adapted'):
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} cannot be loaded: the service '
            f'has imported pydevd itself ({module.__file__}), too early for '
            f'osdbg to keep it apart from the service: take "import pydevd" '
            f'or "import pydevd_pycharm" out of it, and restart it'
        )


@functools.cache
def _find(name: str) -> None:
    """Look at what is installed, until it is right."""
    spec = PathFinder.find_spec('pydevd')
    package = PACKAGES[name]
    if spec is None or not spec.origin:
        if _is_installed(name):
            raise exceptions.OsdbgError(
                f'[remote_debug] backend = {name} is broken in {sys.prefix}: '
                f'{package} is installed, but another package has taken its '
                f"files along: there, type: pip install --force-reinstall "
                f"'{package}'"
            )
        raise exceptions.BackendNotInstalled(name, package)
    found = _identify(spec.origin)
    directory = os.path.dirname(spec.origin)
    if all(_is_installed(both, directory) for both in _SAME_FILES):
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} is not safe to load: pydevd and '
            f'pydevd-pycharm are both installed in {directory}, over each '
            f'other, and {spec.origin} is that of {PACKAGES[found]}: type: '
            f'pip uninstall -y pydevd pydevd-pycharm; pip install '
            f"'{package}'"
        )
    if found != name:
        raise exceptions.OsdbgError(
            f'[remote_debug] backend = {name} is not what "import pydevd" '
            f'would find: {spec.origin} is that of {PACKAGES[found]}: type: '
            f"pip uninstall -y {PACKAGES[found]}; pip install '{package}', "
            f'or set backend = {found}'
        )


def _identify(path: str) -> str:
    """Return the name of the backend that a ``pydevd.py`` belongs to."""
    if _VENDORED in path:
        return 'debugpy'
    constants = os.path.join(os.path.dirname(path), _CONSTANTS)
    try:
        with open(constants, encoding='utf-8', errors='replace') as stream:
            text = stream.read()
    except OSError:
        return 'pydevd'
    # Only JetBrains' has it.
    if re.search(r'^IS_PYCHARM\s*=', text, re.MULTILINE):
        return 'pydevd_pycharm'
    return 'pydevd'


def _is_installed(name: str, directory: str | None = None) -> bool:
    """Tell whether pip has put it there; anywhere, without ``directory``."""
    return bool(version(name, directory))


def version(name: str, directory: str | None = None) -> str:
    """Return the version of an installed package, empty if it is not.

    :param name: the backend it belongs to
    :param directory: where to look; everywhere without it
    """
    from importlib import metadata  # takes its time

    path = sys.path if directory is None else [directory]
    for found in metadata.distributions(name=PACKAGES[name], path=path):
        return str(found.version)
    return ''

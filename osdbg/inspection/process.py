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

"""What a process is: its Python, its patching, its debugger, its server.

Nothing is imported to find out its version: a module is asked only if the
service has loaded it, and what is installed is read off the names of its
directories. ``importlib.metadata`` would bring ``email`` and ``socket`` along.
"""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any

from osdbg import backends
from osdbg import exceptions
from osdbg import heartbeats
from osdbg import inspection
from osdbg.inspection import modules
from osdbg.inspection import source
from osdbg import objects
from osdbg import option_table
from osdbg import patching
from osdbg import settings as settings_
from osdbg import waiting

PACKAGES = (
    'osdbg',
    'debugpy',
    'pydevd',
    'pydevd-pycharm',
    'remote-pdb',
    'eventlet',
    'greenlet',
    'gevent',
    'oslo.service',
    'oslo.config',
    'oslo.messaging',
    'amqp',
    'cotyledon',
    'uWSGI',
)
"""Those whose versions are told, as pip calls them."""

_METADATA = re.compile(r'(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info')
_NAMESPACES = ('mnt', 'net', 'pid')
_WATCHDOG = ('NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID')
_UWSGI = ('enable-threads', 'threads', 'harakiri', 'processes', 'lazy-apps')


def look(settings: settings_.Settings) -> dict[str, Any]:
    """Tell what this process is.

    :param settings: the options of this process
    """
    return {
        'python': _python(),
        'options': _options(settings),
        'patched': patching.patched(),
        'debugger': _debugger(settings),
        'versions': installed(sys.path),
        'osdbg': os.path.dirname(os.path.abspath(settings_.__file__)),
        'server': _server(),
        'started': source.started(),
        'clock': _clock(),
        'namespaces': namespaces('self'),
        'amqp': heartbeats.agreed(),
        'watchdog': {
            name: os.environ[name] for name in _WATCHDOG if name in os.environ
        },
    }


def _python() -> dict[str, Any]:
    return {
        'version': '.'.join(map(str, sys.version_info[:3])),
        'executable': sys.executable,
        'prefix': sys.prefix,
        'optimize': sys.flags.optimize,
    }


def _options(settings: settings_.Settings) -> dict[str, str]:
    """Return the options that are not what they are by themselves."""
    return {
        setting.name: settings_.as_text(getattr(settings, setting.name))
        for setting in option_table.SETTINGS
        if getattr(settings, setting.name) != setting.default
    }


def _debugger(settings: settings_.Settings) -> dict[str, Any]:
    """Tell which one is there, and what would keep it from being loaded."""
    try:
        backends.create(settings).require()
        trouble = ''
    except exceptions.OsdbgError as exc:
        trouble = str(exc)
    pydevd = modules.attribute(sys.modules.get('pydevd'), '__file__')
    return {
        'backend': settings.backend,
        'trouble': trouble,
        'pydevd': pydevd if type(pydevd) is str else '',
    }


def installed(path: list[str]) -> dict[str, list[list[str]]]:
    """Return what is installed, by its name: versions and directories.

    :param path: the directories that packages are imported from
    """
    wanted = {_normal(name): name for name in PACKAGES}
    found: dict[str, list[list[str]]] = {}
    places = [each for each in path if type(each) is str]
    for directory in dict.fromkeys(map(modules.absolute, places)):
        try:
            entries = os.listdir(directory)
        except OSError:
            continue
        for match in filter(None, map(_METADATA.fullmatch, entries)):
            name = wanted.get(_normal(match[1]))
            if name is not None:
                found.setdefault(name, []).append([match[2], directory])
    return found


def _normal(name: str) -> str:
    return re.sub('[-_.]+', '-', name).lower()


def _clock() -> dict[str, float]:
    """Tell the time, and how far the clock was set since the start."""
    now, steady = time.time(), waiting.monotonic()
    jumped = now - steady - inspection.CLOCK
    return {'time': now, 'monotonic': steady, 'jumped': jumped}


def _server() -> dict[str, Any]:
    """Tell what runs the application, if not the application itself."""
    module: Any = sys.modules.get('uwsgi')
    if module is not None:
        return {'name': 'uwsgi', 'options': _uwsgi(module)}
    if 'mod_wsgi' in sys.modules:
        return {'name': 'mod_wsgi'}
    if 'gunicorn.app.base' in sys.modules:
        return {'name': 'gunicorn', 'options': _gunicorn()}
    return {}


def _uwsgi(module: Any) -> dict[str, str]:
    options = getattr(module, 'opt', {})
    found = {}
    for name in _UWSGI:
        value = options.get(name, options.get(name.encode()))
        if value is not None:
            found[name] = value.decode() if type(value) is bytes else 'true'
    return found


def _gunicorn() -> dict[str, str]:
    """Return what kills its workers, from the worker that runs here."""
    kind: Any = getattr(
        sys.modules.get('gunicorn.workers.base'), 'Worker', None
    )
    for each in objects.referred(objects.instances(kind)):
        timeout = vars(each).get('timeout')
        # It has half of what the arbiter gives it.
        return {'timeout': f'{2 * timeout:g}'} if timeout else {}
    return {}


def namespaces(pid: str) -> dict[str, str]:
    """Return the namespaces that a process lives in.

    :param pid: its number, or ``self``
    """
    found = {}
    for name in _NAMESPACES:
        try:
            found[name] = os.readlink(f'/proc/{pid}/ns/{name}')
        except OSError:
            pass  # no Linux, or not ours to know
    return found

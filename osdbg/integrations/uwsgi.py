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

"""uWSGI: forks in C, which runs no hook of Python's and copies no thread.

What is started in its master is deaf in its workers. It calls one function
after each fork, ``uwsgi.post_fork_hook``, which others set as well
(``uwsgidecorators`` does). The module is not there when Python starts, but
uWSGI fills the one it finds in ``sys.modules``: so we put one there, of a
class that keeps our function in front of whatever is set later. In a worker
it becomes an ordinary module again.
"""

from __future__ import annotations

from collections.abc import Iterator
import os
import sys
import types
from typing import Any

from osdbg import bootstrap
from osdbg import environment
from osdbg import program
from osdbg import sources

ONLY = 'OSDBG_ONLY'
"""Names the one process that the other variables are for."""

_HOOK = 'post_fork_hook'
# Those that name the application, the best first.
_APPLICATIONS = ('module', 'wsgi', 'wsgi-file', 'file', 'pecan')
_CONFIGURATIONS = ('paste', 'ini-paste', 'ini-paste-logged')


class _Module(types.ModuleType):
    """The module ``uwsgi`` in the master."""

    def __init__(self) -> None:
        super().__init__('uwsgi')

    @property
    def post_fork_hook(self) -> Any:
        """Return what others have set; uWSGI looks into the dictionary."""
        try:
            return self.__dict__['osdbg_next']
        except KeyError:
            raise AttributeError(_HOOK) from None

    @post_fork_hook.setter
    def post_fork_hook(self, hook: Any) -> None:
        self.__dict__['osdbg_next'] = hook

    @post_fork_hook.deleter
    def post_fork_hook(self) -> None:
        self.__dict__.pop('osdbg_next', None)


class _Master:
    """What the master keeps for its workers."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.conf: Any = None
        self.variables: dict[str, str] = {}


_master: _Master | None = None


def is_here() -> bool:
    """Tell whether this process is uWSGI, as yet without its module or not.

    With a virtual environment ``sys.executable`` is that of a Python, and the
    variable is inherited by all that uWSGI starts: each alone proves nothing.
    """
    try:
        program = os.readlink('/proc/self/exe')
    except OSError:
        program = sys.executable or ''
    return 'UWSGI_RELOADS' in os.environ and not os.path.basename(
        program
    ).startswith('python')


def prepare() -> None:
    """Have each worker armed that this process will fork, or become."""
    global _master
    if _master is not None and _master.pid == os.getpid():
        return
    _master = _Master()
    module: Any = sys.modules.get('uwsgi')
    if module is None:
        module = sys.modules['uwsgi'] = _Module()
    elif _HOOK in module.__dict__:
        module.__dict__['osdbg_next'] = module.__dict__[_HOOK]
    module.__class__ = _Module
    module.__dict__[_HOOK] = _forked


def arm(conf: Any) -> None:
    """Arm this process if it is a worker, else each one that it forks.

    :param conf: the service's ConfigOpts, or None
    """
    module: Any = sys.modules.get('uwsgi')
    if module is None or not _is_worker(module):
        prepare()
        if _master is not None:
            _master.conf = conf or _master.conf
    elif _can_run_threads(module):
        program.call(_application(module))
        bootstrap.arm(conf)


def _is_worker(module: Any) -> bool:
    for name in ('worker_id', 'mule_id'):
        ask = getattr(module, name, None)
        if ask is not None and ask():
            return True
    return False


def keep_for_reload(inject: str | None) -> None:
    """Give uWSGI back what it needs when it executes itself anew (SIGHUP).

    Not to Python's ``os.environ``, and not to another process: what uWSGI
    starts beside its workers finds the number of this one there.

    :param inject: where osdbg was brought along from, if it was
    """
    assert _master is not None  # noqa: S101
    before = os.environ.get('PYTHONPATH')
    _master.variables = {
        **sources.give_back(),
        'PYTHONPATH': environment.python_path(before),
        ONLY: str(os.getpid()),
    }
    if inject:
        _master.variables[environment.INJECT] = inject
    for name, value in _master.variables.items():
        os.putenv(name, value)


def _drop_what_was_kept(master: _Master) -> None:
    for name in master.variables:
        if name in os.environ:
            os.putenv(name, os.environ[name])
        else:
            os.unsetenv(name)


def _forked() -> Any:
    """Stand in for ``uwsgi.post_fork_hook``; uWSGI prints what is raised."""
    module: Any = sys.modules['uwsgi']
    theirs = _release(module)
    try:
        master = _master or _Master()
        _drop_what_was_kept(master)
        arm(master.conf)
    except SystemExit as exc:
        _give_up(module, exc)
    except KeyboardInterrupt:
        # uWSGI wants it to end, and its own handler is not there yet.
        os._exit(1)
    except Exception as exc:
        bootstrap.complain(f'osdbg is off in this worker: {exc!r}')
    return theirs() if theirs is not None else None


def _release(module: Any) -> Any:
    """Make the module in a worker what it would be without osdbg.

    :returns: the function that others have set, or None
    """
    names = module.__dict__
    theirs = names.pop('osdbg_next', None)
    names.pop(_HOOK, None)
    if theirs is not None:
        names[_HOOK] = theirs
    module.__class__ = types.ModuleType
    return theirs


def _give_up(module: Any, exc: SystemExit) -> None:
    """End all of uWSGI for ``required``: it would start the worker anew."""
    import signal

    try:
        print(exc.code, file=sys.stderr, flush=True)
        if module.masterpid():
            os.kill(module.masterpid(), signal.SIGINT)
    finally:
        os._exit(1)


def _can_run_threads(module: Any) -> bool:
    """Tell whether a thread of Python's would ever run here."""
    if getattr(module, 'has_threads', 1):
        return True
    if _is_first(module):
        bootstrap.complain(
            'osdbg is off: uWSGI runs no threads here; add to its '
            'configuration: enable-threads = true'
        )
    return False


def _is_first(module: Any) -> bool:
    """Tell whether this is the first worker, for the first time."""
    first = module.workers()[0]
    # Without a master it is -1, as an unsigned number.
    return module.worker_id() == 1 and not 0 < first['respawn_count'] < 2**63


def _application(module: Any) -> str:
    """Name the application that this uWSGI was told to run."""
    options = getattr(module, 'opt', {})
    for key in _APPLICATIONS:
        for value in _values(options, key):
            return _base_name(value.partition(':')[0])
    for value in _values(options, 'mount'):
        return _base_name(value.rpartition('=')[2].partition(':')[0])
    for key in _CONFIGURATIONS:
        for value in _values(options, key):
            return _base_name(value.rpartition(':')[2])
    for key in ('procname-prefix-spaced', 'procname-prefix', 'procname'):
        for value in _values(options, key):
            return value.strip()
    return 'uwsgi'


def _values(options: Any, key: str) -> Iterator[str]:
    """Return the values of an option, which may be given more than once."""
    found = options.get(key, options.get(key.encode(), ()))
    for value in found if isinstance(found, list) else [found]:
        text = value.decode() if isinstance(value, bytes) else ''
        if text.strip():
            yield text.strip()


def _base_name(value: str) -> str:
    """Return ``placement-api`` for ``/usr/bin/placement-api``."""
    name = os.path.basename(value)
    stem, suffix = os.path.splitext(name)
    return stem if suffix in ('.py', '.wsgi', '.ini') else name

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

"""Everything osdbg knows about eventlet's monkey patching.

A debugger needs real threads, locks and sockets; a green service has none
left. So the debugger is imported with an ``__import__`` of its own, which
hands it unpatched modules and everybody else's modules otherwise. Nothing in
``sys.modules`` is exchanged meanwhile, so a service that imports something
at that moment, in another thread or green thread, sees nothing of it.

Two cases, decided name by name:

* the module is patched: the debugger gets eventlet's own unpatched original,
  the one its ``tpool`` threads run on;
* it is not patched (yet): the debugger gets a copy whose functions eventlet
  can no longer reach, and ``threading`` shares its table of threads with the
  service's, so that the debugger sees the threads it is there for.

So the debugger works whether ``monkey_patch()`` came before it or comes after.
eventlet itself is never imported (nova and cinder refuse to run if it is):
what it has patched is read from ``sys.modules``.
"""

from __future__ import annotations

import builtins
import collections
from collections.abc import Sequence
import importlib
from importlib.machinery import ModuleSpec
from importlib.machinery import PathFinder
from importlib.machinery import SourceFileLoader
import importlib.util
import os
import sys
import types
from typing import Any

# The keyword of eventlet.monkey_patch() that patches each of these in place.
_GROUPS = {
    'os': 'os',
    '_thread': 'thread',
    'threading': 'thread',
    'queue': 'thread',
    'time': 'time',
    'select': 'select',
    'socket': 'socket',
    'subprocess': 'subprocess',
}

# Pure Python modules that bind functions of the others: a copy has to be
# executed anew to bind the unpatched ones.
_EXECUTED = ('threading', 'queue', 'subprocess')


def patched() -> list[str]:
    """Return the names of the modules that eventlet has patched by now."""
    return [name for name, group in _GROUPS.items() if _is_patched(group)]


def _is_patched(group: str) -> bool:
    patcher: Any = sys.modules.get('eventlet.patcher')
    # Another thread may be importing it at this moment.
    ask = getattr(patcher, 'is_monkey_patched', None)
    return ask is not None and bool(ask(group))


def monkey_patch(*, threads: bool, **on: bool) -> None:
    """Call ``eventlet.monkey_patch()``.

    :param threads: whether ``thread`` is patched when the caller does not say
    :param on: as for ``eventlet.monkey_patch()``
    :raises: RuntimeError when the service has not imported eventlet
    """
    eventlet = sys.modules.get('eventlet')
    if eventlet is None:
        raise RuntimeError(
            'osdbg.monkey_patch() needs eventlet, which this program has not '
            'imported: put "import eventlet" before it'
        )
    if not threads:
        on.setdefault('thread', False)
    eventlet.monkey_patch(**on)


def native(name: str) -> Any:
    """Return a module whose functions block the thread, not the hub.

    Functions taken from it stay what they are when the service is patched
    later: eventlet replaces attributes of modules, never the functions.

    :param name: one of the modules that eventlet patches
    """
    if _is_patched(_GROUPS[name]):
        return sys.modules['eventlet.patcher'].original(name)
    return importlib.import_module(name)


def _copy(module: types.ModuleType) -> types.ModuleType:
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__)
    return copy


def _execute(name: str, isolated_builtins: dict[str, Any]) -> Any:
    """Run a pure Python module of the standard library a second time.

    Only for modules that do not look themselves up in ``sys.modules`` while
    they run (``socket`` and ``ssl`` do, through ``IntEnum._convert_``).
    """
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None  # noqa: S101
    module = types.ModuleType(name)
    module.__file__ = spec.origin
    module.__dict__['__builtins__'] = isolated_builtins
    code = spec.loader.get_code(name)  # type: ignore[attr-defined]
    exec(code, module.__dict__)  # noqa: S102
    return module


def _standing_for_all(copy: Any) -> Any:
    """Return a subclass of ``copy`` of which every thread is an instance.

    pydevd follows a thread only if it is a ``threading.Thread``, and there
    are up to three of that name: the service's, eventlet's and the copy's.
    """

    class Every(type):
        def __instancecheck__(cls, instance: object) -> bool:
            if cls is not standing:
                return type.__instancecheck__(cls, instance)
            return any(
                base.__name__ == 'Thread' and base.__module__ == 'threading'
                for base in type(instance).__mro__
            )

    standing = Every('Thread', (copy,), {'__module__': 'threading'})
    return standing


class _Threads(collections.ChainMap):  # type: ignore
    """The service's table of threads, and behind it that of eventlet's tpool.

    The latter is in a ``threading`` that exists only once something is
    patched, which may be later.
    """

    def __init__(self, own: dict[int, Any]) -> None:
        self._own = own

    @property
    def maps(self) -> list[dict[int, Any]]:  # type: ignore
        original = sys.modules.get('__original_module_threading')
        if original is None:
            return [self._own]
        return [self._own, original._active]

    def values(self) -> Any:
        # In one go: threads come and go meanwhile.
        merged: dict[int, Any] = {}
        for table in reversed(self.maps):
            merged.update(table)
        return merged.values()


def _forwarding(real: Any) -> Any:
    """Return a class of modules that share how threads are started.

    pydevd replaces these functions to learn of every thread before it runs.
    Of a thread that it meets in the middle it may get a stale dummy, and then
    never reads the commands for it (3.12 and later).
    """
    names = ('_start_new_thread', '_start_joinable_thread')

    class Forwarding(types.ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name in names and 'threading' not in patched():
                setattr(real, name, value)

    return Forwarding


class _Proxy:
    """Loads a module of the debugger with the isolated ``__import__``."""

    def __init__(
        self, loader: SourceFileLoader, isolated_builtins: dict[str, Any]
    ) -> None:
        self._loader = loader
        self._builtins = isolated_builtins

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__['__builtins__'] = self._builtins
        self._loader.exec_module(module)


class Isolation:
    """The unpatched modules of one process, and how a debugger gets them."""

    def __init__(self, roots: Sequence[str]) -> None:
        """Prepare the modules; nothing is imported for the debugger yet.

        :param roots: the top-level names of the debugger's own modules
        """
        self._roots = frozenset(roots)
        self._threads = sys.modules['threading']
        self._threads_patched = 'threading' in patched()
        self._builtins = dict(vars(builtins))
        self._builtins['__import__'] = self._import
        self._modules: dict[str, Any] = {}
        for name in _GROUPS:
            self._modules[name] = self._unpatched(name)

    def _unpatched(self, name: str) -> Any:
        if name in patched() and name != 'subprocess':
            return native(name)
        if name not in _EXECUTED:
            return _copy(importlib.import_module(name))
        module = _execute(name, self._builtins)
        if name == 'threading':
            self._share_threads(module)
        return module

    def _share_threads(self, threading: Any) -> None:
        """Let a copy of ``threading`` see and trace the service's threads."""
        real = self._threads
        threading.__class__ = _forwarding(real)
        threading._active = _Threads(real._active)
        threading._limbo = real._limbo
        threading._dangling = real._dangling
        threading._MainThread = real._MainThread
        threading.Thread = _standing_for_all(threading.Thread)
        threading.settrace = real.settrace
        threading.setprofile = real.setprofile
        # eventlet greens every C RLock that it can reach; the Python one
        # holds a plain lock, which it leaves alone.
        threading.RLock = threading._PyRLock
        threading._active_limbo_lock = threading._PyRLock()

    def _import(
        self,
        name: str,
        globals: dict[str, Any] | None = None,
        locals: dict[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Stand in for ``__import__`` in the debugger's modules."""
        if level == 0:
            module = self._modules.get(name)
            if module is not None:
                return module
            if name == 'os.path' and not fromlist:
                return self._modules['os']
        return builtins.__import__(
            name, globals or {}, locals or {}, fromlist or (), level
        )

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find the debugger's modules for ``sys.meta_path``."""
        if fullname.partition('.')[0] not in self._roots:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        # Compiled modules (Cython) take what they need of these from the
        # debugger's Python modules, they import none of them.
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Proxy(spec.loader, self._builtins)  # type: ignore
        return spec

    def enter(self) -> None:
        """Serve the debugger's imports from now on.

        Stays in place while the debugger is loaded, since it imports some of
        its modules only when it needs them.
        """
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        if not self._threads_patched:
            # It changes in a child that was forked from another thread.
            main = self._threads.main_thread()
            self._modules['threading']._main_thread = main

    def leave(self) -> None:
        """Stop serving imports; the modules stay what they are."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def threading(self) -> Any:
        """Return the ``threading`` that the debugger uses."""
        return self._modules['threading']


class Untouched:
    """No isolation: what the option ``eventlet = ignore`` asks for."""

    def enter(self) -> None:
        """Do nothing."""

    def leave(self) -> None:
        """Do nothing."""

    def threading(self) -> Any:
        """Return the ``threading`` that everybody uses."""
        return importlib.import_module('threading')


class residue:  # noqa: N801  (reads as a statement: ``with residue():``)
    """Undo what the import of a debugger leaves behind in the interpreter.

    pydevd replaces ``sys.breakpointhook`` when it is imported (a
    ``breakpoint()`` before a client attaches then raises in the caller) and
    debugpy leaves ``PYDEVD_USE_FRAME_EVAL`` in the environment, where every
    program that the service starts would inherit it.
    """

    def __enter__(self) -> None:
        self._hook = sys.breakpointhook
        self._environ = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(('PYDEVD', 'DEBUGPY'))
        }

    def __exit__(self, *exc_info: object) -> None:
        sys.breakpointhook = self._hook
        for name in list(os.environ):
            if name.startswith(('PYDEVD', 'DEBUGPY')):
                if name not in self._environ:
                    del os.environ[name]
        os.environ.update(self._environ)

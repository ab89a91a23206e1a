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

"""How a debugger is imported into a service that eventlet has patched.

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
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from collections.abc import Iterable
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

from osdbg import patching
from osdbg import threads

# Pure Python modules that bind functions of the others: a copy has to be
# executed anew to bind the unpatched ones.
_EXECUTED = ('threading', 'queue', 'subprocess')


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


class _Sys(types.ModuleType):
    """``sys``, but for the hook that a debugger takes when it is imported.

    With pydevd's, a ``breakpoint()`` in the service at that moment would
    raise, or connect to whoever listens on port 5678 and obey them.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != 'breakpointhook':
            setattr(sys, name, value)


def _nothing(module: Any) -> None:
    pass


class _Loader:
    """Loads a module as another loader does, with a word before and after."""

    def __init__(
        self,
        loader: Any,
        before: Callable[[Any], None] = _nothing,
        after: Callable[[Any], None] = _nothing,
    ) -> None:
        self._loader = loader
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        self._before(module)
        self._loader.exec_module(module)
        self._after(module)


class Isolation:
    """The unpatched modules of one process, and how a debugger gets them."""

    def __init__(
        self, roots: Sequence[str], names: Iterable[str] = patching.GROUPS
    ) -> None:
        """Prepare the modules; nothing is imported for the debugger yet.

        :param roots: the top-level names of the debugger's own modules
        :param names: the modules of which it shall have unpatched ones
        """
        self._roots = frozenset(roots)
        self._real: Any = patching.service_threading
        self._copied = 'threading' in {*names} - {*patching.patched()}
        self._builtins = dict(vars(builtins))
        self._builtins['__import__'] = self._import
        self._sys = _Sys('sys')
        self._modules: dict[str, Any] = {}
        for name in names:
            self._modules[name] = self._unpatched(name)

    def _unpatched(self, name: str) -> Any:
        if name in patching.patched() and name != 'subprocess':
            return patching.native(name)
        if name not in _EXECUTED:
            return _copy(importlib.import_module(name))
        module = _execute(name, self._builtins)
        if name == 'threading':
            threads.share(module, self._real)
        return module

    def _isolate(self, module: types.ModuleType) -> None:
        """Have a module of the debugger import by our ``__import__``."""
        module.__dict__['__builtins__'] = self._builtins

    def _follow(self, threading: Any) -> None:
        threads.follow(threading, self.threading())

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
            importer = (globals or {}).get('__name__')
            if name == 'sys' and importer in self._roots:
                return self._sys
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
        top = fullname.partition('.')[0]
        if top not in self._roots and top != 'threading':
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if top == 'threading':
            # eventlet executes it anew, for its tpool.
            if spec is not None and self._copied:
                spec.loader = _Loader(spec.loader, after=self._follow)  # type: ignore
            return spec
        # Compiled modules (Cython) take what they need of these from the
        # debugger's Python modules, they import none of them.
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader, before=self._isolate)  # type: ignore
        return spec

    def enter(self) -> None:
        """Serve the debugger's imports from now on.

        Stays in place while the debugger is loaded, since it imports some of
        its modules only when it needs them.
        """
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        if self._copied:
            threads.begin(self.threading(), self._real)
        else:
            self._renew_lock()

    def leave(self) -> None:
        """Stop serving imports; the modules stay what they are."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if self._copied:
            threads.forget(self.threading(), self._real)

    def renew(self) -> None:
        """Adapt to the process it is used in now, which may be a fork."""
        if self._copied:
            threads.renew(self.threading(), self._real)
        else:
            self._renew_lock()

    def _renew_lock(self) -> None:
        if 'threading' in self._modules:
            threads.renew_lock(self._modules['threading'])

    def threading(self) -> Any:
        """Return the ``threading`` that the debugger uses."""
        return self._modules.get('threading', self._real)


class residue:  # noqa: N801  (reads as a statement: ``with residue():``)
    """Undo what the import of a debugger leaves behind in the environment.

    debugpy leaves ``PYDEVD_USE_FRAME_EVAL`` there, where every program that
    the service starts would inherit it.
    """

    def __enter__(self) -> None:
        # Not its items: one that another thread removes would be a KeyError.
        self._environ = {
            name: os.environ[name]
            for name in os.environ
            if name.startswith(('PYDEVD', 'DEBUGPY'))
        }

    def __exit__(self, *exc_info: object) -> None:
        for name in list(os.environ):
            if name.startswith(('PYDEVD', 'DEBUGPY')):
                if name not in self._environ:
                    del os.environ[name]
        os.environ.update(self._environ)

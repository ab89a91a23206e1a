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

"""Call somebody back once a module has been imported, by whomever."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
import sys
import types
from typing import Any

from osdbg import bootstrap

_Callback = Callable[[Any], None]


class _Loader:
    """Stands before the loader of one module, until it has been executed.

    The loader itself may be one for many modules, such as that of a zip file.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        self._spec = spec
        self._loader: Any = spec.loader
        # Those of before PEP 451 have only the second.
        if hasattr(self._loader, 'exec_module'):
            self.exec_module = self._exec_module
        else:
            self.load_module = self._load_module

    def __getattr__(self, name: str) -> Any:
        # Not while being copied, when there is no loader yet.
        if name == '_loader':
            raise AttributeError(name)
        return getattr(self._loader, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # Who only looks for the module may ask what would load it.
        return type(self._loader)

    def _exec_module(self, module: types.ModuleType) -> None:
        self._step_back(module)
        self._loader.exec_module(module)
        _finder.call_back(module)

    def _load_module(self, name: str) -> types.ModuleType:
        self._step_back(None)
        module: types.ModuleType = self._loader.load_module(name)
        _finder.call_back(module)
        return module

    def _step_back(self, module: types.ModuleType | None) -> None:
        """Leave the module with the loader that it would have without us."""
        ours: Any = self
        if self._spec.loader is ours:
            self._spec.loader = self._loader
        if getattr(module, '__loader__', None) is ours:
            setattr(module, '__loader__', self._loader)  # noqa: B010


class _Finder:
    """Finds what the others find, and notices when it has been executed."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[_Callback]] = {}
        self._asking: set[tuple[int, str]] = set()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        # Another finder that stands before the rest asks us again.
        asking = _thread.get_ident(), name
        if name not in self.callbacks or asking in self._asking:
            return None
        self._asking.add(asking)
        try:
            spec = self._ask_the_others(name, path, target)
        finally:
            self._asking.discard(asking)
        loader: Any = spec and spec.loader
        # A finder may keep what it found, with our own in it.
        if spec and loader is not None and type(loader) is not _Loader:
            spec.loader = _Loader(spec)  # type: ignore[assignment]
        return spec

    def _ask_the_others(self, name: str, *args: Any) -> ModuleSpec | None:
        # Not importlib.util.find_spec(): of a module that is there it returns
        # the module's own, and another thread may be loading it just now.
        for finder in tuple(sys.meta_path):
            if finder is self:
                continue
            find_spec = getattr(finder, 'find_spec', None)
            if find_spec is None:
                if sys.version_info >= (3, 12):
                    continue
                return None  # of before PEP 451; leave it all to Python
            spec: ModuleSpec | None = find_spec(name, *args)
            if spec is not None:
                return spec
        return None

    def call_back(self, module: types.ModuleType) -> None:
        for callback in tuple(self.callbacks.get(module.__name__, ())):
            _call(callback, module)


_finder = _Finder()


def watch(name: str, callback: _Callback) -> None:
    """Call back when a module has been imported, or at once if it has been.

    :param name: its full name
    :param callback: called with the module; what it raises is logged
    """
    _finder.callbacks.setdefault(name, []).append(callback)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    module = sys.modules.get(name)
    if module is not None and not _is_loading(module):
        _call(callback, module)


def forget(callback: _Callback) -> None:
    """Call back no more.

    :param callback: as given to ``watch``
    """
    for name, callbacks in _finder.callbacks.copy().items():
        if callback in callbacks:
            callbacks.remove(callback)
        if not callbacks:
            del _finder.callbacks[name]
    if not _finder.callbacks and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


def _is_loading(module: types.ModuleType) -> bool:
    return bool(getattr(module.__spec__, '_initializing', False))


def _call(callback: _Callback, module: types.ModuleType) -> None:
    """Call back, and let no failure reach who imports the module."""
    try:
        callback(module)
    except Exception as exc:
        where = getattr(callback, '__module__', None)
        name = getattr(callback, '__qualname__', callback)
        bootstrap.complain(
            f'osdbg does without {where}.{name} in {module.__name__} '
            f'({exc!r}): pip install -U its package, or call '
            f'osdbg.init(CONF) in the service'
        )

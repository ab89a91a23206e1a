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

from collections.abc import Callable
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
import importlib.util
import sys
import types
from typing import Any

_Callback = Callable[[Any], None]


class _Finder:
    """Finds what the others find, and notices when it has been executed."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[_Callback]] = {}
        self._asking: set[str] = set()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name not in self.callbacks or name in self._asking:
            return None
        self._asking.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asking.discard(name)
        loader: Any = spec and spec.loader
        # Of modules that are built in or frozen it is a class, for all.
        if hasattr(loader, 'exec_module') and not isinstance(loader, type):
            self._notice(loader)
        return spec

    def _notice(self, loader: Any) -> None:
        """Be told by the loader, which stays the module's own."""
        execute = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            del loader.exec_module
            execute(module)
            for callback in tuple(self.callbacks.get(module.__name__, ())):
                callback(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            pass  # it has slots: nothing that a Python module is loaded by


_finder = _Finder()


def watch(name: str, callback: _Callback) -> None:
    """Call back when a module has been imported, or at once if it has been.

    :param name: its full name
    :param callback: called with the module; must not raise
    """
    _finder.callbacks.setdefault(name, []).append(callback)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    module = sys.modules.get(name)
    if module is not None and not _is_loading(module):
        callback(module)


def forget(callback: _Callback) -> None:
    """Call back no more.

    :param callback: as given to ``watch``
    """
    for name, callbacks in tuple(_finder.callbacks.items()):
        if callback in callbacks:
            callbacks.remove(callback)
        if not callbacks:
            del _finder.callbacks[name]
    if not _finder.callbacks and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


def _is_loading(module: types.ModuleType) -> bool:
    return bool(getattr(module.__spec__, '_initializing', False))

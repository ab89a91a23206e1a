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

"""pydevd's modules, told apart from the service's terminal and log.

What pydevd prints when something goes wrong (a lost connection, a file that
is not there) would be on the stderr of the service, which is its log.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader
import os
import sys
import traceback
import types
from typing import Any

from osdbg import isolation

# They are the service's, and pydevd would take them.
_KEPT = ('breakpointhook', 'excepthook', 'stdin')
_STREAMS = ('stderr', 'stdout')
# JetBrains' looks whether it could be compiled, which takes three seconds
# and leaves another entry on the service's ``sys.path``.
_MISSING = ('setuptools',)


class _Stream:
    """A stream of the service that takes nothing from who holds this."""

    def __init__(self, name: str, write: Callable[[str], None]) -> None:
        self._name = name
        self._write = write

    def __getattr__(self, attribute: str) -> Any:
        return getattr(getattr(sys, self._name), attribute)

    def write(self, text: str) -> int:
        self._write(text)
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        self._write(''.join(lines))

    def flush(self) -> None:
        pass


class _Sys(types.ModuleType):
    """``sys``, but for the streams and for the hooks pydevd would take."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _STREAMS and isinstance(value, _Stream):
            # It puts back what it has found here: it has found the real one.
            value = getattr(sys, f'__{name}__')
        if name not in _KEPT:
            setattr(sys, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(sys, name)


def _say_nothing(*args: Any, **kwargs: Any) -> None:
    pass


class QuietIsolation(isolation.Isolation):
    """The modules of a debugger that would print."""

    def __init__(
        self, roots: Sequence[str], names: Any, log: str | None
    ) -> None:
        """Prepare them.

        :param log: the file that takes what would be printed; None if no one
            wants it
        """
        self._quiet: dict[str, Any] = {}
        super().__init__(roots, names)
        self._log = log
        quiet = _Sys('sys')
        for name in _STREAMS:
            quiet.__dict__[name] = _Stream(name, self._write)
        # pydevd calls it to print.
        quiet.__dict__['__excepthook__'] = _say_nothing
        self._quiet['sys'] = quiet
        self._quiet['traceback'] = self._traceback()
        self._builtins['print'] = self._print

    def _write(self, text: str) -> None:
        if self._log is None:
            return
        try:
            with open(f'{self._log}.{os.getpid()}.log', 'a') as stream:
                stream.write(text)
        except OSError:
            self._log = None

    def _print(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get('file') is None:
            kwargs['file'] = self._quiet['sys'].stdout
        print(*args, **kwargs)  # noqa: T201

    def _traceback(self) -> types.ModuleType:
        """Return a ``traceback`` that prints nowhere by itself."""
        module = types.ModuleType('traceback')
        module.__dict__.update(traceback.__dict__)

        def to_the_log(function: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> None:
                if kwargs.get('file') is None:
                    kwargs['file'] = self._quiet['sys'].stderr
                function(*args, **kwargs)

            return call

        for name in ('print_exc', 'print_exception', 'print_stack'):
            setattr(module, name, to_the_log(getattr(traceback, name)))
        return module

    def _import(
        self,
        name: str,
        globals: dict[str, Any] | None = None,
        locals: dict[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if level == 0 and name in self._quiet:
            return self._quiet[name]
        if name in _MISSING:
            raise ImportError(f'no {name} for a debugger', name=name)
        return super()._import(name, globals, locals, fromlist, level)

    def hush_compiled(self) -> None:
        """Do the same in the compiled modules that were just imported."""
        for name, module in sys.modules.copy().items():
            if name.partition('.')[0] not in self._roots:
                continue
            loader = getattr(module, '__loader__', None)
            if isinstance(loader, ExtensionFileLoader):
                for quiet, value in self._quiet.items():
                    if hasattr(module, quiet):
                        setattr(module, quiet, value)

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

"""The table of a service's threads, as its debugger is to see it.

Who asks for one gets the thread that has that number now, and a list has those
that run: the tables of ``threading`` itself also hold others.
"""

from __future__ import annotations

import collections
from collections.abc import KeysView
import os
import sys
from typing import Any

from osdbg import frames
from osdbg import patching
from osdbg import waiting


def tpool_threading() -> Any:
    """Return the ``threading`` that eventlet keeps for its tpool, or None.

    It exists as soon as eventlet is imported.
    """
    return sys.modules.get('__original_module_threading')


def running() -> KeysView[int]:
    """Return the numbers of the native threads."""
    return frames.current().keys()


def _idle(table: dict[int, Any]) -> set[int]:
    """Return the numbers of the native threads that run no Python just now.

    A server's own threads (uWSGI's, mod_wsgi's) have a frame only while they
    serve a request. Where eventlet has patched threads, all that have none
    are green; and a thread may be dead and still in the table: a dummy until
    Python 3.13, and any of them after a fork in C, which runs no hook. pydevd
    traces those on the list up to Python 3.11, and has no stops for a thread
    that it has missed there after that.
    """
    if 'threading' in patching.patched():
        return set()
    try:
        tasks = {None, *map(int, os.listdir('/proc/self/task'))}
    except OSError:
        return set()
    # Not a list of items, which are objects: up to Python 3.11 garbage may be
    # collected for each, and threads begin and end meanwhile.
    return {
        ident
        for ident, thread in table.copy().items()
        if thread.native_id in tasks or type(thread).__name__ == '_MainThread'
    }


def _is_dummy(thread: Any) -> bool:
    """Tell whether a thread was not started by ``threading``."""
    return type(thread).__name__ == '_DummyThread'


def _is_left_over(thread: Any, ident: int) -> bool:
    """Tell whether a dummy is that of an earlier thread with this number.

    The number of a thread that has ended goes to the next one that starts.
    Until that one has entered itself, whatever pydevd runs there (up from
    Python 3.12, each of its own functions) would take it for the dummy, and
    then it never hears of a command: seen once in 50 attaches under load.
    """
    return (
        ident == waiting.get_ident()
        and _is_dummy(thread)
        and thread.native_id not in (None, waiting.get_native_id())
    )


class ThreadTable(collections.ChainMap):  # type: ignore
    """The service's table of threads, and behind it that of eventlet's tpool.

    The latter is in a ``threading`` that exists only once eventlet is there,
    which may be later.
    """

    def __init__(self, own: dict[int, Any]) -> None:
        self._own = own

    @property
    def maps(self) -> list[dict[int, Any]]:  # type: ignore
        original = tpool_threading()
        if original is None:
            return [self._own]
        return [self._own, original._active]

    def __getitem__(self, ident: int) -> Any:
        thread = self._find(ident)
        if thread is None:
            raise KeyError(ident)
        return thread

    def get(self, ident: int, default: Any = None) -> Any:
        # ChainMap's looks twice; the thread may have ended in between.
        thread = self._find(ident)
        return default if thread is None else thread

    def __setitem__(self, ident: int, thread: Any) -> None:
        if thread is None:
            # PyCharm's puts back what it has found of a thread that is in no
            # table, and then that would be nobody, for the service as well.
            return
        if ident != waiting.get_ident() and _is_dummy(thread):
            # pydevd makes it for another thread, and it has this one's;
            # without one it counts as alive.
            thread._native_id = None
            there = self._find(ident)
            if there is not None and not _is_dummy(there):
                return  # that thread has entered itself meanwhile
        super().__setitem__(ident, thread)

    def _find(self, ident: int) -> Any:
        found = [table.get(ident) for table in self.maps]
        threads = [
            thread
            for thread in found
            if thread is not None and not _is_left_over(thread, ident)
        ]
        # A dummy stays when its thread has ended (until 3.13), and the number
        # may be that of a thread in the other table by now.
        return min(threads, key=_is_dummy, default=None)

    def values(self) -> Any:
        # Threads come and go meanwhile.
        alive = running() | _idle(self._own)
        idents = [ident for table in self.maps for ident in list(table)]
        found = map(self._find, alive & dict.fromkeys(idents).keys())
        return [thread for thread in found if thread is not None]

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

"""The threads of a service as its debugger sees them.

A debugger needs real threads, and the service's ``threading`` may be patched
at any moment. So it gets a copy of that module, which shares what is there
for all: the table of threads and the way they are started, which is where
pydevd begins to trace them. ``threading.settrace()`` is not shared: it would
reach the green threads, too, which are traced with the thread they run in.
"""

from __future__ import annotations

from collections.abc import Callable
import types
from typing import Any

from osdbg import patching
from osdbg import thread_table

# How threads are started up to Python 3.12, and after.
_START = '_start_new_thread'
_START_JOINABLE = '_start_joinable_thread'


def _is_green(thread: Any) -> bool:
    """Tell whether a ``threading.Thread`` is a green thread that runs."""
    return (
        thread.ident is not None
        and thread.ident not in thread_table.running()
        and 'threading' in patching.patched()
    )


def _nothing() -> None:
    pass


def _leave(thread: Any) -> None:
    """Do nothing when a dummy's thread ends; ``forget`` comes later."""


def _standing_for_all(copy: Any) -> Any:
    """Return a subclass of ``copy`` of which every thread is an instance.

    pydevd follows a thread only if it is a ``threading.Thread``, and there
    are up to three of that name: the service's, eventlet's and the copy's.
    A green one is none: commands for it would wait for a thread of its own.
    """

    class Every(type):
        def __instancecheck__(cls, instance: object) -> bool:
            if cls is not standing:
                return type.__instancecheck__(cls, instance)
            return any(
                base.__name__ == 'Thread' and base.__module__ == 'threading'
                for base in type(instance).__mro__
            ) and not _is_green(instance)

    standing = Every('Thread', (copy,), {'__module__': 'threading'})
    return standing


class _Starters:
    """The functions that start threads, in every module that has them.

    pydevd replaces them in its copy to learn of a thread before it runs. Of
    one that it meets in the middle it may get a stale dummy, and then never
    reads the commands for it (3.12 and later). Up to 3.11 this is also where
    tracing begins.
    """

    def __init__(self, copy: Any, real: Any) -> None:
        self._copy = copy
        self._real = real
        self._own: dict[str, Any] = {}
        self._replaced: dict[str, list[tuple[Any, Any, Any]]] = {}

    def begin(self) -> None:
        """Begin with the service's, which may be somebody's hooks by now."""
        names = self._copy.__dict__
        for name in (_START, _START_JOINABLE):
            start = getattr(self._real, name, None)
            if start is not None and 'threading' not in patching.patched():
                names[name] = start
                names.pop(f'_original{name}', None)  # pydevd's memory of it
            self._own[name] = names.get(name)

    def put(self, name: str, value: Any) -> None:
        """Put a function of pydevd's everywhere, or take it back."""
        if value is self._own.get(name):
            for module, before, ours in reversed(self._replaced.pop(name, [])):
                if getattr(module, name) is ours:
                    setattr(module, name, before)
            return
        if 'threading' not in patching.patched():
            self.put_into(self._real, name, value)
        # The other takes handles only of its own ``_thread``.
        if name == _START and thread_table.tpool_threading() is not None:
            self.put_into(thread_table.tpool_threading(), name, value)

    def put_into(self, module: Any, name: str, value: Any) -> None:
        """Put a function of pydevd's into one module."""
        before = getattr(module, name, None)
        if before is not None:
            replaced = self._replaced.setdefault(name, [])
            replaced.append((module, before, value))
            setattr(module, name, value)


class _Copy(types.ModuleType):
    """A copy of ``threading`` that starts threads as the service's does."""

    _starters: _Starters

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in (_START, _START_JOINABLE):
            self._starters.put(name, value)


def share(copy: Any, real: Any) -> None:
    """Let a copy of ``threading`` see and trace the service's threads.

    :param copy: the debugger's, freshly executed
    :param real: the service's, not patched yet
    """
    copy._starters = _Starters(copy, real)
    copy.__class__ = _Copy
    copy._active = thread_table.ThreadTable(real._active)
    copy._limbo = real._limbo
    copy._dangling = real._dangling
    copy._MainThread = real._MainThread
    copy.Thread = _standing_for_all(copy.Thread)
    # eventlet greens every C RLock that it can reach; the Python one
    # holds a plain lock, which it leaves alone.
    copy.RLock = copy._PyRLock
    # Since Python 3.13 a dummy takes the lock of the table when its thread
    # ends. At the end of the process that is done by the main thread, and the
    # agent's may have been stopped in the middle, with the lock: uWSGI hung.
    copy._DeleteDummyThreadOnDel = _leave
    # It would take the green threads, which survive a fork, from the
    # service's table; see eventlet.patcher, which does the same.
    copy._after_fork.__code__ = _nothing.__code__


def begin(copy: Any, real: Any) -> None:
    """Prepare a copy for a session."""
    renew(copy, real)
    copy._starters.begin()


def renew(copy: Any, real: Any) -> None:
    """Adapt a copy to the process it is used in now, which may be a fork."""
    renew_lock(copy)
    # It is another if the child was forked from another thread.
    copy._main_thread = real.main_thread()


def renew_lock(threading: Any) -> None:
    """Have the table of threads guarded by a lock that nobody holds.

    A thread of the parent may have held it when this process was forked. And
    on Python 3.9 eventlet (0.40) greens that of its unpatched ``threading``,
    too: the second native thread that wants it then waits in a hub, and with
    it whatever is green there, for nobody ever wakes that.

    :param threading: the debugger's
    """
    threading._active_limbo_lock = threading._PyRLock()


def follow(new: Any, copy: Any) -> None:
    """Have the threads of a new ``threading`` traced as all others are.

    Unless it is one of those that eventlet makes to start green threads.
    """
    if type(getattr(new, _START, None)) is types.BuiltinFunctionType:
        copy._starters.put_into(new, _START, getattr(copy, _START))


def watch_strangers(real: Any, meet: Callable[[], None]) -> Callable[[], None]:
    """Call back in each thread that C code starts, once it names itself.

    It does so by ``threading.current_thread()``: mod_wsgi and uWSGI call it
    when they make a thread, and ``logging`` for every line.

    :param real: the service's ``threading``
    :param meet: called in that thread
    :returns: what ends it
    """
    dummy_class = real._DummyThread
    original = dummy_class.__init__

    def __init__(thread: Any, *args: Any, **kwargs: Any) -> None:
        original(thread, *args, **kwargs)
        # pydevd makes some for other threads.
        if thread.ident == real.get_ident():
            meet()

    def end() -> None:
        if dummy_class.__init__ is __init__:
            dummy_class.__init__ = original

    dummy_class.__init__ = __init__
    return end


def forget(copy: Any, real: Any) -> None:
    """Take out of the service's table what only the debugger put there.

    It makes a dummy of each thread that was not started by ``threading``.
    """
    for ident, thread in real._active.copy().items():
        if type(thread) is copy._DummyThread:
            real._active.pop(ident, None)

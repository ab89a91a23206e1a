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

"""Green threads that end with an exception.

eventlet catches it: ``GreenThread`` keeps it for whoever may wait,
``GreenPool`` prints that of its ``spawn_n()``, and the hub all others. Nothing
of eventlet is imported: what the service has loaded is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import sys
import types
from typing import Any

from osdbg import calls
from osdbg import replaced
from osdbg import waiting

HOSTS = ('eventlet.greenpool', 'eventlet.greenthread', 'eventlet.hubs.hub')
"""The modules in which they end."""

_SQUELCH = (
    'squelch_exception',
    'squelch_generic_exception',
    'squelch_timer_exception',
)
_ON_PURPOSE = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Watch:
    """Is told of each, while that is wanted."""

    def __init__(self, tell: Callable[[BaseException], None]) -> None:
        """Touch nothing yet.

        :param tell: called with the exception, where the green thread ends;
            never raises
        """
        self._tell = tell
        self._lock = waiting.allocate_lock()
        self._replaced = replaced.Replaced()

    def renew(self, wanted: Callable[[], bool]) -> None:
        """Be told, or no more; also by what was loaded since the last call.

        Green threads that run already are watched as well, but for those of a
        ``GreenPool.spawn_n()``.

        :param wanted: says whether, while nobody else can change it here
        """
        with self._lock:
            if not wanted():
                self._replaced.undo()
                return
            for owner, name, make in self._places():
                if (owner, name) not in self._replaced:
                    original = vars(owner)[name]
                    ours = functools.wraps(original)(make(original))
                    self._replaced.put(owner, name, ours)

    def after_fork(self) -> None:
        """Be told no more, in a child whose parent may have had the lock."""
        self._lock = waiting.allocate_lock()
        self._replaced.undo()

    def _places(self) -> list[tuple[Any, str, Callable[[Any], Any]]]:
        pool, thread, hub = map(sys.modules.get, HOSTS)
        pool_class = getattr(pool, 'GreenPool', None)
        thread_class = getattr(thread, 'GreenThread', None)
        hub_class = getattr(hub, 'BaseHub', None)
        found = [
            (pool_class, '_spawn_n_impl', self._in_pool),
            (thread_class, '_resolve_links', self._own),
            *((hub_class, name, self._in_hub) for name in _SQUELCH),
        ]
        # None as long as it is being loaded.
        return [each for each in found if each[1] in vars(each[0] or object)]

    def _own(self, resolve_links: Any) -> Any:
        """Be told by ``GreenThread.main()``, in the thread that ends."""

        def _resolve_links(thread: Any) -> Any:
            self._note(sys.exc_info()[1], sys._getframe(1))
            return resolve_links(thread)

        return _resolve_links

    def _in_hub(self, squelch: Any) -> Any:
        """Be told by the hub, to which others' exceptions go."""

        def squelched(hub: Any, *args: Any) -> Any:  # the last: exc_info
            self._note(args[-1][1])
            return squelch(hub, *args)

        return squelched

    def _in_pool(self, spawn_n_impl: Any) -> Any:
        """Be told of what ``GreenPool.spawn_n()`` is going to catch."""

        def _spawn_n_impl(
            pool: Any, function: Any, *args: Any, **kwargs: Any
        ) -> Any:
            def watched(*args: Any, **kwargs: Any) -> Any:
                try:
                    return function(*args, **kwargs)
                except BaseException as exc:
                    self._note(exc)
                    raise

            return spawn_n_impl(pool, watched, *args, **kwargs)

        return _spawn_n_impl

    def _note(
        self,
        exc: BaseException | None,
        main: types.FrameType | None = None,
    ) -> None:
        """Tell of an exception, unless that has been done.

        :param main: who has caught it, if it is a ``GreenThread``
        """
        try:
            if exc is None or isinstance(exc, _on_purpose()):
                return
            trace = exc.__traceback__
            if main is not None:
                # It may be one that whoever calls us is at work on.
                if trace is None or trace.tb_frame is not main:
                    return
                trace = trace.tb_next
            if not _has_ended_one(trace):
                self._tell(exc)
        except Exception:  # noqa: S110
            pass  # what the green thread ends with is its own


def has_ended_one(exc: BaseException) -> bool:
    """Tell whether a green thread has ended with it, and another waited.

    :param exc: with its traceback
    """
    return _has_ended_one(exc.__traceback__)


def _has_ended_one(trace: types.TracebackType | None) -> bool:
    while trace is not None:
        if _is_main(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def _is_main(frame: types.FrameType) -> bool:
    return (
        frame.f_code.co_name == 'main'
        and calls.module_of(frame) == 'eventlet.greenthread'
    )


def _on_purpose() -> tuple[type[BaseException], ...]:
    greenlet: Any = sys.modules.get('greenlet')
    exit_ = getattr(greenlet, 'GreenletExit', None)
    return _ON_PURPOSE if exit_ is None else (*_ON_PURPOSE, exit_)

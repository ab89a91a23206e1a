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

"""What a client has evaluated in a thread that is stopped, and its end.

Code that never returns would keep its thread stopped for ever. An exception is
raised in it from outside; what has been evaluated, and nothing else, ends.
"""

from __future__ import annotations

from collections.abc import Callable
import os
from typing import Any

from osdbg import greenlets
from osdbg import waiting

_LOOK_SECONDS = 0.01
_LOOKS = 100
_running: list[_Evaluation] = []
# What the interpreter is going to call must not be collected before.
_calls: list[Any] = []


class Abandoned(BaseException):
    """Raised in an evaluation that has lasted too long.

    No ``Exception``, which so much code catches.
    """

    def __str__(self) -> str:
        """Say what has happened."""
        return 'osdbg has abandoned it, so that the service goes on'


def run(call: Callable[..., Any], *args: Any) -> Any:
    """Call what may be abandoned; then return None.

    :param call: a function, for ``args``
    """
    evaluation = _Evaluation()
    try:
        try:
            _running.append(evaluation)
            return call(*args)
        finally:
            evaluation.close()
    except Abandoned:
        return None
    finally:
        # It has been raised by now, or will never be.
        evaluation.over = True
        if evaluation in _running:
            _running.remove(evaluation)


def abandon(thread: int) -> None:
    """End what is evaluated in a thread, if anything is.

    A function in C that blocks is not interrupted.

    :param thread: its identifier
    """
    for evaluation in reversed(_running):
        if evaluation.owner.thread == thread and not evaluation.over:
            evaluation.abandon()
            return


class _Evaluation:
    """One, in one thread or green thread."""

    def __init__(self) -> None:
        self.owner = greenlets.Owner()
        self.over = False
        self._in_main = waiting.get_native_id() == os.getpid()
        # Whoever takes it away decides: to raise, or that nobody may.
        self._token = [True]
        self._raised = False

    def abandon(self) -> None:
        if self._in_main:
            _call_in_main(self._raise_here)
        elif self._take_token():
            _raise_in(self.owner.thread)
            self._raised = True

    def _raise_here(self) -> None:
        # It is raised as soon as this returns, and other green threads, which
        # an evaluation may let run, are not to get it.
        if not self.over and self.owner.is_current():
            _raise_in(self.owner.thread)

    def _take_token(self) -> bool:
        try:
            return self._token.pop()
        except IndexError:
            return False

    def close(self) -> None:
        """Have nothing raised any more, or raised here."""
        if self._in_main or self._take_token():
            return
        for _ in range(_LOOKS):
            if self._raised:
                break
            waiting.pause(_LOOK_SECONDS)
        _raise_in(self.owner.thread, nothing=True)


def _raise_in(thread: int, nothing: bool = False) -> None:
    import ctypes

    what = None if nothing else ctypes.py_object(Abandoned)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)


def _call_in_main(call: Callable[[], None]) -> None:
    """Have the main thread call something between two of its instructions."""
    import ctypes

    def run(_: Any) -> int:
        _calls.remove(pending)
        call()
        return 0

    pending = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(run)
    _calls.append(pending)
    ctypes.pythonapi.Py_AddPendingCall(pending, None)

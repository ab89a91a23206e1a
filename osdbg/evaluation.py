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
import functools
import os
from typing import Any

from osdbg import greenlets
from osdbg import waiting

_LOOK_SECONDS = 0.01
_LOOKS = 100
_running: list[_Evaluation] = []
# What the interpreter is going to call must not be collected before.
_calls: list[Any] = []


class Abandoned(KeyboardInterrupt):
    """Raised in an evaluation that has lasted too long.

    No ``Exception``, which so much code catches; and of those that are none,
    the one that debuggers answer (debugpy, ``evaluate``).
    """

    def __init__(self) -> None:
        """Note that it has come; it is Python that makes it, there."""
        super().__init__()
        thread = waiting.get_ident()
        for evaluation in _running:
            if evaluation.owner.thread == thread:
                evaluation.has_come = True

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


def is_running(thread: int) -> bool:
    """Tell whether anything is evaluated in a thread.

    :param thread: its identifier
    """
    return any(evaluation.owner.thread == thread for evaluation in _running)


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
        self.has_come = False
        # Kept until it has been called.
        self._raiser: Any = None

    def abandon(self) -> None:
        if self._in_main:
            _call_in_main(self._raiser_here)
        elif self._take_token():
            _raise_in(self.owner.thread)

    def _raiser_here(self) -> Any:
        # An evaluation may let other green threads run, and they are not to
        # get it: nothing else runs before what is returned is called.
        if self.over:
            return None
        if self.owner.is_current():
            self._raiser = _raiser(self.owner.thread)
            return self._raiser
        self.owner.throw(Abandoned, unless=lambda: self.over)
        return None

    def _take_token(self) -> bool:
        try:
            return self._token.pop()
        except IndexError:
            return False

    def close(self) -> None:
        """Have nothing raised any more, or raised here.

        What is on its way cannot be called back: to raise nothing instead
        leaves CPython 3.11 looking for it at each instruction.
        """
        if self._in_main or self._take_token():
            return
        for _ in range(_LOOKS):
            if self.has_come:
                break
            waiting.pause(_LOOK_SECONDS)


def _raise_in(thread: int) -> None:
    import ctypes

    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_in(ctypes.c_ulong(thread), ctypes.py_object(Abandoned))


def _call_in_main(call: Callable[[], Any]) -> None:
    """Have the main thread call something between two of its instructions.

    :param call: returns what is to be called there next, or None
    """
    import ctypes

    def run() -> int:
        _calls.remove(pending)
        following = call()
        if following is not None:
            pend(following, None)
        return 0

    pend = ctypes.pythonapi.Py_AddPendingCall
    pending = ctypes.PYFUNCTYPE(ctypes.c_int)(run)
    _calls.append(pending)
    if pend(pending, None):
        _calls.remove(pending)  # there are too many


def _raiser(thread: int) -> Any:
    """Return what raises the exception, without an instruction of Python.

    After one, it would be raised there and then, and not in the evaluation.
    """
    import ctypes

    raise_in = ctypes.pythonapi['PyThreadState_SetAsyncExc']
    raise_in.restype = (0).__mul__  # 0 is success to whoever calls it
    thread_id, what = ctypes.c_ulong(thread), ctypes.py_object(Abandoned)
    call = functools.partial(raise_in, thread_id, what)
    return ctypes.PYFUNCTYPE(ctypes.c_int)(call)

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

"""What limits a stop: it is told to the gateway, refused, or ended."""

from __future__ import annotations

import sys
import types
from typing import Any, ClassVar

from osdbg.backends import _pydevd_wake as wake
from osdbg import chosen
from osdbg import evaluation
from osdbg import harmless
from osdbg import stops as stops_
from osdbg import waiting

# The first parts of the names of modules in which nobody has a breakpoint.
_DEBUGGERS = ('pydevd', '_pydev', 'osdbg.', 'bdb')
_CMD_WRITE = 2  # where stderr goes
# What stops by itself: lines, functions, and exceptions (CMD_SET_BREAK,
# CMD_SET_FUNCTION_BREAK, CMD_ADD_EXCEPTION_BREAK, CMD_STEP_CAUGHT_EXCEPTION).
_BREAKPOINTS = (111, 208, 122, 137)


class _Session:
    """The session of this process; there is one at a time."""

    stops: stops_.Stops
    asks = False
    waiting: ClassVar[dict[int, tuple[int, Any]]] = {}
    """By the number of a stop: the thread, and what pydevd knows of it."""


def begin(stops: stops_.Stops, asks: bool) -> None:
    """Tell of the stops of a session that begins.

    :param stops: is told
    :param asks: whether it is asked, too, before a thread stops
    """
    _Session.stops = stops
    _Session.asks = asks
    _Session.waiting.clear()


def apply(pydevd: Any) -> None:
    """Have pydevd tell of its stops, and ask, and let evaluations end.

    :param pydevd: the module, just imported
    """
    _tell(pydevd)
    _ask(pydevd)
    post = pydevd.PyDB.post_internal_command

    def post_internal_command(py_db: Any, command: Any, thread: str) -> None:
        # What it does is done in the thread that is stopped.
        do_it = command.do_it

        def run(*args: Any) -> None:
            evaluation.run(do_it, *args)
            wake.this_one()  # it may have been told to step

        command.do_it = run
        post(py_db, command, thread)

    pydevd.PyDB.post_internal_command = post_internal_command


def _tell(pydevd: Any) -> None:
    suspend = pydevd.PyDB.do_wait_suspend

    def do_wait_suspend(
        py_db: Any, thread: Any, frame: Any, *args: Any, **kwargs: Any
    ) -> None:
        info = thread.additional_info
        some_may_not = _Session.asks or chosen.is_on()
        if some_may_not and info.pydev_state == pydevd.STATE_RUN:
            return  # it may not stop: see below
        stops, here = _Session.stops, _Session.waiting
        reason = getattr(thread, 'stop_reason', None)
        along = reason == pydevd.CMD_THREAD_SUSPEND
        number = stops.enter(_place(frame), along)
        here[number] = waiting.get_ident(), info
        try:
            suspend(py_db, thread, frame, *args, **kwargs)
        finally:
            here.pop(number, None)
            others = _going_on(pydevd)
            # Who is stepped may leave after one that only goes on with it.
            stepping = any(
                one.pydev_step_cmd != -1 for one in (info, *others.values())
            )
            stops.leave(number, stepping, others)

    pydevd.PyDB.do_wait_suspend = do_wait_suspend


def _going_on(pydevd: Any) -> dict[int, Any]:
    """Return the stops of threads that were resumed and do not know it yet.

    They look up five times a second.

    :returns: their numbers, and what pydevd knows of the threads
    """
    return {
        number: info
        for number, (thread, info) in _Session.waiting.copy().items()
        if info.pydev_state == pydevd.STATE_RUN
        and not evaluation.is_running(thread)
    }


def _ask(pydevd: Any) -> None:
    """Ask before the client is told, and other threads are suspended."""
    suspend = pydevd.PyDB.set_suspend

    def set_suspend(py_db: Any, thread: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.get('is_pause'):
            go, why = _may_stop(*args, **kwargs)
            if not go:
                _pass_by(pydevd, py_db, thread, why)
                return None
        return suspend(py_db, thread, *args, **kwargs)

    pydevd.PyDB.set_suspend = set_suspend


def _may_stop(stop_reason: int, *args: Any, **kwargs: Any) -> tuple[bool, str]:
    """Tell whether this thread may stop; and what there is to say if not."""
    # A step is asked for where something has stopped.
    if stop_reason in _BREAKPOINTS and chosen.is_on():
        if not harmless.call(chosen.may_stop):
            return False, ''
    if _Session.asks:
        return _Session.stops.may_stop(_place(_caller()))
    return True, ''


def _pass_by(pydevd: Any, py_db: Any, thread: Any, why: str) -> None:
    """Have a thread go on where it was about to stop."""
    if why:
        say(py_db, why)
    info = pydevd.set_additional_thread_info(thread)
    if hasattr(info, 'hit_breakpoint_ids'):
        info.hit_breakpoint_ids = None
    # A client that pauses the worker means all of its threads.
    if info.pydev_state == pydevd.STATE_RUN:
        go_on(pydevd, thread)


def say(py_db: Any, text: str) -> None:
    """Write a line into the client's console.

    :param py_db: the debugger, which is connected
    :param text: the line
    """
    factory = py_db.cmd_factory
    if hasattr(factory, 'make_console_message'):
        command = factory.make_console_message(f'{text}\n')
    else:  # PyCharm's
        command = factory.make_io_message(f'{text}\n', _CMD_WRITE)
    py_db.writer.add_command(command)


def go_on(pydevd: Any, thread: Any) -> None:
    """Have a thread run, whatever step or stop was asked of it.

    :param thread: one of pydevd's
    """
    info = getattr(thread, 'additional_info', None)
    if info is not None:
        info.pydev_step_cmd = -1
        info.pydev_step_stop = None
        info.pydev_state = pydevd.STATE_RUN
        if hasattr(info, 'update_stepping_info'):  # since debugpy 1.8.1
            info.update_stepping_info()
    wake.all_stopped()


def _caller() -> types.FrameType:
    """Return the frame that is about to stop."""
    frame = sys._getframe(3)
    while frame.f_back is not None:
        name = frame.f_globals.get('__name__') or ''
        if not str(name).startswith(_DEBUGGERS):
            break
        frame = frame.f_back
    return frame


def _place(frame: types.FrameType) -> str:
    return f'{frame.f_code.co_filename}:{frame.f_lineno}'

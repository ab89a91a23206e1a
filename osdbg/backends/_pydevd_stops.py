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

"""Stops that no breakpoint of the client's asks for."""

from __future__ import annotations

import types
from typing import Any


def trace_this_thread(pydevd: Any) -> None:
    """Have pydevd know and trace this thread, whoever started it.

    :param pydevd: the module, connected
    """
    pydevd.settrace(
        suspend=False,
        trace_only_current_thread=True,
        patch_multiprocessing=False,
        notify_stdin=False,
    )


def stop_at_next_line(pydevd: Any) -> None:
    """Suspend this thread at the next line that is not hidden from clients.

    ``settrace(suspend=True)`` without a frame would do, but up to Python 3.11
    it stops already on the ``def`` of the next function.

    :param pydevd: the module, connected
    """
    trace_this_thread(pydevd)
    thread = pydevd.threadingCurrentThread()
    info = pydevd.set_additional_thread_info(thread)
    with untraced(pydevd, info):
        info.pydev_original_step_cmd = pydevd.CMD_SET_BREAK
        info.pydev_state = pydevd.STATE_RUN
        info.suspend_type = pydevd.PYTHON_SUSPEND
        info.step_in_initial_location = None
        info.pydev_step_stop = None
        info.pydev_step_cmd = pydevd.CMD_STEP_INTO
        if hasattr(info, 'update_stepping_info'):  # since debugpy 1.8.1
            info.update_stepping_info()
        monitoring = _monitoring(pydevd)
        if monitoring is not None:
            monitoring.update_monitor_events(suspend_requested=True)
            monitoring.restart_events()


def stop_on_exception(pydevd: Any, py_db: Any, exc: BaseException) -> None:
    """Suspend this thread where an exception was raised.

    As pydevd does for one that nobody has caught, but whether or not the
    client has asked for those. debugpy's ``trigger_exception_handler()`` does
    so since 1.8.22, but knows nothing of ``justMyCode``.

    :param pydevd: the module
    :param py_db: its debugger, which is connected
    :param exc: what was raised and caught
    """
    frame = _raised_in(py_db, exc.__traceback__)
    if frame is None:
        return
    thread = pydevd.threadingCurrentThread()
    info = pydevd.set_additional_thread_info(thread)
    with untraced(pydevd, info):
        raised = (type(exc), exc, exc.__traceback__)
        py_db.do_stop_on_unhandled_exception(thread, frame, None, raised)
        if py_db.pydb_disposed:
            # It may have been, before it got to wait: not the next one's.
            info.pydev_state = pydevd.STATE_RUN


class untraced:  # noqa: N801  (reads as a statement)
    """Let this thread stop nowhere while pydevd itself runs in it.

    In a patched service some of that is eventlet's, its queues for one. No
    ``contextlib.contextmanager``: its last lines would be the next ones.
    """

    def __init__(self, pydevd: Any, info: Any) -> None:
        self._info = info
        self._monitoring = _monitoring(pydevd)

    def __enter__(self) -> None:
        if self._monitoring is not None:
            self._monitoring.start_monitoring()  # makes the thread known
            self._monitoring.stop_monitoring()
        self._info.is_tracing += 1

    def __exit__(self, *exc_info: object) -> None:
        self._info.is_tracing -= 1
        if self._monitoring is not None:
            self._monitoring.start_monitoring()


def _monitoring(pydevd: Any) -> Any:
    """Return pydevd's use of sys.monitoring (Python 3.12), or None."""
    return getattr(pydevd, 'pydevd_sys_monitoring', None)


def _raised_in(py_db: Any, trace: Any) -> types.FrameType | None:
    """Choose the innermost frame that the client wants to see.

    Without ``justMyCode`` that is every one; with it, and none of the
    client's own, it is the innermost of all.
    """
    own = found = None
    while trace is not None:
        frame = trace.tb_frame
        if py_db.get_file_type(frame) != py_db.PYDEV_FILE:
            found = frame
            if not _is_filtered(py_db, frame):
                own = frame
        trace = trace.tb_next
    return own or found


def shown_first(py_db: Any, top: types.FrameType) -> types.FrameType:
    """Return the innermost frame of a stack that the client is shown.

    What it steps over, or out of, is that one.

    :param py_db: its debugger, which is connected
    :param top: the innermost of all
    """
    frame: types.FrameType | None = top
    while frame is not None and getattr(
        py_db, 'is_files_filter_enabled', False
    ):
        if not _is_filtered(py_db, frame):
            return frame
        frame = frame.f_back
    return top


def _is_filtered(py_db: Any, frame: types.FrameType) -> bool:
    return bool(
        py_db.is_files_filter_enabled
        and py_db.apply_files_filter(frame, frame.f_code.co_filename, False)
    )

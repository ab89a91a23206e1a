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

"""A worker that stands at a breakpoint obeys signals."""

from __future__ import annotations

import os
import signal
import sys
import types
from typing import Any

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


class obeying_signals:  # noqa: N801  (reads as a statement)
    """Resume the process when a signal asks it to stop or to reload.

    The handlers of oslo.service only make a note for the main loop, and there
    is none while the main thread stands at a breakpoint: ``systemctl stop``
    would wait for the IDE.
    """

    def __init__(self, pydevd: Any) -> None:
        """Prepare to.

        :param pydevd: the module
        """
        self._pydevd = pydevd
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> obeying_signals:
        if not _belong_to_python():
            return self
        for signum in _STOP_SIGNALS:
            handler = signal.getsignal(signum)
            if callable(handler):
                try:
                    signal.signal(signum, self._handle)
                except ValueError:
                    break  # not the main thread
                self._handlers[signum] = handler
        return self

    def __exit__(self, *exc_info: object) -> None:
        for signum, handler in self._handlers.items():
            # Unless the service has set another meanwhile.
            if signal.getsignal(signum) == self._handle:
                signal.signal(signum, handler)

    def interrupted_by(self, frame: types.FrameType | None) -> bool:
        """Tell whether a handler runs already, and resume if so.

        A main thread that was waiting when another thread stopped is itself
        stopped on the first line it runs: that of the handler.
        """
        codes = {
            getattr(handler, '__code__', None): signum
            for signum, handler in self._handlers.items()
        }
        codes.pop(None, None)
        while frame is not None:
            if frame.f_code in codes:
                self._resume(codes[frame.f_code])
                return True
            frame = frame.f_back
        return False

    def _handle(self, signum: int, frame: Any) -> None:
        self._resume(signum)
        self._handlers[signum](signum, frame)

    def _resume(self, signum: int) -> None:
        py_db = self._pydevd.get_global_debugger()
        if py_db is None:
            return
        api = self._pydevd.PyDevdAPI()
        if signum == signal.SIGHUP:
            api.request_resume_thread('*')  # it may live on
        else:
            api.request_disconnect(py_db, resume_threads=True)


def _belong_to_python() -> bool:
    """Tell whether it is Python that handles the signals of this process.

    In uWSGI or Apache it is the server, behind Python's back: to set and
    reset a handler would take it away from them, for good. And theirs end
    the process without a turn of the thread that stands at a breakpoint.
    """
    try:
        program = os.path.basename(os.readlink('/proc/self/exe'))
    except OSError:
        program = 'python'
    return program.startswith(('python', 'pypy')) and not hasattr(
        sys.modules.get('uwsgi'), 'worker_id'
    )

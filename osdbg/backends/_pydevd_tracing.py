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

"""When pydevd traces a thread by another one's doing, up to Python 3.11.

Loading sets the trace function in the threads that are running. One that is
just beginning runs pydevd's own code then, with locks that tracing takes as
well and that cannot be taken twice: it would wait for itself, and so would who
has started it, and unloading, for ever. Or it would be traced under the name
of a dummy, which pydevd makes of a thread that is not in the table yet, and
could not be told to go on from a breakpoint. It traces itself as soon as it is
through; nobody else does before.
"""

from __future__ import annotations

import functools
import importlib
import types
from typing import Any

# How the names of modules begin that pydevd runs by itself.
_OWN = ('pydevd', '_pydev', 'osdbg.thread_table', 'osdbg.threads')
# Below it is a program that pydevd has started.
_PROGRAM = '_pydevd_bundle.pydevd_runpy'


def apply(pydevd: Any) -> None:
    """Trace others only outside of pydevd's code.

    :param pydevd: the module, just imported
    """
    tracing = pydevd.pydevd_tracing
    set_trace = tracing.set_trace_to_threads
    is_inside = _inside()

    @functools.wraps(set_trace)
    def set_trace_to_threads(trace: Any, *args: Any, **kwargs: Any) -> Any:
        def trace_outside(frame: Any, event: str, arg: Any) -> Any:
            return None if is_inside(frame) else trace(frame, event, arg)

        itself = args or kwargs.get('thread_idents')
        return set_trace(trace if itself else trace_outside, *args, **kwargs)

    tracing.set_trace_to_threads = set_trace_to_threads


def _inside() -> Any:
    """Return what tells whether a frame is pydevd's, or called by it."""
    monkey: Any = importlib.import_module('_pydev_bundle.pydev_monkey')
    beginnings = {
        begin.__call__.__code__
        for begin in (
            monkey._NewThreadStartupWithTrace,
            monkey._NewThreadStartupWithoutTrace,
        )
    }

    def is_inside(frame: types.FrameType | None) -> bool:
        while frame is not None:
            name = dict.get(frame.f_globals, '__name__')
            caller = frame.f_back
            if name == _PROGRAM:
                return False
            begins = caller is not None and caller.f_code in beginnings
            if begins and name == 'threading':
                # It asks who it is, or goes on to what it was begun for.
                return frame.f_code.co_name != '_bootstrap'
            ours = isinstance(name, str) and name.startswith(_OWN)
            if ours and frame.f_code not in beginnings:
                return True
            frame = caller
        return False

    return is_inside

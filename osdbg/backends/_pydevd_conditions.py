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

"""Conditions of breakpoints: cheap where they are false, and about requests.

pydevd compiles the text of a condition each time that it asks it, which takes
thirty times as long as to ask. And ``osdbg`` is no name in the service's code:
the conditions ``osdbg.here(...)`` and ``osdbg.only(...)``, which mean the same
there, find it all the same.
"""

from __future__ import annotations

import functools
import importlib
import re
import types
from typing import Any

from osdbg import chosen
from osdbg import harmless

_NAMES = ('LineBreakpoint', 'FunctionBreakpoint', 'ExceptionBreakpoint')
_LINES = _NAMES[:2]
_OURS = re.compile(r'(?<![\w.])osdbg\.(?:here|only)(?=\s*\()')
_FOUND = '__import__("osdbg").here'


def apply(pydevd: Any) -> None:
    """Have pydevd ask conditions that way.

    :param pydevd: the module, just imported
    """
    module: Any = importlib.import_module('_pydevd_bundle.pydevd_breakpoints')
    for name in _NAMES:
        kind = getattr(module, name, None)
        if kind is not None:
            kind.__init__ = _resolving(kind.__init__)
    _log_chosen(pydevd)
    ask = getattr(pydevd.PyDB, 'handle_breakpoint_condition', None)
    if ask is None:
        return  # PyCharm's asks in compiled code
    for name in _LINES:
        kind = getattr(module, name, None)
        if kind is not None:
            kind.has_condition = _asked_also_without(kind.has_condition)

    def handle_breakpoint_condition(
        py_db: Any, info: Any, breakpoint: Any, frame: types.FrameType
    ) -> Any:
        if chosen.is_on() and not harmless.call(chosen.may_stop):
            return False  # and it does not count
        if not breakpoint.condition and not _counts(breakpoint):
            return True
        code = _compiled(breakpoint.condition)
        if code is not None and not _counts(breakpoint):
            try:
                return eval(code, frame.f_globals, frame.f_locals)  # noqa: S307
            except Exception:  # noqa: S110
                pass  # which pydevd tells the client about
        return ask(py_db, info, breakpoint, frame)

    pydevd.PyDB.handle_breakpoint_condition = handle_breakpoint_condition


def _asked_also_without(has_condition: Any) -> Any:
    """Return whether to ask a breakpoint, also for others than the chosen.

    They would get as far as to stop, and that takes ten times as long.
    """
    return property(lambda each: chosen.is_on() or has_condition.fget(each))


def _log_chosen(pydevd: Any) -> None:
    """Have breakpoints log nothing in requests that may not stop."""
    tell = getattr(pydevd.PyDB, 'handle_breakpoint_expression', None)
    if tell is None:
        return

    def handle_breakpoint_expression(
        py_db: Any, breakpoint: Any, info: Any, frame: types.FrameType
    ) -> None:
        if chosen.is_on() and not harmless.call(chosen.may_stop):
            info.pydev_message = ''
        else:
            tell(py_db, breakpoint, info, frame)

    pydevd.PyDB.handle_breakpoint_expression = handle_breakpoint_expression


def _counts(breakpoint: Any) -> bool:
    """Tell whether it counts as well; one of exceptions never does."""
    return bool(getattr(breakpoint, 'hit_condition', None))


def _resolving(init: Any) -> Any:
    @functools.wraps(init)
    def __init__(breakpoint: Any, *args: Any, **kwargs: Any) -> None:
        init(breakpoint, *args, **kwargs)
        condition = breakpoint.condition
        if isinstance(condition, str):
            breakpoint.condition = _OURS.sub(_FOUND, condition)

    return __init__


@functools.lru_cache(maxsize=1000)
def _compiled(condition: Any) -> types.CodeType | None:
    """Return the code of a condition; None if there is none, or a bad one."""
    if not isinstance(condition, str) or not condition:
        return None
    condition = condition.lstrip(' \t')  # as eval() does
    try:
        return compile(condition, '<condition of a breakpoint>', 'eval')
    except (SyntaxError, ValueError):
        return None

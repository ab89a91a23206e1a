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

"""Stops in one request only, while all others go on.

``here()`` tells whether the code that runs is part of a request: it is made
for the condition of a breakpoint, which is asked for each request that comes
by. ``only()`` does that for every breakpoint of the process at once. A request
is known by what it says of itself, or by a token that its client sends in a
header, and that goes along with the RPC calls that are made for it.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import hmac
import re
import sys
from typing import Any, ClassVar

from osdbg import activities
from osdbg import activity_search


def here(
    *,
    request_id: str | None = None,
    path: str | None = None,
    project_id: str | None = None,
    header: str | None = None,
    marked: bool | None = None,
) -> bool:
    """Tell whether the code that runs is part of such a request.

    Of several criteria all have to hold. It never raises for what a request
    is like, only for what it is called with.

    :param request_id: its id, local or global: ``req-...``
    :param path: a regular expression that is found in the path of its URL
    :param project_id: the project it is for
    :param header: the name of a header that it has, or ``name: value``
    :param marked: whether it bears the token that the paste filter asks for
        (``only_token``), or serves one that does
    :returns: False also where no request is served, or none is known
    :raises: TypeError without any criterion, or with one that is no text;
        ``re.error`` for a path that is no regular expression
    """
    if (request_id, path, project_id, header, marked) == _NOTHING:
        raise TypeError(
            'osdbg.here() needs a criterion: type osdbg.here(path="/v2.1") or '
            'request_id=, project_id=, header=, marked='
        )
    for each in (request_id, path, project_id, header):
        if each is not None and not isinstance(each, _TEXTS):
            raise TypeError(
                f'osdbg.here() takes text, and found {each!r}: type '
                f'path="/v2.1", header="X-Mine: yes"'
            )
    pattern = None if path is None else _compiled(path)
    activity = current()
    return activity is not None and _meets(
        activity, request_id, pattern, project_id, header, marked
    )


def _meets(
    activity: activities.Activity,
    request_id: str | None = None,
    path: re.Pattern[str] | None = None,
    project_id: str | None = None,
    header: str | None = None,
    marked: bool | None = None,
) -> bool:
    if path is not None:
        found = activity.path
        if found is None or path.search(found) is None:
            return False
    if request_id is not None and not _has_id(activity, request_id):
        return False
    if project_id is not None and project_id not in _projects(activity):
        return False
    if header is not None and not _has_header(activity, header):
        return False
    return marked is None or marked == is_marked(activity)


_NOTHING = (None,) * 5
# A path may be compiled already.
_TEXTS = (str, re.Pattern)
_compiled = functools.lru_cache(re.compile)


def current() -> activities.Activity | None:
    """Return what this thread, green thread or task serves, if anything."""
    found = activities.current.get()
    if found is None:
        found = activity_search.of_stack(sys._getframe(1))
    if found is None and _context(*activities.CONTEXT_IDS, 'project_id'):
        found = _ContextOnly('')
    return found


class _ContextOnly(activities.Activity):
    """Of a request, oslo_context knows something, and nobody else."""


def context() -> Any:
    """Return the context that oslo_context has for this thread, or None."""
    module: Any = sys.modules.get('oslo_context.context')
    ask = getattr(module, 'get_current', None)
    return None if ask is None else ask()


def _context(*names: str) -> tuple[str, ...]:
    """Return what that says of the request that is served here, as strings.

    To compare anything else may run code of the service.
    """
    found = context()
    activity = activities.current.get()
    if found is None or (activity is not None and activity.stale is found):
        return ()
    values = getattr(found, '__dict__', {})
    return tuple(
        value for value in map(values.get, names) if type(value) is str
    )


def _has_id(activity: activities.Activity, request_id: str) -> bool:
    if request_id in activity.request_ids():
        return True
    return request_id in _context(*activities.CONTEXT_IDS)


def _projects(activity: activities.Activity) -> tuple[str | None, ...]:
    return activity.project_id, *_context('project_id')


def _has_header(activity: activities.Activity, header: str) -> bool:
    name, value = _split(header)
    found = activity.header(name)
    return found is not None and value in (None, found)


@functools.lru_cache
def _split(header: str) -> tuple[str, str | None]:
    name, colon, value = header.partition(':')
    return name.strip().lower(), value.strip() if colon else None


class _Filter:
    """Which requests may stop in this process."""

    wanted: Callable[[activities.Activity], bool] | None = None
    """What the client has asked for."""
    settled = False
    """Whether that is known of a request from its beginning."""
    tokens: ClassVar[list[tuple[str, bytes]]] = []
    """Headers, and their values, of which the configuration asks for one."""
    retrace: Callable[[], object] | None = None
    """Called when others may stop than before."""


# Who a request is for, and often its id and headers, middleware finds out.
_KNOWN_FIRST = frozenset(('path', 'marked'))


def only(**criteria: Any) -> str:
    """Stop in such requests only, at whatever breakpoint.

    To be typed in the debug console, for this process. Steps and pauses stop
    wherever they are asked for.

    :param criteria: those of ``here()``; none to stop in all requests again
    :returns: what that means, in words
    :raises: TypeError and ``re.error`` as ``here()``
    """
    if not criteria:
        _choose(None)
        return 'stops in all requests'
    here(**criteria)  # or it raises, here and now
    words = ', '.join(f'{name}={value!r}' for name, value in criteria.items())
    if 'path' in criteria:
        criteria['path'] = _compiled(criteria['path'])
    settled = criteria.keys() <= _KNOWN_FIRST
    _choose(functools.partial(_meets, **criteria), settled)
    return f'stops in requests with {words} only; osdbg.only() ends that'


def _choose(
    wanted: Callable[[activities.Activity], bool] | None, settled: bool = False
) -> None:
    _Filter.wanted, _Filter.settled = wanted, settled
    if _Filter.retrace is not None:
        _Filter.retrace()


def retrace_by(retrace: Callable[[], object]) -> None:
    """Have something called when others may stop than before.

    :param retrace: until ``forget()``
    """
    _Filter.retrace = retrace


def by_token(header: str, token: str | None) -> None:
    """Stop only in requests that bear a token, as the configuration says.

    In this process; where it says so more than once, any of them will do.

    :param header: the name of the header that has it
    :param token: its value; None for what nobody can have
    """
    pair = header.lower(), (token or '').encode('utf-8', 'surrogateescape')
    if pair not in _Filter.tokens:
        _Filter.tokens.append(pair)


def forget() -> None:
    """Stop in all requests again that the configuration allows.

    What a client has asked for is over when it leaves.
    """
    _Filter.wanted = _Filter.retrace = None


def is_on() -> bool:
    """Tell whether there are requests that may not stop."""
    return _Filter.wanted is not None or bool(_Filter.tokens)


def may_stop() -> bool:
    """Tell whether the code that runs may stop at a breakpoint."""
    if not is_on():
        return True
    activity, wanted = current(), _Filter.wanted
    if activity is None or (wanted is not None and not wanted(activity)):
        return False
    return not _Filter.tokens or is_marked(activity)


def is_out(activity: activities.Activity) -> bool:
    """Tell whether a request may not stop, whatever is yet to be known of it.

    :param activity: which has begun, or is about to
    """
    if _Filter.tokens and not is_marked(activity):
        return True
    wanted = _Filter.wanted
    return wanted is not None and _Filter.settled and not wanted(activity)


def is_marked(activity: activities.Activity) -> bool:
    """Tell whether a request bears the token, or serves one that does."""
    if getattr(activity, 'marked', False):
        return True
    for name, token in _Filter.tokens:
        if _bears(activity, name, token):
            return True
    return False


def _bears(activity: activities.Activity, name: str, token: bytes) -> bool:
    found = activity.header(name)
    return bool(
        found
        and token
        and hmac.compare_digest(found.encode('latin-1', 'replace'), token)
    )

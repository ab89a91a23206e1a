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

"""What a thread, a green thread or a task is busy with.

A request, an RPC call, a periodic task: people know those, and not the number
of a greenlet.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextvars
import functools
from typing import Any

# What oslo.middleware leaves there, and what clients and proxies send. The
# local id is made anew for each request; a global one the client may choose.
_WSGI_IDS = (
    'openstack.request_id',
    'openstack.global_request_id',
    'HTTP_X_OPENSTACK_REQUEST_ID',
    'HTTP_X_COMPUTE_REQUEST_ID',
    'HTTP_X_REQUEST_ID',
)
# The two headers that have no HTTP_ before their names there (PEP 3333).
_CGI = ('CONTENT_TYPE', 'CONTENT_LENGTH')
CONTEXT_IDS = ('request_id', 'global_request_id')
"""What a context calls the ids of its request."""
# keystonemiddleware's, and what it was before.
_WSGI_PROJECTS = ('HTTP_X_PROJECT_ID', 'HTTP_X_TENANT_ID')
_MOST_LETTERS = 100
_CONTEXT_PROJECTS = ('project_id', 'project', 'tenant')


class Activity:
    """Something that has a title and no more."""

    stale: Any = None
    """The context that oslo_context had before: not that of this one."""

    def __init__(self, title: str) -> None:
        """Take what it is called."""
        self._title = title

    @property
    def title(self) -> str:
        """What people call it."""
        return readable(*self._title.split(' '))

    @property
    def path(self) -> str | None:
        """Of the URL, where it is a request."""
        return None

    def request_ids(self) -> Iterator[str]:
        """Return the ids of the request that it serves."""
        return iter(())

    @property
    def project_id(self) -> str | None:
        """For which project it is."""
        return None

    def header(self, name: str) -> str | None:
        """Return a header of the request.

        :param name: in small letters
        """
        return None


class WsgiRequest(Activity):
    """A request of a WSGI application."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        """Take what its server tells of it."""
        self._environ = environ

    @property
    def title(self) -> str:
        """As in a log: ``GET /v3/auth/tokens req-...``."""
        return _title(self._text('REQUEST_METHOD'), self)

    @property
    def path(self) -> str:
        """With what the application is mounted at."""
        return self._text('SCRIPT_NAME') + self._text('PATH_INFO')

    def _text(self, name: str) -> str:
        return _string(self._environ, name) or ''

    def request_ids(self) -> Iterator[str]:
        """Return the local one first, if any middleware has made one."""
        return _strings(self._environ, _WSGI_IDS)

    @property
    def project_id(self) -> str | None:
        """For which project it is, as keystonemiddleware says."""
        return next(_strings(self._environ, _WSGI_PROJECTS), None)

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        return _string(self._environ, _variable(name))


@functools.lru_cache
def _variable(header: str) -> str:
    found = header.upper().replace('-', '_')
    return found if found in _CGI else f'HTTP_{found}'


class AsgiRequest(Activity):
    """A request of an ASGI application."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        """Take what its server tells of it."""
        self._scope = scope

    @property
    def title(self) -> str:
        """As in a log."""
        kind = _string(self._scope, 'method') or _string(self._scope, 'type')
        return _title(kind or '', self)

    @property
    def path(self) -> str:
        """With what the application is mounted at."""
        return _string(self._scope, 'path') or ''

    def request_ids(self) -> Iterator[str]:
        """Return what the client or a proxy has sent."""
        for name in ('x-openstack-request-id', 'x-request-id'):
            found = self.header(name)
            if found is not None:
                yield found

    @property
    def project_id(self) -> str | None:
        """For which project it is."""
        return self.header('x-project-id')

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        wanted = name.encode()
        headers: Any = self._scope.get('headers')
        # No iterator, which the application could not read any more.
        for pair in headers if type(headers) in (list, tuple) else ():
            if type(pair) not in (list, tuple) or len(pair) != 2:
                continue
            found, value = pair
            if type(found) is type(value) is bytes and found == wanted:
                return value.decode('latin-1')
        return None


class RpcCall(Activity):
    """A call of an endpoint, through oslo.messaging."""

    def __init__(
        self, method: str, context: Mapping[str, Any], marked: bool = False
    ) -> None:
        """Take what the message says.

        :param method: of the endpoint
        :param context: the caller's, as it was sent
        :param marked: whether the request that it serves bears a token: see
            ``chosen.py``
        """
        self._method = method
        self._context = context
        self.marked = marked

    @property
    def title(self) -> str:
        """Return the name of the method, and whose request it serves."""
        return readable('RPC', self._method, *_first(self.request_ids()))

    def request_ids(self) -> Iterator[str]:
        """Return those that the caller has sent along."""
        return _strings(self._context, CONTEXT_IDS)

    @property
    def project_id(self) -> str | None:
        """For which project it is."""
        return next(_strings(self._context, _CONTEXT_PROJECTS), None)


def _string(values: Mapping[str, Any], name: str) -> str | None:
    found = values.get(name)
    return found if type(found) is str else None


def _strings(values: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        found = values.get(name)
        if type(found) is str and found:
            yield found


def _first(found: Iterator[str]) -> list[str]:
    return [one for one in [next(found, None)] if one is not None]


def readable(*words: str) -> str:
    """Return words as one line that a person may be shown.

    They may come from whoever calls the service: as long as they like, and
    with what an IDE or a terminal would obey.
    """
    cut = (
        word if len(word) <= _MOST_LETTERS else f'{word[:_MOST_LETTERS]}...'
        for word in words
        if word
    )
    return ' '.join(
        ''.join(letter if letter.isprintable() else '?' for letter in word)
        for word in cut
    )


def _title(method: str, request: Activity) -> str:
    return readable(method, request.path or '', *_first(request.request_ids()))


# Where somebody has said it: it is inherited by green threads, native threads
# and tasks as their libraries have it with contextvars.
current: contextvars.ContextVar[Activity | None] = contextvars.ContextVar(
    'osdbg.activities.current', default=None
)

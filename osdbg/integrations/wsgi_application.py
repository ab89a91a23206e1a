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

"""An application that clients may stop in, and the body of its answers.

Servers and the service find in it what they would find in their own. While no
client is attached a request costs one look.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import os
from typing import Any

from osdbg import activities
from osdbg import bootstrap
from osdbg import harmless
from osdbg.integrations import serving
from osdbg.integrations import wsgi_servers


class DebuggedApplication:
    """An application, for clients to stop in. Nobody else notices."""

    def __init__(
        self,
        app: Any,
        conf: Any,
        stops: Mapping[str, Any],
        prompts: bool = False,
    ) -> None:
        """Wrap an application.

        :param app: the application
        :param conf: the configuration to arm workers with, or None
        :param stops: the values of ``wsgi.STOPS`` by name
        :param prompts: whether a stop calls for a client, where none is
            attached
        """
        from osdbg import this_process

        self._osdbg_app = app
        self._osdbg_conf = conf
        self._osdbg_agent = this_process.agent
        self._osdbg_on_exception = bool(stops.get('break_on_exception'))
        self._osdbg_path = stops.get('break_on_path')
        self._osdbg_request_id = stops.get('break_on_request_id')
        self._osdbg_prompts = prompts
        self._osdbg_marks = bool(stops.get('only_token'))
        # Of the process that loaded us, where the fork goes unnoticed.
        self._osdbg_pid = os.getpid() if wsgi_servers.forks_in_c() else None

    def __getattr__(self, name: str) -> Any:
        # Not while being unpickled or copied, when there is no app yet.
        if name.startswith('_osdbg_'):
            raise AttributeError(name)
        return getattr(self._osdbg_app, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Such as Flask's wsgi_app, by which middleware is put around it.
        if name.startswith('_osdbg_'):
            super().__setattr__(name, value)
        else:
            setattr(self._osdbg_app, name, value)

    def __delattr__(self, name: str) -> None:
        if name.startswith('_osdbg_'):
            super().__delattr__(name)
        else:
            delattr(self._osdbg_app, name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Serve a request."""
        if self._osdbg_pid and self._osdbg_pid != os.getpid():
            self._osdbg_arm()
        agent = self._osdbg_agent()
        if agent is None or not (agent.attached or self._osdbg_prompts):
            if not self._osdbg_marks:
                return self._osdbg_app(environ, start_response)
            # The client may be at the service that is called for it.
            token = activities.current.set(activities.WsgiRequest(environ))
            try:
                return self._osdbg_app(environ, start_response)
            finally:
                harmless.call(activities.current.reset, token)
        return self._osdbg_debug(agent, environ, start_response)

    def _osdbg_arm(self) -> None:
        """Start osdbg if neither the server nor a hook of ours has."""
        self._osdbg_pid = os.getpid()
        try:
            wsgi_servers.arm_workers(self._osdbg_conf)
        except (Exception, SystemExit) as exc:
            bootstrap.complain(f'osdbg failed in a request: {exc}')

    def _osdbg_debug(
        self, agent: Any, environ: Any, start_response: Any
    ) -> Any:
        request = activities.WsgiRequest(environ)
        served = serving.Serving(agent, request, self._osdbg_on_exception)
        with served:
            harmless.call(self._osdbg_stop, agent, request)
            body = self._osdbg_app(environ, start_response)
        # A sequence is there already; a file may be sent by the kernel.
        if hasattr(body, '__len__') or _is_file(body, environ):
            return body
        return WatchedBody(served, body)

    def _osdbg_stop(self, agent: Any, request: activities.WsgiRequest) -> None:
        if self._osdbg_is_asked_for(request):
            agent.break_here(None)

    def _osdbg_is_asked_for(self, request: activities.WsgiRequest) -> bool:
        wanted = self._osdbg_request_id
        if wanted is not None and wanted in request.request_ids():
            return True
        if self._osdbg_path is None:
            return False
        return self._osdbg_path.search(request.path) is not None


class WatchedBody:
    """The body of an answer, which may be made while it is sent."""

    def __init__(self, served: serving.Serving, body: Any) -> None:
        """Wrap a body.

        :param served: the request that it answers
        :param body: what the application has returned
        """
        self._osdbg_served = served
        self._osdbg_body = body
        self._osdbg_iterator: Any = None

    def __getattr__(self, name: str) -> Any:
        # Among them close(), which servers call if it is there.
        if name.startswith('_osdbg_'):
            raise AttributeError(name)
        return getattr(self._osdbg_body, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # Servers ask by isinstance() for what they have made themselves.
        return type(self._osdbg_body)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._osdbg_served:
            if self._osdbg_iterator is None:
                self._osdbg_iterator = iter(self._osdbg_body)
            return next(self._osdbg_iterator)


def _is_file(body: Any, environ: Any) -> bool:
    wrapper = environ.get('wsgi.file_wrapper')
    return isinstance(wrapper, type) and isinstance(body, wrapper)

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

"""ASGI applications: what is known of their requests.

As ``wsgi.py`` for those: a task is known by the request that it serves, by
``osdbg.here()`` and in the list of threads.
"""

from __future__ import annotations

from typing import Any

from osdbg import activities
from osdbg import bootstrap
from osdbg.integrations import base
from osdbg.integrations import serving
from osdbg.integrations import wsgi

_REQUESTS = ('http', 'websocket')


def wrap(
    app: Any,
    conf: Any = None,
    *,
    break_on_exception: bool = False,
    only_header: str | None = None,
    only_token: str | None = None,
) -> Any:
    """Make a service debuggable where its ASGI application is made.

    :param app: the application
    :param conf: the service's ``oslo_config.cfg.ConfigOpts``; without it
        ``cfg.CONF`` if the service has called it, else the environment alone
    :param break_on_exception: stop where an exception was raised that leaves
        the application
    :param only_header: stop in those requests only that have this header
    :param only_token: the value that the header has to have
    :returns: what to serve: ``app`` itself when osdbg is off
    :raises: SystemExit as ``osdbg.init()``
    """
    bootstrap.arm(base.parsed(conf))
    if bootstrap.status() is None:
        return app
    wanted = {'only_header': only_header, 'only_token': only_token}
    wsgi.choose(wanted, 'the service', asked=any(wanted.values()))
    from osdbg import this_process

    async def application(scope: Any, receive: Any, send: Any) -> Any:
        agent = this_process.agent()
        if agent is None or not agent.attached:
            return await app(scope, receive, send)
        if scope.get('type') not in _REQUESTS:
            return await app(scope, receive, send)
        request = activities.AsgiRequest(scope)
        served = serving.Serving(
            agent, request, break_on_exception, alone=False
        )
        with served:
            return await app(scope, receive, send)

    return application

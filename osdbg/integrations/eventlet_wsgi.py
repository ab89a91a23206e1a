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

"""Requests that eventlet's own server serves, whatever application it has.

So ``osdbg.here()`` knows them without a look at the stack, and others than the
chosen one are spared the tracing, also where no filter or wrapper of ours is.
"""

from __future__ import annotations

import functools
from typing import Any

from osdbg import activities
from osdbg import bootstrap
from osdbg.integrations import base
from osdbg.integrations import serving


class EventletIntegration(base.Integration):
    """Tells for which request a green thread works.

    While no client is attached that costs one look for each request.
    """

    hosts = ('eventlet.wsgi',)
    instead = (
        'osdbg.here() is slower in its requests then: pip install -U osdbg'
    )

    def install(self, host: Any) -> None:
        """Hook into what calls the application."""
        respond = host.HttpProtocol.handle_one_response

        @functools.wraps(respond)
        def handle_one_response(
            protocol: Any, *args: Any, **kwargs: Any
        ) -> Any:
            agent = bootstrap.current_agent()
            environ = getattr(protocol, 'environ', None)
            if (
                agent is None
                or not agent.attached
                or type(environ) is not dict
            ):
                return respond(protocol, *args, **kwargs)
            request = activities.WsgiRequest(environ)
            with serving.Serving(agent, request, on_exception=False):
                return respond(protocol, *args, **kwargs)

        self.replace(
            host.HttpProtocol, 'handle_one_response', handle_one_response
        )

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

"""RPC calls: part of the request that they are made for, and never unseen.

A call that is made for a request which bears the token says so in the message,
beside its method and its arguments: not in the context, from which a service
makes an object of its own. Who has no osdbg passes it over.
"""

from __future__ import annotations

import functools
from typing import Any

from osdbg import activities
from osdbg import bootstrap
from osdbg import chosen
from osdbg import deaths
from osdbg import harmless
from osdbg.integrations import base
from osdbg.integrations import serving

MARK = 'osdbg_marked'
"""What the message has beside ``method`` and ``args``."""


class RpcIntegration(base.Integration):
    """Follows a request into the services that it calls.

    While no client is attached that costs one look for each call.
    """

    hosts = ('oslo_messaging.rpc.client', 'oslo_messaging.rpc.dispatcher')
    instead = (
        'osdbg.here() knows little of RPC calls then: pip install -U osdbg'
    )

    def install(self, host: Any) -> None:
        """Hook into the side that calls, or into the one that is called."""
        if host.__name__ == 'oslo_messaging.rpc.client':
            self._mark(host._BaseCallContext)
        else:
            self._watch(host)

    def _mark(self, call_context: Any) -> None:
        make_message = call_context._make_message

        def mark(message: Any) -> None:
            activity = activities.current.get()
            if activity is not None and chosen.is_marked(activity):
                message[MARK] = True

        @functools.wraps(make_message)
        def _make_message(context: Any, *args: Any, **kwargs: Any) -> Any:
            message = make_message(context, *args, **kwargs)
            harmless.call(mark, message)
            return message

        self.replace(call_context, '_make_message', _make_message)

    def _watch(self, host: Any) -> None:
        dispatch_ = host.RPCDispatcher.dispatch
        # What the caller is told as it is meant, and what only it did wrong.
        answers = (
            host.ExpectedException,
            host.NoSuchMethod,
            host.UnsupportedVersion,
        )

        @functools.wraps(dispatch_)
        def dispatch(
            dispatcher: Any, incoming: Any, *args: Any, **kwargs: Any
        ) -> Any:
            agent = bootstrap.current_agent()
            if agent is None or not agent.attached:
                return dispatch_(dispatcher, incoming, *args, **kwargs)
            call = activities.Activity('RPC call')
            call = harmless.call(_call_of, incoming) or call
            with serving.Serving(agent, call, on_exception=False):
                try:
                    return dispatch_(dispatcher, incoming, *args, **kwargs)
                except answers:
                    raise
                except Exception as exc:
                    harmless.call(_show, agent, exc)
                    raise

        self.replace(host.RPCDispatcher, 'dispatch', dispatch)


def _call_of(incoming: Any) -> activities.RpcCall:
    """Return what is served."""
    message, context = incoming.message, incoming.ctxt
    return activities.RpcCall(
        str(message.get('method')),
        context if type(context) is dict else {},
        marked=message.get(MARK) is True,
    )


def _show(agent: Any, exc: Exception) -> None:
    # It has been shown, if it comes from a green thread of the endpoint's.
    if not deaths.has_ended_one(exc):
        agent.post_mortem.show(exc)

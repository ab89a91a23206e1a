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

"""WSGI servers that run their workers without oslo.service."""

from __future__ import annotations

import functools
import os
from typing import Any

from osdbg import bootstrap
from osdbg import environment
from osdbg.integrations import base
from osdbg.integrations import uwsgi


def forks_in_c() -> bool:
    """Tell whether this is a server that forks behind Python's back.

    What is started before such a fork is deaf after it.
    """
    return uwsgi.is_here()


def await_workers(inject: str | None = None) -> None:
    """Have the workers of such a server armed, once they are there.

    :param inject: where osdbg was brought along from, if it was
    """
    uwsgi.prepare()
    if environment.FOLLOW_EXEC not in os.environ:
        uwsgi.keep_for_reload(inject)


def arm_workers(conf: Any = None) -> None:
    """Arm this process if it serves requests, else those that will.

    :param conf: the service's ConfigOpts, or None
    """
    if forks_in_c():
        uwsgi.arm(conf)
    else:
        bootstrap.arm(conf)


class WsgiIntegration(base.Integration):
    """Starts osdbg in the workers of gunicorn, and knows Flask's reloader.

    Workers of servers that fork in Python are debugged without it. It keeps
    the processes that only watch over others out of the session, and finds
    the options in the configuration of the service, once that is loaded.
    """

    hosts = (
        'gunicorn.arbiter',
        'gunicorn.workers.base',
        'werkzeug._reloader',
    )

    def install(self, host: Any) -> None:
        """Hook into the server."""
        if host.__name__ == 'gunicorn.arbiter':
            self.call_first(
                host.Arbiter, 'run', lambda arbiter: bootstrap.launch()
            )
        elif host.__name__ == 'werkzeug._reloader':
            self.call_first(
                host.ReloaderLoop, 'restart_with_reloader', _leave_to_child
            )
        else:
            self._arm_loaded(host.Worker)

    def _arm_loaded(self, worker_class: Any) -> None:
        original_load = worker_class.load_wsgi

        @functools.wraps(original_load)
        def load_wsgi(worker: Any, *args: Any, **kwargs: Any) -> Any:
            loaded = original_load(worker, *args, **kwargs)
            bootstrap.arm(base.parsed(None))
            return loaded

        self.replace(worker_class, 'load_wsgi', load_wsgi)


def _leave_to_child(reloader: Any) -> None:
    """Let the program be debugged, and not the reloader that starts it."""
    if environment.FOLLOW_EXEC in os.environ:
        bootstrap.launch()
    else:
        bootstrap.complain(
            'the reloader runs the application in a Python of its own, '
            'where osdbg is not: type osdbg run --follow-exec, or leave the '
            'reloader out (flask run --no-reload)'
        )

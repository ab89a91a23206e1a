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

"""Services that oslo.service runs: a mixin for those that may be edited.

And the plug-in for those that may not: it hooks into the launchers, which are
the same in all versions since 1.0. Workers of the threading backend are
cotyledon's, see ``cotyledon.py``.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

from osdbg import bootstrap
from osdbg.integrations import base
from osdbg import reading
from osdbg import settings as settings_


class RemoteDebugMixin:
    """Makes each worker of a service debuggable, before its ``start()``.

    For subclasses of ``oslo_service.service.Service`` and for everything else
    that has a ``start()``, before or after it among the bases. The options
    are those of ``self.conf`` where the service has one, and of ``cfg.CONF``
    otherwise. Keeps nothing in the service, so that it can be pickled for the
    start method ``spawn`` exactly if it could be without.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have ``start()`` start osdbg first, whoever defines it."""
        super().__init_subclass__(**kwargs)
        own = vars(cls).get('start')
        if isinstance(own, types.FunctionType):
            setattr(cls, 'start', _armed(own))  # noqa: B010
        elif own is None and _is_to_be_armed(getattr(cls, 'start', None)):
            setattr(cls, 'start', _forwarder(cls))  # noqa: B010

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Take the options along to a worker that is being spawned."""
        reduced = super().__reduce_ex__(protocol)
        settings = bootstrap.bequeath(_conf_of(self))
        if settings is None or not isinstance(reduced, tuple):
            return reduced
        make, args, *rest = reduced
        return (_remake, (settings, make, args), *rest)


def _armed(start: Any) -> Any:
    """Wrap a ``start()`` that is defined in the class itself."""
    if inspect.iscoroutinefunction(start):

        @functools.wraps(start)
        async def armed_start(service: Any, *args: Any, **kwargs: Any) -> Any:
            bootstrap.arm(_conf_of(service))
            return await start(service, *args, **kwargs)

    else:

        @functools.wraps(start)
        def armed_start(service: Any, *args: Any, **kwargs: Any) -> Any:
            bootstrap.arm(_conf_of(service))
            return start(service, *args, **kwargs)

    armed_start.osdbg_arms = True  # type: ignore[attr-defined]
    return armed_start


def _is_to_be_armed(start: Any) -> bool:
    return (
        isinstance(start, types.FunctionType)
        and not hasattr(start, 'osdbg_arms')
        and not getattr(start, '__isabstractmethod__', False)
    )


def _forwarder(cls: type) -> Any:
    """Make a ``start()`` for a class that inherits one."""

    def start(service: Any, *args: Any, **kwargs: Any) -> Any:
        bootstrap.arm(_conf_of(service))
        # Its superclass is a sibling's as often as the service's.
        return super(cls, service).start(*args, **kwargs)  # type: ignore

    start.osdbg_arms = True  # type: ignore[attr-defined]
    return start


def _conf_of(owner: Any) -> Any:
    """Return the configuration of a service or of a launcher."""
    try:
        return base.parsed(getattr(owner, 'conf', None))
    except Exception:
        return base.parsed(None)  # a property that is not ready


def _remake(settings: settings_.Settings, make: Any, args: Any) -> Any:
    reading.inherit(settings)
    return make(*args)


class OsloServiceIntegration(base.Integration):
    """Starts osdbg in each process that is about to run a service."""

    hosts = ('oslo_service.service',)

    def install(self, host: Any) -> None:
        """Hook into the launchers of whichever backend was chosen."""
        # In 4.2 and 4.3 the threading backend has one class for both.
        if host.Launcher is not host.ProcessLauncher:
            self._arm_where_services_run(host.Launcher)
        self._let_the_workers_do_it(host.ProcessLauncher)

    def _arm_where_services_run(self, launcher_class: Any) -> None:
        # The base class runs services in its own process: under
        # ProcessLauncher that is the worker, right after the fork.
        self.call_first(
            launcher_class,
            'launch_service',
            lambda launcher: bootstrap.arm(_conf_of(launcher)),
        )

    def _let_the_workers_do_it(self, launcher_class: Any) -> None:
        def arm_or_launch(launcher: Any) -> None:
            forks = not getattr(launcher, 'no_fork', False)
            act = bootstrap.launch if forks else bootstrap.arm
            act(_conf_of(launcher))

        self.call_first(launcher_class, 'launch_service', arm_or_launch)

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

"""Services that cotyledon runs, oslo.service's threading backend included."""

from __future__ import annotations

import functools
from typing import Any
import weakref

from osdbg import bootstrap
from osdbg.integrations import base
from osdbg import reading
from osdbg import settings as settings_

_ARM = '_osdbg_arm'


class CotyledonIntegration(base.Integration):
    """Starts osdbg in each worker, through the public hook for new ones."""

    hosts = ('cotyledon._service_manager', 'cotyledon.oslo_config_glue')

    def __init__(self) -> None:
        """Prepare; nothing of cotyledon is touched yet."""
        super().__init__()
        self._arms: weakref.WeakSet[Arm] = weakref.WeakSet()

    def install(self, host: Any) -> None:
        """Hook into every manager from now on."""
        if host.__name__ == 'cotyledon.oslo_config_glue':
            self._note_conf(host)
        else:
            self._hook_workers(host.ServiceManager)

    def undo(self) -> None:
        """Put back the originals, and leave the managers there are alone."""
        super().undo()
        for arm in self._arms:
            arm.on = False

    def _hook_workers(self, manager_class: Any) -> None:
        original_init = manager_class.__init__
        original_run = manager_class.run

        @functools.wraps(original_init)
        def __init__(manager: Any, *args: Any, **kwargs: Any) -> None:
            original_init(manager, *args, **kwargs)
            self._arm(manager_class, manager)

        @functools.wraps(original_run)
        def run(manager: Any) -> Any:
            if _arm_of(manager) is not None:
                bootstrap.launch()
            return original_run(manager)

        self.replace(manager_class, '__init__', __init__)
        self.replace(manager_class, 'run', run)

    def _arm(self, manager_class: Any, manager: Any) -> None:
        arm = Arm()
        try:
            # Not a subclass's own, whose __init__() is not over yet.
            manager_class.register_hooks(manager, on_new_worker=arm)
            # There, since a manager need not be hashable.
            vars(manager)[_ARM] = arm
        except Exception as exc:
            bootstrap.complain(
                f'osdbg cannot hook into {type(manager).__name__} ({exc!r}): '
                f'call osdbg.init(CONF) in its workers'
            )
        else:
            self._arms.add(arm)

    def _note_conf(self, glue: Any) -> None:
        # link() came with 2.2; since then setup() calls it.
        name = 'link' if hasattr(glue, 'link') else 'setup'
        original = getattr(glue, name)

        @functools.wraps(original)
        def note(manager: Any, conf: Any, *args: Any, **kwargs: Any) -> Any:
            arm = _arm_of(manager)
            if arm is not None:
                arm.conf = conf
            return original(manager, conf, *args, **kwargs)

        self.replace(glue, name, note)


class Arm:
    """Called by cotyledon in each new worker, before its service runs."""

    def __init__(self) -> None:
        """Prepare, in the launcher."""
        self.on = True
        self.conf: Any = None

    def __call__(self, service_id: Any, worker_id: Any, service: Any) -> None:
        if self.on:
            bootstrap.arm(base.parsed(self.conf))

    def __reduce__(self) -> Any:
        # With the start method "spawn" hooks are pickled. CONF might not be.
        settings = None
        if self.on:
            settings = bootstrap.bequeath(base.parsed(self.conf))
        return _rearm, (settings,)


def _arm_of(manager: Any) -> Arm | None:
    arm: Arm | None = getattr(manager, '__dict__', {}).get(_ARM)
    return arm if arm is not None and arm.on else None


def _rearm(settings: settings_.Settings | None) -> Arm:
    if settings is not None:
        reading.inherit(settings)
    return Arm()

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

"""Start the agent, and wait for what the options ask to be waited for."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
from typing import Any, TYPE_CHECKING

from osdbg import backends
from osdbg import breakpoints
from osdbg import exceptions
from osdbg import settings as settings_
from osdbg import signals
from osdbg import this_process

if TYPE_CHECKING:
    from osdbg import agent as agent_

LOG = logging.getLogger('osdbg')

_INTEGRATIONS = 'osdbg.integrations'
_ARM_SECONDS = 15.0
_LOAD_SECONDS = 30.0
_LOOK_SECONDS = 0.5


def start(
    settings: settings_.Settings, caller: Any, waits: bool, required: bool
) -> agent_.Agent:
    """Make this process debuggable; block only for those who asked for it.

    :param settings: the options, which are on
    :param caller: the frame at whose next line ``suspend`` stops
    :param waits: whether this may block at all
    :param required: whether the debugger must be had
    :returns: the agent of this process
    :raises: OsdbgError if the options are not sound, or the debugger is not
        installed, or is required and cannot be had
    """
    backends.check(settings)
    settings_.check(settings)
    backends.create(settings).require()
    _settle_sysconfig()
    agent, first = this_process.start_agent(settings)
    _learn()
    breakpoints.take_hook()
    breakpoints.answer_interrupts(agent)
    if first and required:
        _require(agent.progress.wait_armed(_ARM_SECONDS))
    if first and waits:
        _wait(agent, caller, settings, required)
    return agent


def _learn() -> None:
    """Have it known what RPC calls and green threads are about.

    What knows the libraries stands above us: it is found by its name, as a
    backend is.
    """
    try:
        importlib.import_module(_INTEGRATIONS).enable_passive()
    except Exception as exc:
        LOG.warning(
            'osdbg knows nothing of RPC calls (%r): type %s -m pip install '
            '--force-reinstall osdbg',
            exc,
            sys.executable,
        )


def _settle_sysconfig() -> None:
    """Have ``sysconfig`` find out, in this thread, what it is asked for later.

    From Python 3.12 on it takes a lock for that, the first time, and eventlet
    makes it a green one. With the debugger's thread in it, whose ``pydoc``
    asks for a path, a service that wants it meanwhile would wait for ever.
    """
    import sysconfig

    sysconfig.get_config_vars()


def _require(trouble: str) -> None:
    if trouble:
        raise exceptions.OsdbgError(trouble)


def _wait(
    agent: agent_.Agent,
    caller: Any,
    settings: settings_.Settings,
    required: bool,
) -> None:
    eager = settings.activate == 'on_init'
    waits = settings.wait_for_client or settings.suspend
    if eager:
        trouble = agent.progress.wait_loaded(_LOAD_SECONDS)
        if required:
            _require(trouble)
    if waits:
        _wait_for_client(agent, caller, settings)
    if (eager or waits) and not agent.wanted:
        LOG.info(
            'osdbg: [remote_debug] workers = %s leaves out this process '
            '(worker %s)',
            settings.workers,
            agent.number,
        )


def _wait_for_client(
    agent: agent_.Agent, caller: Any, settings: settings_.Settings
) -> None:
    if backends.Ability.PROMPT in backends.find(settings.backend).abilities:
        agent.break_here(caller)  # it waits by itself
        return
    if settings.direction == 'connect':
        LOG.info(
            'osdbg: waiting for an IDE that listens at %s', settings.address
        )
    else:
        LOG.info('osdbg: waiting for an IDE at %s', settings.address)
    with signals.obeying_signals(lambda signum: agent.stop_waiting()):
        came = _wait_until_ready(agent, settings.wait_timeout)
    if not came:
        LOG.warning(
            'osdbg: no IDE has attached in %g s; the service runs on',
            settings.wait_timeout,
        )
    elif settings.suspend:
        agent.break_here(caller)


def _wait_until_ready(agent: agent_.Agent, seconds: float) -> bool:
    """Wait for a client, as long as whoever has started us is there.

    :param seconds: how long at the most; 0 for ever
    """
    parent = os.getppid()
    end = time.monotonic() + seconds if seconds else float('inf')
    while time.monotonic() < end and os.getppid() == parent:
        left = end - time.monotonic()
        if agent.progress.wait_ready(min(_LOOK_SECONDS, left)):
            return True
    return os.getppid() != parent

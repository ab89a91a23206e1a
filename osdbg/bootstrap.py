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

"""``init()``: from a service's options to a process that can be debugged."""

from __future__ import annotations

import os
import sys
import time

from osdbg import reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osdbg import agent as agent_
    from osdbg import settings as settings_


# Workers that start later than this replace others, in a service that serves.
_START_SECONDS = 30.0


class Status:
    """What osdbg does in this process, as it is when asked."""

    __slots__ = ('_agent',)

    def __init__(self, agent: agent_.Agent) -> None:
        self._agent = agent

    @property
    def state(self) -> str:
        """``armed``, ``loaded`` or ``attached``."""
        return self._agent.state

    @property
    def name(self) -> str:
        """What clients call this service."""
        return self._agent.settings.name

    @property
    def worker(self) -> int | None:
        """The number of this worker, once the gateway has given it one."""
        return self._agent.number

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self._agent.settings.address

    def __repr__(self) -> str:
        return f'<osdbg {self.state} {self.name} at {self.address}>'


_statuses: dict[agent_.Agent, Status] = {}
_complaints: set[str] = set()
# The process that workers are forked from, since when, and whether it has
# looked itself whether the debugger can be had.
_launcher = (os.getpid(), time.monotonic(), False)


def init(conf: Any = None) -> Status | None:
    """Make this process, and all it will fork, debuggable.

    :param conf: the service's ``oslo_config.cfg.ConfigOpts``, after it was
        called; without it the environment alone counts
    :returns: None when osdbg is off, else its status; the same object for
        every call in a process
    :raises: SystemExit only if ``[remote_debug] required`` is set and the
        debugger cannot be had
    """
    return _init(conf, sys._getframe(1))


def arm(
    conf: Any = None,
    frame: Any = None,
    waits: bool = True,
    strict: bool = True,
) -> Status | None:
    """Do what ``init()`` does, for an integration and not for the service.

    A worker that replaces another, long after the service has started, waits
    for nobody and ends for nothing: that would be an outage.

    :param conf: as for ``init()``
    :param frame: at whose next line ``suspend`` stops; without one, at the
        next line that is the service's own
    :param waits: whether this may block at all
    :param strict: whether it may end the program, if it is ``required``
    :returns: as from ``init()``
    :raises: SystemExit as ``init()``
    """
    pid, since, looked = _launcher
    is_worker = pid != os.getpid()
    late = is_worker and time.monotonic() - since > _START_SECONDS
    return _init(
        conf,
        frame,
        waits=waits and not late,
        strict=strict and not (late or (is_worker and looked)),
    )


def bequeath(conf: Any) -> settings_.Settings | None:
    """Return the options that a worker is to have which is being spawned.

    It has a CONF that was never called, and what ``osdbg run`` took out of
    the environment never gets there.

    :param conf: as for ``init()``
    :returns: for ``reading.inherit()``; None as from ``reading.resolve()``,
        and whenever something is pickled or copied for another purpose
    """
    context: Any = sys.modules.get('multiprocessing.context')
    if context is None or context.get_spawning_popen() is None:
        return None
    settings = reading.resolve(conf)
    _pid, since, looked = _launcher
    late = time.monotonic() - since > _START_SECONDS
    if settings is not None and (late or looked):
        settings.required = False
    if settings is not None and late:
        settings.wait_for_client = settings.suspend = False
    return settings


def launch(conf: Any = None) -> None:
    """Leave the debugging to the workers this process is about to fork.

    :param conf: as for ``init()``
    :raises: SystemExit as ``init()``: in a worker it would be started anew,
        for ever
    """
    global _launcher
    _launcher = (os.getpid(), time.monotonic(), True)
    if reading.is_required(conf):
        arm(conf, waits=False)
    agent = current_agent()
    if agent is not None:
        agent.launch()


def complain(line: str) -> None:
    """Say in the service's log what osdbg cannot do for it.

    Once, however often a paste file or a launcher leads here.

    :param line: ends with what to type
    """
    if line not in _complaints:
        _complaints.add(line)
        import logging

        logging.getLogger('osdbg').warning('%s', line)


def _init(
    conf: Any, caller: Any, waits: bool = True, strict: bool = True
) -> Status | None:
    try:
        if not reading.is_mentioned(conf):
            return None
        settings = reading.read_anyway(conf)
        if settings is None:
            return None
        if reading.is_disabled():
            _weld()
            return None
        from osdbg import arming

        required = strict and settings.required
        return _status_of(arming.start(settings, caller, waits, required))
    except Exception as exc:
        _refuse(exc, strict and reading.is_required(conf))
    return None


def _weld() -> None:
    complain(
        f'osdbg is off, whatever the options say: {reading.DISABLE}='
        f'{os.environ[reading.DISABLE]} is set in the environment'
    )
    from osdbg import breakpoints

    breakpoints.take_hook()


def _status_of(agent: agent_.Agent) -> Status:
    # One for all threads that ask at the same moment.
    return _statuses.setdefault(agent, Status(agent))


def _refuse(exc: Exception, required: bool) -> None:
    """Say in one line why there is no debugger; the service runs on."""
    from osdbg import exceptions

    line = f'osdbg is off: {exc}'
    if not isinstance(exc, exceptions.OsdbgError):
        line = f'osdbg is off: {type(exc).__name__}: {exc}'
    if required:
        raise SystemExit(line) from exc
    complain(line)
    from osdbg import breakpoints

    breakpoints.take_hook()  # whoever asked for us wants no prompt on stdin


def status() -> Status | None:
    """Return what osdbg does in this process, or None when it is off."""
    agent = current_agent()
    return None if agent is None else _status_of(agent)


def attach(conf: Any = None) -> Status | None:
    """Let clients come to this process, and to those it will fork.

    What ``activate = on_demand`` waits for, as ``osdbg open`` does from
    outside. Where it is the IDE that listens, it is called at once.

    :param conf: as for ``init()``, which is called if nobody has
    :returns: as from ``init()``; None when osdbg is off
    """
    if reading.is_disabled():
        return None
    if conf is not None or current_agent() is None:
        arm(conf, waits=False, strict=False)
    agent = current_agent()
    if agent is None:
        return None
    agent.open(True)
    return _status_of(agent)


def detach() -> None:
    """Send the client of this process away, until ``attach()``.

    It returns at once; the service is at full speed a moment later.
    """
    agent = current_agent()
    if agent is not None:
        agent.open(False)


def monkey_patch(conf: Any = None, **on: bool) -> None:
    """Call ``eventlet.monkey_patch()`` as ``[remote_debug] eventlet`` says.

    Only needed for ``eventlet = unpatch_thread``, what the old guides
    achieved by editing the service. Since it comes first in a program, the
    environment (``OS_REMOTE_DEBUG__EVENTLET``) is the usual place to ask.

    :param conf: the service's ConfigOpts, if it was called already
    :param on: as for ``eventlet.monkey_patch()``
    """
    from osdbg import patching

    try:
        settings = reading.read(conf)
    except Exception:
        settings = None  # init() says in one line what is wrong with it
    threads = settings is None or settings.eventlet != 'unpatch_thread'
    patching.monkey_patch(threads=threads, **on)


def current_agent() -> agent_.Agent | None:
    """Return the agent of this process, if there is one."""
    # Not while another thread is importing it: it has half of its names then.
    agent = getattr(sys.modules.get('osdbg.this_process'), 'agent', None)
    return None if agent is None else agent()

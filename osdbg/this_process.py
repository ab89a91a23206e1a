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

"""The agent of this process: one, and another in each that it forks."""

from __future__ import annotations

import os

from osdbg import agent as agent_
from osdbg import settings as settings_
from osdbg import waiting

_agent: agent_.Agent | None = None
_starting = waiting.allocate_lock()


def agent() -> agent_.Agent | None:
    """Return the agent of this process, if it has one."""
    return _agent


def start_agent(
    settings: settings_.Settings,
) -> tuple[agent_.Agent, bool]:
    """Start the agent of this process and of all it will fork.

    :param settings: the options of this service, which are on
    :returns: the agent, and whether this call is the one that started it
    """
    global _agent
    with _starting:
        if _agent is not None:
            if _agent.pid != os.getpid():
                # Forked in C (uWSGI): no hook ran, no thread came along.
                _agent.after_fork_in_child()
            return _agent, _agent.introduce(settings)
        os.register_at_fork(
            before=_before_fork,
            after_in_parent=_after_fork_in_parent,
            after_in_child=_after_fork_in_child,
        )
        _agent = agent_.Agent(settings)
        first = _agent.introduce(settings)
        _agent.start()
        return _agent, first


def _before_fork() -> None:
    if _agent is not None:
        _agent.before_fork()


def _after_fork_in_parent() -> None:
    if _agent is not None:
        _agent.after_fork_in_parent()


def _after_fork_in_child() -> None:
    global _starting
    _starting = waiting.allocate_lock()
    if _agent is not None:
        _agent.after_fork_in_child()

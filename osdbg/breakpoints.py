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

"""``breakpoint()`` and ``set_trace()``, whichever debugger is configured."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, TYPE_CHECKING

from osdbg import backends
from osdbg import bootstrap
from osdbg import reading
from osdbg import signals
from osdbg import waiting

if TYPE_CHECKING:
    from osdbg import agent as agent_

# The threads that are writing that a breakpoint has been passed.
_passing: set[int] = set()


def set_trace() -> None:
    """Stop at the next line if a client is attached; else do nothing.

    With ``backend = remote_pdb`` it calls for a client and waits for one.
    """
    _break(sys._getframe(1))


def breakpoint(*args: Any, **kwargs: Any) -> None:
    """Do what ``set_trace()`` does.

    It is what ``sys.breakpointhook`` is in an armed process, and what
    ``PYTHONBREAKPOINT=osdbg.breakpoint`` names in a service that does not
    call ``init()``. The arguments are those of the builtin, and not used.
    """
    _break(sys._getframe(1))


def take_hook() -> None:
    """Have the builtin ``breakpoint()`` never open a prompt on stdin.

    Unless somebody has chosen another hook: it is theirs.
    """
    chosen = os.environ.get('PYTHONBREAKPOINT')
    if not chosen and sys.breakpointhook is sys.__breakpointhook__:
        sys.breakpointhook = breakpoint


def answer_interrupts(agent: agent_.Agent) -> None:
    """Let ``kill -URG`` open a prompt in the main thread, if it can.

    :param agent: the agent of this process
    """
    settings = agent.settings
    abilities = backends.find(settings.backend).abilities
    if (
        settings.activate != 'on_demand'
        or backends.Ability.INTERRUPT not in abilities
    ):
        signals.release_urgent()
    elif not signals.take_urgent(agent.prompter.break_here):
        bootstrap.complain(
            'osdbg: kill -URG will open no prompt in this process: call '
            'init() in the main thread, not under uWSGI, and leave SIGURG '
            'without a handler'
        )


def _break(frame: Any) -> None:
    if sys.is_finalizing():
        return  # nothing can be imported any more
    if bootstrap.current_agent() is None:
        # With the environment alone, if it says anything.
        bootstrap.arm(None, frame, waits=False, strict=False)
    agent = bootstrap.current_agent()
    if agent is None:
        _pass(frame, _why_off())
    elif not agent.break_here(frame):
        _pass(frame, 'no client is attached')


def _why_off() -> str:
    if reading.is_disabled():
        return 'OSDBG_DISABLE is set in the environment'
    return 'osdbg is off, set OS_REMOTE_DEBUG__PORT=5678'


def _pass(frame: Any, why: str) -> None:
    """Say that a breakpoint has been passed; not those in that itself."""
    ident = waiting.get_ident()
    if ident in _passing:
        return  # a handler of logging that has one
    _passing.add(ident)
    try:
        logging.getLogger('osdbg').debug(
            'breakpoint at %s:%s passed: %s',
            frame.f_code.co_filename,
            frame.f_lineno,
            why,
        )
    finally:
        _passing.discard(ident)

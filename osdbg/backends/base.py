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

"""What a debugger has to do for osdbg, and what it can do beyond that."""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Mapping
import enum
import types
from typing import Any, ClassVar

from osdbg import settings as settings_
from osdbg import stops


class Ability(enum.Enum):
    """Something that not every debugger can do."""

    def __new__(cls, value: str, doc: str) -> Ability:
        """Make a member that carries its docstring."""
        member = object.__new__(cls)
        member._value_ = value
        member.__doc__ = doc
        return member

    LISTEN = ('listen', 'Clients connect to ``host:port``.')
    CONNECT = (
        'connect',
        'The IDE listens on ``host:port``, and osdbg connects to it.',
    )
    BREAKPOINTS = (
        'breakpoints',
        'The client sets breakpoints by file and line.',
    )
    RUNNING_THREADS = (
        'running threads',
        'Breakpoints stop threads that were running when the client came.',
    )
    PAUSE = ('pause', 'The client stops a worker wherever it is.')
    PROMPT = (
        'prompt',
        '``breakpoint()`` calls for a client by itself and waits for it.',
    )
    INTERRUPT = (
        'interrupt',
        'SIGURG opens a prompt in the main thread of a process that hangs.',
    )
    EXCEPTIONS = (
        'exceptions',
        '``break_on_exception`` stops where an exception was raised.',
    )
    EAGER = (
        'eager',
        '``activate = on_init`` loads it when the service starts.',
    )
    WAIT = ('wait', '``wait_for_client`` holds the service back.')
    REDIRECT_OUTPUT = (
        'redirect output',
        '``redirect_output`` sends stdout and stderr to the client, too.',
    )
    PATH_MAPPINGS = (
        'path mappings',
        '``path_mappings`` are applied in the service.',
    )
    RESUME = (
        'resume',
        '``max_stop_seconds`` resumes a worker that is stopped for too long.',
    )
    TURNS = (
        'turns',
        '``stop_policy = one_worker`` stops one worker at a time.',
    )
    LOG = ('log', '``log_dir`` takes the log files of the debugger itself.')


class Backend(abc.ABC):
    """One debugger in one process, between two loads of it."""

    name: ClassVar[str]
    """What ``[remote_debug] backend`` calls it."""

    module: ClassVar[str] = ''
    """The module that its package brings, by which it is found."""

    protocol: ClassVar[str]
    """What it speaks with its client: ``dap``, ``pydevd`` or ``pdb``."""

    abilities: ClassVar[frozenset[Ability]]
    """What it can do on this Python."""

    instead: ClassVar[Mapping[Ability, str]] = {}
    """What to do about an ability that it lacks, as imperative sentences."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Take the options; nothing is imported yet.

        :param settings: the options of this service
        """
        self.settings = settings
        self.version = ''
        # What the service has thrown into a thread that waited for a client:
        # of all that break_here() raises, it alone goes on to the service.
        self.thrown: BaseException | None = None
        # Set by the agent: says where a thread has stopped, and returns the
        # connected socket on which a client is going to speak. The first
        # line on it is JSON, {"go": true} or {"refused": "why"}.
        self.reach: Callable[[str], Any] = _unreachable
        # Set by the agent: is told of each thread that stops, and asked
        # whether it may, if stop_policy says so.
        self.stops = stops.Stops(_tell_nobody)

    @abc.abstractmethod
    def require(self) -> None:
        """Look, without importing it, whether the debugger is there.

        :raises: OsdbgError
        """

    def load(self, sock: Any) -> None:
        """Import the debugger and let it serve one client.

        Called in the agent's thread, unless the backend is one that prompts.

        :param sock: the connected socket on which the client's side speaks
        """

    def unload(self) -> None:
        """Resume what is stopped and bring back full speed. Never raise."""

    def resume(self, why: str) -> None:
        """Resume what is stopped, as the client would; never wait.

        Called in the agent's thread.

        :param why: the client is told
        """

    def after_fork(self) -> None:
        """Clean a forked child of its parent's session."""

    @abc.abstractmethod
    def break_here(self, frame: types.FrameType | None) -> None:
        """Stop the calling thread.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        """

    def break_on_exception(self, exc: BaseException) -> None:
        """Stop the calling thread on an exception that was caught.

        Whatever exceptions the client has asked for, and where it was raised.

        :param exc: with its traceback
        """

    def trace_this_thread(self, served: Any = None) -> None:
        """Let the calling thread stop at breakpoints, if it does not yet.

        It may be one that was started by C code, in a server such as uWSGI.

        :param served: a request that may stop, where others may not: the
            thread is not spared as long as anybody refers to it
        """

    def spare_this_thread(self) -> None:
        """Have the calling thread run untraced, until it has to be traced.

        Where being traced makes it slow, though it stops nowhere.
        """

    def end_step(self) -> None:
        """Have the calling thread not stop for a step any more."""


def _tell_nobody(**message: Any) -> None:
    pass


def _unreachable(where: str) -> Any:
    raise ConnectionRefusedError('this process has no agent')

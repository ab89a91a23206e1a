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

"""What a debugger has to do for osdbg."""

from __future__ import annotations

import abc
import types
from typing import Any

from osdbg import settings as settings_


class Backend(abc.ABC):
    """One debugger in one process, between two loads of it."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Take the options; nothing is imported yet.

        :param settings: the options of this service
        """
        self.settings = settings
        self.version = ''

    @abc.abstractmethod
    def require(self) -> None:
        """Look, without importing it, whether the debugger is there.

        :raises: BackendNotInstalled
        """

    @abc.abstractmethod
    def load(self, sock: Any) -> None:
        """Import the debugger and let it serve one client.

        Called in the agent's thread.

        :param sock: the connected socket on which the client's side speaks
        """

    @abc.abstractmethod
    def unload(self) -> None:
        """Resume what is stopped and bring back full speed. Never raise."""

    @abc.abstractmethod
    def after_fork(self) -> None:
        """Clean a forked child of its parent's session."""

    @abc.abstractmethod
    def hook_breakpoint(self, attached: bool) -> None:
        """Make ``breakpoint()`` stop while a client is attached."""

    @abc.abstractmethod
    def break_here(self, frame: types.FrameType | None) -> None:
        """Stop the calling thread.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        """

    @abc.abstractmethod
    def break_on_exception(self, exc: BaseException) -> None:
        """Stop the calling thread on an exception that was caught.

        Whatever exceptions the client has asked for, and where it was raised.

        :param exc: with its traceback
        """

    @abc.abstractmethod
    def trace_this_thread(self) -> None:
        """Let the calling thread stop at breakpoints, if it does not yet.

        It may be one that was started by C code, in a server such as uWSGI.
        """

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

"""Everything osdbg can refuse: what was asked, what was found, what to type.

The message is built from the attributes when it is read, so that an error
survives pickling between processes with both.
"""

from __future__ import annotations

import sys


class OsdbgError(Exception):
    """The parent of every error osdbg raises."""


class InvalidOption(OsdbgError):
    """An option holds a value it cannot have."""

    def __init__(
        self, option: str, value: str, source: str, expected: str
    ) -> None:
        """Keep what was found and what would have been right.

        :param option: the option's name in ``[remote_debug]``
        :param value: the value as it was written
        :param source: where it was written, such as a file's name
        :param expected: what to write there instead
        """
        super().__init__(option, value, source, expected)
        self.option = option
        self.value = value
        self.source = source
        self.expected = expected

    def __str__(self) -> str:
        return (
            f'[remote_debug] {self.option} = {self.value} '
            f'(from {self.source}) is not valid: expected {self.expected}'
        )


class UnknownOption(OsdbgError):
    """An option was written that does not exist."""

    def __init__(
        self, option: str, source: str, known: tuple[str, ...]
    ) -> None:
        """Keep the name that was written beside the names that exist.

        :param option: the name as it was written
        :param source: where it was written, such as a file's name
        :param known: the names there are, the likeliest first
        """
        super().__init__(option, source, known)
        self.option = option
        self.source = source
        self.known = known

    def __str__(self) -> str:
        return (
            f'[remote_debug] {self.option} (from {self.source}) is not an '
            f'option of osdbg: write one of {", ".join(self.known)}'
        )


class BackendLacks(OsdbgError):
    """An option asks for something the chosen backend cannot do."""

    def __init__(
        self,
        option: str,
        value: str,
        backend: str,
        able: tuple[str, ...],
        instead: str,
    ) -> None:
        """Keep what was asked of whom, and who could do it.

        :param option: the option's name in ``[remote_debug]``
        :param value: the value as it was written
        :param backend: the backend that was chosen
        :param able: the backends that can do it
        :param instead: another way, as an imperative sentence, or nothing
        """
        super().__init__(option, value, backend, able, instead)
        self.option = option
        self.value = value
        self.backend = backend
        self.able = able
        self.instead = instead

    def __str__(self) -> str:
        ways = [f'write backend = {" or ".join(self.able)}'] * bool(self.able)
        ways += [self.instead or f'remove {self.option}']
        return (
            f'[remote_debug] {self.option} = {self.value} is beyond backend '
            f'= {self.backend}: {", or ".join(ways)}'
        )


class UnknownBackend(OsdbgError):
    """No backend bears the name that was asked for."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        """Keep the name asked for beside the names that exist.

        :param name: the name asked for
        :param known: every name and alias there is
        """
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return (
            f'[remote_debug] backend = {self.name} is not known: '
            f'write one of {", ".join(self.known)}'
        )


class BackendNotInstalled(OsdbgError):
    """The backend's package is missing from the service's environment."""

    def __init__(self, backend: str, package: str) -> None:
        """Keep the backend and the package that would bring it.

        :param backend: the name asked for
        :param package: what to give to ``pip install``
        """
        super().__init__(backend, package)
        self.backend = backend
        self.package = package

    def __str__(self) -> str:
        return (
            f'[remote_debug] backend = {self.backend} is not installed in '
            f"{sys.prefix}: there, type: pip install '{self.package}'"
        )


class GatewayUnavailable(OsdbgError):
    """The process that owns the debug ports cannot be reached or started."""

    def __init__(self, address: str, reason: str) -> None:
        """Keep where the gateway was looked for and what happened.

        :param address: the control socket, ``@`` standing for abstract
        :param reason: what the attempt ended with
        """
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return (
            f'no osdbg gateway answers at {self.address} ({self.reason}): '
            f'to see why, type: python -m osdbg.gateway'
        )


class CannotRun(OsdbgError):
    """A command cannot be found, or osdbg would not be started in it."""

    def __init__(self, command: str, reason: str, instead: str) -> None:
        """Keep what was asked, what is in the way, and the way around.

        :param command: the program, as it was typed or found
        :param reason: what is in the way
        :param instead: what to do now, as an imperative sentence
        """
        super().__init__(command, reason, instead)
        self.command = command
        self.reason = reason
        self.instead = instead

    def __str__(self) -> str:
        return f'{self.command} {self.reason}: {self.instead}'

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

"""What a client is, and what it is told of a service."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import os
import re
from typing import Any

from osdbg.ide import mappings as mappings_

ALL = 'osdbg: all'
"""What the configuration is called that attaches to several ports."""


class Broken(Exception):
    """A file is not what the client would understand."""

    def __init__(self, line: int, what: str) -> None:
        """Keep what is wrong, and where.

        :param line: its number, from 1
        :param what: is wrong there
        """
        super().__init__(line, what)
        self.line = line
        self.what = what

    def __str__(self) -> str:
        return f'line {self.line}: {self.what}'


@dataclasses.dataclass(frozen=True)
class Target:
    """An address to debug at: all processes that share it."""

    name: str
    """What the configuration is called."""

    host: str
    port: int
    listens: bool = False
    """Whether the client listens there, and osdbg calls it."""

    mappings: tuple[mappings_.Mapping, ...] = ()
    """Where the source files are, the most specific first."""

    first: str = ''
    """What to type before, so that the address can be reached."""

    @property
    def service(self) -> str:
        """Return what is debugged there: the name without "osdbg: "."""
        return self.name.partition(': ')[2]

    def place(self) -> dict[str, Any]:
        """Return the address, as clients of DAP write it."""
        return {'host': self.host, 'port': self.port}

    def renamed(self, name: str) -> Target:
        """Return the same with another name."""
        return dataclasses.replace(self, name=name)

    def main(self) -> mappings_.Mapping | None:
        """Return the mapping of what the service is, as far as that shows.

        ``nova`` is that for ``nova-api``; None if there is none at all.
        """
        own = [
            m for m in self.mappings if m.package and m.package in self.service
        ]
        return next(iter(own or self.mappings), None)

    def slug(self) -> str:
        """Return the name for files and symbols: ``osdbg-nova-api``."""
        return re.sub(r'[^A-Za-z0-9_.]+', '-', self.name).strip('-')


class Client(abc.ABC):
    """An IDE or editor, and the file that it is configured by."""

    name: str
    """What ``osdbg ide`` calls it."""

    title: str
    """What people call it."""

    backends: tuple[str, ...] = ()
    """The debuggers that it speaks to; none: all that speak DAP."""

    place: str
    """The file, below the directory of a project; none if it has none."""

    root: str = ''
    """What it writes for the directory of its project, if it has a word."""

    every_worker: bool | None = True
    """Whether one attach reaches all workers; if not, it is one for each. None
    if nobody has tried."""

    can_listen = False
    """Whether osdbg may call it (``[remote_debug] direction = connect``)."""

    service_maps = False
    """Whether what the service has in ``path_mappings`` is enough for it."""

    def __init__(self, directory: str | None = None) -> None:
        """Take the directory of the project.

        :param directory: None if it is not known
        """
        self._directory = directory

    def speaks_to(self, backend: str, protocol: str) -> bool:
        """Tell whether it can debug a process.

        :param backend: the debugger there
        :param protocol: what that speaks
        """
        if self.backends:
            return backend in self.backends
        return protocol == 'dap'

    def files(
        self, targets: Sequence[Target]
    ) -> Iterator[tuple[str, Sequence[Target]]]:
        """Yield the files to edit, and what goes into each."""
        yield self.place, targets

    @abc.abstractmethod
    def edit(self, text: str, targets: Sequence[Target]) -> str:
        """Return a file with the configurations in it.

        :param text: what is in the file; nothing if there is none
        :raises: Broken
        """

    @abc.abstractmethod
    def hint(self, targets: Sequence[Target]) -> str:
        """Say what to do in the client now."""

    def attach_arguments(self, target: Target) -> dict[str, Any]:
        """Return the arguments of DAP's ``attach``, as debugpy takes them.

        Services lie in ``site-packages``, which ``justMyCode`` would leave
        out.
        """
        way = 'listen' if target.listens else 'connect'
        arguments: dict[str, Any] = {way: target.place()}
        if target.mappings:
            arguments['pathMappings'] = [
                {'localRoot': self.spell(m.local), 'remoteRoot': m.remote}
                for m in target.mappings
            ]
        return {**arguments, 'justMyCode': False, 'subProcess': True}

    def spell(self, path: str) -> str:
        """Return a local path as it is written into the file.

        :param path: an absolute one; a directory ends in a slash
        """
        directory = self._directory
        if directory and self.root and path.startswith(directory + os.sep):
            return self.root + path[len(directory) :]
        return path

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

"""Where the files of a running service are in a local checkout."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping as Map
from collections.abc import Sequence
import dataclasses
import os
import re
from typing import NamedTuple

from osdbg import values

_INIT = '__init__.py'
_LAYOUTS = ('', 'src')
# They hold copies of packages, and no checkouts.
_SKIPPED = ('build', 'dist', 'node_modules', 'site-packages')


class Mapping(NamedTuple):
    """A place of the service, and the same place here."""

    package: str
    """What is there; empty for what somebody has written down."""

    local: str
    """A directory, which ends in a slash, or a file."""

    remote: str
    """The same, as the service calls it."""


@dataclasses.dataclass
class Found:
    """What has become of the packages of a service."""

    mapped: list[Mapping] = dataclasses.field(default_factory=list)
    same: list[str] = dataclasses.field(default_factory=list)
    """Packages that the service has imported from here."""

    covered: list[str] = dataclasses.field(default_factory=list)
    """Packages for which somebody has written down where they are."""

    missing: list[str] = dataclasses.field(default_factory=list)
    """Packages that are in no checkout."""

    doubles: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """Packages that are in several checkouts, and where else."""

    def add(self, other: Found) -> None:
        """Add what has become of the packages of another service."""
        for name in ('mapped', 'same', 'covered', 'missing'):
            both = [*getattr(self, name), *getattr(other, name)]
            setattr(self, name, list(dict.fromkeys(both)))
        self.doubles.update(other.doubles)


def written(pairs: Iterable[Sequence[str]]) -> list[Mapping]:
    """Return what somebody has written down.

    :param pairs: local and remote, as in ``[remote_debug] path_mappings``
    """
    return [
        Mapping('', values.closed(here), values.closed(there))
        for here, there in pairs
    ]


def find(
    packages: Map[str, Sequence[str]],
    sources: Sequence[str],
    given: Sequence[Mapping] = (),
    shared: bool = True,
) -> Found:
    """Look for the packages of a service in checkouts.

    :param packages: names, and where the service has imported them from
    :param sources: directories: checkouts, or what holds several
    :param given: what somebody has written down: it wins
    :param shared: whether the service sees the same files as we do
    :returns: with the most specific mapping first
    """
    found = Found(mapped=list(given))
    roots = list(_roots(sources))
    for name, places in sorted(packages.items()):
        remote = places[0]
        here = _candidates(name, remote, roots)
        # A script is called as its file.
        name = os.path.basename(remote) if name == '__main__' else name
        if any(values.closed(remote).startswith(m.remote) for m in given):
            found.covered.append(name)
        elif not here:
            found.missing.append(name)
        elif any(_is_same(place, remote, shared) for place in here):
            found.same.append(name)
        else:
            found.mapped.append(
                Mapping(name, values.closed(here[0]), values.closed(remote))
            )
            if here[1:]:
                found.doubles[name] = here[1:]
    found.mapped.sort(key=lambda mapping: -len(mapping.remote))
    return found


def _is_same(local: str, remote: str, shared: bool) -> bool:
    """Tell whether the service has its files from a place here.

    pydevd resolves symbolic links itself, on either side.
    """
    if local == remote:
        return True
    return shared and os.path.realpath(local) == os.path.realpath(remote)


def _roots(sources: Sequence[str]) -> Iterator[str]:
    """Yield what may be on the ``sys.path`` for the checkouts."""
    for source in sources:
        top = source
        while os.path.exists(os.path.join(top, _INIT)):
            top = os.path.dirname(top)
        if top != source:
            yield from (top, source)  # it is a package itself
            continue
        for checkout in (top, *_children(top)):
            for layout in _LAYOUTS:
                root = os.path.join(checkout, layout).rstrip(os.sep)
                if os.path.isdir(root):
                    yield root


def _children(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [
        os.path.join(directory, name)
        for name in names
        if not name.startswith('.')
        and name not in _SKIPPED
        and not os.path.exists(os.path.join(directory, name, _INIT))
    ]


def _candidates(name: str, remote: str, roots: list[str]) -> list[str]:
    """Return where a package is here, the likeliest first."""
    *parents, last = name.split('.')
    is_file = remote.endswith('.py')
    last = os.path.basename(remote) if is_file else last
    relative = os.path.join(*parents, last)
    mark = relative if is_file else os.path.join(relative, _INIT)
    found = [
        os.path.join(root, relative)
        for root in roots
        if os.path.isfile(os.path.join(root, mark))
    ]
    # sorted() keeps the order of the sources for the rest.
    return sorted(
        dict.fromkeys(found), key=lambda place: not _is_home(name, place)
    )


def _is_home(name: str, place: str) -> bool:
    """Tell whether a checkout is called as the package in it.

    ``oslo.messaging`` is for ``oslo_messaging``, ``python-novaclient`` for
    ``novaclient``.
    """
    wanted = re.sub(r'[-_.]', '', name).lower()
    parts = place.split(os.sep)[:-1]
    return any(
        re.sub(r'[-_.]|^python-', '', part).lower() == wanted for part in parts
    )

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

"""``.. osdbg-backends::``: what each debugger can do, as the code says it."""

from __future__ import annotations

from collections.abc import Iterator
import platform
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils import statemachine
from osdbg import backends


def _own() -> list[type[backends.Backend]]:
    """Return osdbg's own backends, each once."""
    return list(dict.fromkeys(map(backends.find, backends.OWN)))


def _aliases(backend: type[backends.Backend]) -> str:
    names = [
        f'``{name}``'
        for name in backends.OWN
        if backends.find(name) is backend and name != backend.name
    ]
    return ', '.join(names)


def _row(cells: list[str]) -> Iterator[str]:
    for number, cell in enumerate(cells):
        yield f'{" " if number else "*"} - {cell}'


def _table() -> Iterator[str]:
    own = _own()
    minor = '.'.join(platform.python_version_tuple()[:2])
    yield f'.. list-table:: What each can do (on Python {minor})'
    yield '   :header-rows: 1'
    yield f'   :widths: 40 {" ".join(["15"] * len(own))}'
    yield ''
    rows = [
        ['', *(f'``{backend.name}``' for backend in own)],
        ['Other names', *map(_aliases, own)],
    ]
    for ability in backends.Ability:
        answers = (
            'yes' if ability in backend.abilities else '--' for backend in own
        )
        rows.append([str(ability.__doc__), *answers])
    for row in rows:
        yield from (f'   {line}'.rstrip() for line in _row(row))
    yield ''


def _instead() -> Iterator[str]:
    """Say what to do about what is lacking, as the messages do."""
    for backend in _own():
        for ability, way in backend.instead.items():
            yield f'* ``{backend.name}``, {ability.value}: {way}.'
    yield ''


class BackendsDirective(Directive):
    """A table of backends and abilities."""

    def run(self) -> list[Any]:
        """Write the table, and parse it."""
        lines = statemachine.StringList()
        for line in (*_table(), *_instead()):
            lines.append(line, 'osdbg.backends', 0)
        node = nodes.container()
        self.state.nested_parse(lines, self.content_offset, node)
        return list(node.children)


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive('osdbg-backends', BackendsDirective)
    return {'parallel_read_safe': True}

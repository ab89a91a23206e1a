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

"""``.. osdbg-clients::``: what ``osdbg ide`` writes, as the code says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils import statemachine
from osdbg.ide import clients

_COLUMNS = (
    '``CLIENT``',
    'Client',
    'What is written',
    'Debugger',
    'All workers at once',
    'Can be called',
)
_WORKERS = {True: 'yes', False: 'one each', None: 'not tried'}


def _rows() -> Iterator[tuple[str, ...]]:
    yield _COLUMNS
    for client in clients.CLIENTS.values():
        backends = ' '.join(f'``{name}``' for name in client.backends)
        yield (
            f'``{client.name}``',
            client.title,
            f'``{client.place}``' if client.place else 'printed',
            backends or '``debugpy``',
            _WORKERS[client.every_worker],
            'yes' if client.can_listen else '--',
        )


def _table() -> Iterator[str]:
    yield '.. list-table:: Clients'
    yield '   :header-rows: 1'
    yield ''
    for row in _rows():
        for number, cell in enumerate(row):
            yield f'   {" " if number else "*"} - {cell}'
    yield ''


class ClientsDirective(Directive):
    """A table of clients."""

    def run(self) -> list[Any]:
        """Write the table, and parse it."""
        lines = statemachine.StringList()
        for number, line in enumerate(_table()):
            lines.append(line, 'osdbg.ide', number)
        node = nodes.container()
        self.state.nested_parse(lines, self.content_offset, node)
        return list(node.children)


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive('osdbg-clients', ClientsDirective)
    return {'parallel_read_safe': True}

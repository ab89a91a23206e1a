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

"""``.. osdbg-architecture::``: the levels, and who imports whom, as a picture.

Drawn from the table that ``tests/unit/test_architecture.py`` enforces and from
the imports that it finds. What follows from another arrow is left out.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from html import escape
from pathlib import Path
import sys
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

_ROOT = Path(__file__).parents[3]
_PACKAGE = _ROOT / 'osdbg'
_WIDTH, _ROW, _BOX, _GAP, _LETTER = 860, 58, 26, 14, 7.4
_STYLE = '''
text { font: 12px monospace; fill: #1d2733; text-anchor: middle }
rect { fill: #eef4fb; stroke: #2a6fb0; rx: 4 }
line { stroke: #9db4cc; stroke-width: 1 }
g:hover rect { fill: #ffe9b8 }
'''

Graph = dict[str, set[str]]


def _imports(levels: Any) -> Graph:
    """Return the rooms that each room names, itself left out."""
    graph: Graph = defaultdict(set)
    for path in levels.sources('osdbg'):
        room = path.relative_to(_PACKAGE).parts[0].partition('.')[0]
        for name in levels.imports(path):
            if name.startswith('osdbg.') and room in levels.RANK:
                other = name.split('.')[1]
                if levels.RANK[other] < levels.RANK[room]:
                    graph[room].add(other)
    return graph


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    left = list(graph[start])
    while left:
        room = left.pop()
        if room not in found:
            found.add(room)
            left += graph[room]
    return found


def _reduced(graph: Graph) -> Graph:
    """Leave out every arrow that a way over other rooms implies."""
    below = {room: _reachable(graph, room) for room in list(graph)}
    return {
        room: {
            other
            for other in others
            if not any(other in below.get(o, ()) for o in others)
        }
        for room, others in graph.items()
    }


def _purpose(room: str) -> str:
    path = _PACKAGE / f'{room}.py'
    path = path if path.exists() else _PACKAGE / room / '__init__.py'
    if not path.exists():
        return ''
    text = ast.get_docstring(ast.parse(path.read_text())) or ''
    return text.partition('\n')[0]


def _places(levels: Any) -> dict[str, tuple[float, float, float]]:
    """Return the middle, the top and the width of every room's box."""
    places = {}
    y = 10.0
    for rooms in reversed(levels.LEVELS):
        widths = [len(room) * _LETTER + 16 for room in rooms]
        x = (_WIDTH - sum(widths) - _GAP * (len(rooms) - 1)) / 2
        for room, width in zip(rooms, widths):
            places[room] = (x + width / 2, y, width)
            x += width + _GAP
        y += _ROW
    return places


def draw() -> str:
    """Return the picture."""
    sys.path.insert(0, str(_ROOT))
    from tests.unit import test_architecture as levels

    graph = _imports(levels)
    places = _places(levels)
    height = len(levels.LEVELS) * _ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="The levels of osdbg, and who imports whom" '
        f'viewBox="0 0 {_WIDTH} {height}"><style>{_STYLE}</style>'
    ]
    for room, others in sorted(_reduced(graph).items()):
        x, y, _ = places[room]
        for other in sorted(others):
            to_x, to_y, _ = places[other]
            parts.append(
                f'<line x1="{x:.0f}" y1="{y + _BOX:.0f}" x2="{to_x:.0f}" '
                f'y2="{to_y:.0f}"/>'
            )
    for room, (x, y, width) in places.items():
        about = f'{_purpose(room)} Imports: {", ".join(sorted(graph[room]))}'
        parts.append(
            f'<g><title>{escape(about)}</title>'
            f'<rect x="{x - width / 2:.0f}" y="{y:.0f}" width="{width:.0f}" '
            f'height="{_BOX}"/>'
            f'<text x="{x:.0f}" y="{y + 17:.0f}">{room}</text></g>'
        )
    return '\n'.join([*parts, '</svg>'])


class ArchitectureDirective(Directive):
    """The picture, inside the page, so that it answers to the mouse."""

    def run(self) -> list[Any]:
        """Draw it."""
        return [nodes.raw('', draw(), format='html')]


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive('osdbg-architecture', ArchitectureDirective)
    return {'parallel_read_safe': True}

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

"""What a terminal shows, as SVG."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

COLUMNS = 100
"""How wide a terminal is, in characters."""

# rich's own has its fonts brought from the network by every reader's browser.
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})"
    clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw(name: str, command: str, output: str) -> str:
    """Draw a terminal.

    :param name: a word that no other picture of a page has
    :param command: what was typed at the shell
    :param output: what a terminal received then, of which colours are shown
    """
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system='truecolor',
        highlight=False,
    )
    console.print(Text.assemble(('$ ', 'bold green'), (command, 'bold')))
    for line in Text.from_ansi(output.replace('\r\n', '\n')).split('\n'):
        # As a terminal does; rich would rather break between words.
        ends = range(COLUMNS, len(line), COLUMNS)
        for part in line.divide(ends):
            console.print(part, no_wrap=True)
    svg = console.export_svg(title='', code_format=_FORMAT, unique_id=name)
    return '\n'.join(line.rstrip() for line in svg.splitlines()) + '\n'

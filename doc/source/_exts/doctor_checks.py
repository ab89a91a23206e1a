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

"""``.. osdbg-doctor::``: what ``osdbg doctor`` may find, from its code."""

from __future__ import annotations

from collections.abc import Iterator
import textwrap
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils import statemachine
from osdbg import doctor
from osdbg.doctor import findings


def _lines() -> Iterator[str]:
    for family, checks in doctor.families():
        bad = [check for check in checks if check.level != findings.OK]
        if not bad:
            continue
        yield from (family.TITLE, '-' * len(family.TITLE), '')
        for check in bad:
            yield from _entry(check)


def _entry(check: findings.Check) -> Iterator[str]:
    yield f'.. _doctor-{check.name}:'
    yield ''
    yield f'``{check.name}`` ({check.level})'
    yield f'    **{_plain(check.blank(check.what))}**'
    yield ''
    yield f'    {_plain(check.blank(check.why))}'
    yield ''
    yield '    ::'
    yield ''
    for line in textwrap.wrap(
        check.blank(check.cure),
        72,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield f'        {line}'
    yield ''


def _plain(text: str) -> str:
    """Keep what is no markup from being taken for some."""
    for char in '\\*`|_':
        text = text.replace(char, f'\\{char}')
    return text


class DoctorDirective(Directive):
    """All that may be found, by families."""

    def run(self) -> list[Any]:
        """Write it, and parse it."""
        lines = statemachine.StringList()
        for line in _lines():
            lines.append(line, 'osdbg.doctor', 0)
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(
            lines, self.content_offset, node, match_titles=1
        )
        return list(node.children)


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive('osdbg-doctor', DoctorDirective)
    return {'parallel_read_safe': True}

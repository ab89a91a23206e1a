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

"""Stacks as people read them: like tracebacks, those that are alike once."""

from __future__ import annotations

import collections
from collections.abc import Iterator
import re
from typing import Any

from osdbg.cli import processes
from osdbg.cli import source_lines

Thread = dict[str, Any]
"""A thread, or a green thread, as ``unfold()`` has them."""

Line = tuple[str, str]
"""What a line is, which gives it its colour, and the line."""

# A call in a line of source code, and what may be called.
_CALL = re.compile(r'([A-Za-z_][\w.]*)\(')
_CALLED = re.compile(r'[A-Za-z_][\w.]*(\([^()]*\)[\w.]*)*')
_MOST_WAITS = 3
_MOST_NAMES = 3


def unfold(told: dict[str, Any]) -> dict[str, Any]:
    """Give each thread its frames, in the place of the number of its stack.

    :param told: by a process: see ``inspection.stacks``
    :returns: the same, with ``frames`` in each thread and green thread
    """
    names = ('file', 'line', 'function', 'instruction', 'columns')
    frames = [dict(zip(names, frame)) for frame in told['frames']]
    stacks = [[frames[n] for n in numbers] for numbers in told['stacks']]
    found = {**told}
    del found['frames'], found['stacks']
    for kind in ('threads', 'greenlets'):
        found[kind] = [
            {**each, 'frames': stacks[each['stack']]} for each in told[kind]
        ]
        for each in found[kind]:
            del each['stack']
    return found


class Text:
    """The stacks of one process."""

    def __init__(self, told: dict[str, Any], pid: int, whole: bool) -> None:
        """Prepare.

        :param told: what ``unfold()`` has returned, or a part of it
        :param pid: of the process
        :param whole: show those of osdbg and of a debugger and hubs that do
            nothing, too, and each alone
        """
        self._told = told
        self._whole = whole
        self._sources = source_lines.Sources(pid)
        self._names = {t['ident']: t['name'] for t in told['threads']}

    def lines(self) -> Iterator[Line]:
        """Make the lines, which a terminal will not obey."""
        for style, text in self._lines():
            yield style, processes.show(text)

    def _lines(self) -> Iterator[Line]:
        hidden = 0
        for kind in ('threads', 'greenlets'):
            groups: dict[Any, list[Thread]] = {}
            for number, each in enumerate(self._told[kind]):
                if self._is_idle(each):
                    hidden += 1
                    continue
                alone = number if self._whole else each.get('main')
                key = alone, id(each['frames']), each.get('thread')
                groups.setdefault(key, []).append(each)
            for group in groups.values():
                yield from self._block(group)
        if self._told['left_out']:
            yield '', f'{self._told["left_out"]} more green threads left out'
        if hidden:
            yield (
                'hidden',
                f'{hidden} not shown, of osdbg or idle: --all shows them',
            )

    def _is_idle(self, each: Thread) -> bool:
        if self._whole:
            return False
        if 'kind' in each:
            return bool(each['kind'] == 'hub')
        return bool(each['owner'] or (each['hub'] and each['waits']))

    def _block(self, group: list[Thread]) -> Iterator[Line]:
        yield 'title', self._title(group)
        first = group[0]
        if first['cut']:
            yield '', '  ... more calls, which are cut off'
        source = ''
        begin = 0 if self._whole else first['entry']
        for frame in first['frames'][begin:]:
            source = self._sources.line(frame['file'], frame['line'])
            yield (
                'place',
                f'  File "{frame["file"]}", line {frame["line"]}, in '
                f'{frame["function"]}',
            )
            if source:
                yield 'source', f'    {source.strip()}'
        for text in _state(group, source):
            yield 'waits', f'  {text}'
        yield '', ''

    def _title(self, group: list[Thread]) -> str:
        first, count = group[0], len(group)
        if 'kind' not in first:
            names = [str(t['name'] or t['ident']) for t in group]
            if count == 1:
                native = first['native_id']
                return f'thread {names[0]}{f" [{native}]" if native else ""}'
            more = count - _MOST_NAMES
            shown = ', '.join(names[:_MOST_NAMES])
            return f'{count} threads like this: {shown}' + (
                f' and {more} others' if more > 0 else ''
            )
        of = self._names.get(first['thread'])
        of = f' of {of}' if of else ''
        if first['kind'] == 'main':
            return f'main green thread{of}'
        function = first['frames'][first['entry']]['function']
        if count > 1:
            return f'{count} green threads like this{of}: {function}()'
        return f'green thread {first["name"] or first["id"]}{of}: {function}()'


def _state(group: list[Thread], source: str) -> Iterator[str]:
    """Say what threads that are at the same place wait for, or do.

    :param source: the innermost line of them
    """
    first = group[0]
    found = collections.Counter(t['waits'] for t in group if t['waits'])
    for text, count in found.most_common(_MOST_WAITS):
        times = f' ({count} of them)' if count > 1 and len(found) > 1 else ''
        yield f'waits for: {text}{times}'
    if len(found) > _MOST_WAITS:
        yield f'... and for {len(found) - _MOST_WAITS} others'
    if not found and first['frames']:
        called = _called(first['frames'][-1], source)
        if called is None:
            yield 'runs, or is in C'
        else:
            yield f'in C: {called}' if called else 'runs'
    used = [t['used'] for t in group if t.get('used')]
    if used:
        yield f'has used {sum(used):.2f} s of CPU meanwhile'


def _called(frame: dict[str, Any], source: str) -> str | None:
    """Return what a frame calls; empty if nothing, None if it is unknown.

    :param source: its line
    """
    if source.lstrip().startswith('with '):
        return source.strip().rstrip(':')
    if frame['columns'] and source:
        start, end = frame['columns']
        piece = source.encode()[start:end].decode(errors='replace')
        return _callee(piece)
    # Up to Python 3.10 it is only known which line it is at.
    if not source or source.count('(') > 1:
        return None
    match = _CALL.search(source)
    return match[1] if match else ''


def _callee(piece: str) -> str:
    """Return what an expression calls, if it is a call."""
    depth = 0
    for place in reversed(range(len(piece) if piece.endswith(')') else 0)):
        depth += {')': 1, '(': -1}.get(piece[place], 0)
        if depth == 0:
            called = piece[:place]
            return called if _CALLED.fullmatch(called) else ''
    return ''

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

"""JSON with comments, edited in place.

It is what VS Code, Zed and vimspector take for JSON: with ``//`` and ``/* */``
and commas after the last item. What is not edited stays as it is, character
by character, and what they would refuse is refused.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from osdbg.ide import base

_BLANK = re.compile(r'(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)+', re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r'[-\w.+]+')
_INDENT = re.compile(r'^([ \t]+)["{\[]', re.MULTILINE)
_SPACE = ' \t\r\n'
_BOM = '\ufeff'
_MAX_DEPTH = 100
_DEFAULT_UNIT = '    '


@dataclasses.dataclass
class _Node:
    """A value, and where it is written."""

    start: int
    end: int
    value: Any
    members: dict[str, _Node] = dataclasses.field(default_factory=dict)
    items: list[_Node] = dataclasses.field(default_factory=list)
    last: int = 0
    """Where the last thing in it ends."""

    comma: bool = False
    """Whether a comma follows that."""


def put_item(text: str, array: str, key: str, item: dict[str, Any]) -> str:
    """Put an object into an array, in place of the one of the same name.

    :param text: a file
    :param array: the member of the outermost object that is the array, which
        is made if there is none; empty if the outermost value is the array
    :param key: what holds the name of an item
    :returns: the file; the same if the object is there
    :raises: Broken
    """
    text, node = _container(text, array, [])
    for found in node.items:
        if isinstance(found.value, dict) and found.value.get(key) == item[key]:
            return _replaced(text, found, item)
    return _appended(text, node, '', item)


def put_member(text: str, member: str, name: str, value: Any) -> str:
    """Put a value into an object, in place of the one of the same name.

    :param text: a file
    :param member: the member of the outermost object that is the object,
        which is made if there is none; empty for the outermost one
    :param name: of the value
    :returns: the file; the same if the value is there
    :raises: Broken
    """
    text, node = _container(text, member, {})
    if name in node.members:
        return _replaced(text, node.members[name], value)
    return _appended(text, node, f'{_dump(name)}: ', value)


def read(text: str) -> Any:
    """Return what a file says.

    :raises: Broken
    """
    return _Reader(text).read().value


def _container(text: str, member: str, empty: Any) -> tuple[str, _Node]:
    node = _Reader(text).read()
    if member:
        _expect(text, node, {}, 'what is outermost')
        if member not in node.members:
            text = _appended(text, node, f'{_dump(member)}: ', empty)
            node = _Reader(text).read()
        node = node.members[member]
    _expect(
        text, node, empty, f'"{member}"' if member else 'what is outermost'
    )
    return text, node


def _expect(text: str, node: _Node, empty: Any, what: str) -> None:
    if not isinstance(node.value, type(empty)):
        kind = {'list': 'array', 'dict': 'object'}[type(empty).__name__]
        raise base.Broken(_line(text, node.start), f'{what} is no {kind}')


def _replaced(text: str, node: _Node, value: Any) -> str:
    if _dump(node.value) == _dump(value):
        return text
    new = _laid_out(text, value, _indent_at(text, node.start))
    return text[: node.start] + new + text[node.end :]


def _appended(text: str, node: _Node, label: str, value: Any) -> str:
    eol = _eol(text)
    outer = _indent_at(text, node.start)
    inner = outer + _unit(text)
    start, close = node.last, node.end - 1
    children = [*node.items, *node.members.values()]
    if children:
        last = max(children, key=lambda child: child.start)
        if '\n' in text[node.start : last.start]:
            inner = _indent_at(text, last.start)
    # Comments that follow the last item stay with it.
    end = start + len(text[start:close].rstrip(_SPACE))
    comma = ',' if children and not node.comma else ''
    new = f'{eol}{inner}{label}{_laid_out(text, value, inner)}'
    new += ',' if node.comma else ''
    rest = text[end:close] if '\n' in text[end:close] else eol + outer
    return text[:start] + comma + text[start:end] + new + rest + text[close:]


def _laid_out(text: str, value: Any, indent: str) -> str:
    laid_out = json.dumps(value, indent=_unit(text), ensure_ascii=False)
    return laid_out.replace('\n', _eol(text) + indent)


def _dump(value: Any) -> str:
    # 0 and False are equal for Python, and different for others.
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _eol(text: str) -> str:
    return '\r\n' if '\r\n' in text else '\n'


def _unit(text: str) -> str:
    found = _INDENT.search(text)
    return found[1] if found else _DEFAULT_UNIT


def _indent_at(text: str, position: int) -> str:
    """Return what the line of a position begins with."""
    line = text[text.rfind('\n', 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(' \t'))]


def _line(text: str, position: int) -> int:
    return text.count('\n', 0, position) + 1


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN, which is no JSON


class _Reader:
    """Reads a text, and keeps where everything is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = len(_BOM) if text.startswith(_BOM) else 0
        self._depth = 0

    def read(self) -> _Node:
        self._skip()
        node = self._value()
        self._skip()
        if self._at < len(self._text):
            raise self._broken(f'nothing may follow, found {self._next()}')
        return node

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        if blank:
            self._at = blank.end()

    def _broken(self, what: str) -> base.Broken:
        return base.Broken(_line(self._text, self._at), what)

    def _next(self) -> str:
        char = self._text[self._at : self._at + 1]
        return repr(char) if char else 'the end of the file'

    def _value(self) -> _Node:
        char = self._text[self._at : self._at + 1]
        if char and char in '{[':
            return self._nested('}' if char == '{' else ']')
        return self._plain(_STRING if char == '"' else _WORD)

    def _plain(self, pattern: re.Pattern[str]) -> _Node:
        found = pattern.match(self._text, self._at)
        written = found[0] if found else ''
        try:
            value = json.loads(written, parse_constant=_refuse)
        except ValueError:
            raise self._broken(
                f'a value is expected, found {self._next()}'
            ) from None
        start, self._at = self._at, self._at + len(written)
        return _Node(start, self._at, value)

    def _nested(self, close: str) -> _Node:
        node = _Node(self._at, 0, {} if close == '}' else [])
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._broken('it is nested too deeply')
        self._at += 1
        node.last = self._at
        self._skip()
        while not self._text.startswith(close, self._at):
            if node.last > node.start + 1 and not node.comma:
                raise self._broken(
                    f'"," or "{close}" is expected, found {self._next()}'
                )
            self._add(node, close)
        self._at += 1
        self._depth -= 1
        node.end = self._at
        return node

    def _add(self, node: _Node, close: str) -> None:
        name = self._name() if close == '}' else ''
        child = self._value()
        if close == '}':
            node.members[name] = child
            node.value[name] = child.value
        else:
            node.items.append(child)
            node.value.append(child.value)
        node.last = self._at
        self._skip()
        node.comma = self._text.startswith(',', self._at)
        if node.comma:
            self._at += 1
            self._skip()

    def _name(self) -> str:
        if not self._text.startswith('"', self._at):
            raise self._broken(
                f'a name in quotes is expected, found {self._next()}'
            )
        name: str = self._plain(_STRING).value
        self._skip()
        if not self._text.startswith(':', self._at):
            raise self._broken(f'":" is expected, found {self._next()}')
        self._at += 1
        self._skip()
        return name

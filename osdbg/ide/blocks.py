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

"""Blocks of our own in a text file of somebody else's."""

from __future__ import annotations

from osdbg.ide import base


def put(text: str, comment: str, name: str, body: str) -> str:
    """Put lines into a file, in place of those of the same name.

    :param text: a file
    :param comment: what its comments begin with
    :param name: of the block
    :param body: its lines, each with its end
    :returns: the file; the same if the block is there
    :raises: Broken if a block of this name has no end
    """
    eol = '\r\n' if '\r\n' in text else '\n'
    begin, end = f'{comment} {name}: begin', f'{comment} {name}: end'
    block = f'{begin}\n{body}{end}\n'.replace('\n', eol)
    lines = text.splitlines(keepends=True)
    bare = [line.strip() for line in lines]
    if begin not in bare:
        if text and not text.endswith('\n'):
            text += eol
        return text + (eol if text else '') + block
    first = bare.index(begin)
    if end not in bare[first:]:
        raise base.Broken(first + 1, f'this block has no line "{end}"')
    after = bare.index(end, first) + 1
    return ''.join([*lines[:first], block, *lines[after:]])


def others(text: str, comment: str, name: str) -> str:
    """Return a file without the block of a name, or as it is."""
    begin, end = f'{comment} {name}: begin', f'{comment} {name}: end'
    before, _, rest = text.partition(begin)
    return before + rest.partition(end)[2] if rest else text

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

"""Whatever a launch.json holds: only our item in it changes."""

import json
import re
import unittest

import hypothesis
from hypothesis import strategies

from osdbg.ide import base
from osdbg.ide import jsonc
from tests.fuzz import profiles
from tests.unit.ide.test_jsonc import ITEM
from tests.unit.ide.test_jsonc import put
from tests.unit.ide.test_jsonc import without_comments

values = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(10**9), 10**9)
    | strategies.text(max_size=8)
    | strategies.sampled_from(('// no', '/* no */', 'a"b', '\\', '\u2028')),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(
            strategies.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=8,
)
blanks = strategies.lists(
    strategies.sampled_from(
        (' ', '\t', '\n', '\r\n', '// c "\n', '/* c ]} */', '/**/', '//\n')
    ),
    max_size=3,
).map(''.join)


@strategies.composite
def written(draw, value):
    """Write a value with blanks, comments and commas wherever they may be."""
    blank = draw(blanks)
    if isinstance(value, dict):
        parts = [
            f'{json.dumps(k)}{draw(blanks)}:{draw(written(v))}'
            for k, v in value.items()
        ]
        opened, closed = '{}'
    elif isinstance(value, list):
        parts = [draw(written(v)) for v in value]
        opened, closed = '[]'
    else:
        ascii_only = draw(strategies.booleans())
        return (
            blank + json.dumps(value, ensure_ascii=ascii_only) + draw(blanks)
        )
    inside = ','.join(draw(blanks) + part for part in parts)
    if parts and draw(strategies.booleans()):
        inside += ',' + draw(blanks)
    return f'{blank}{opened}{inside or draw(blanks)}{closed}{draw(blanks)}'


def comments(text):
    return re.findall(
        r'"(?:[^"\\]|\\.)*"|(//[^\r\n]*|/\*.*?\*/)', text, flags=re.DOTALL
    )


class AnythingTest(unittest.TestCase):
    @profiles.for_text
    @hypothesis.given(strategies.data())
    def test_only_the_item_changes(self, data):
        value = data.draw(
            strategies.dictionaries(strategies.text(max_size=3), values)
        )
        items = data.draw(strategies.lists(values, max_size=3))
        value['configurations'] = items
        text = data.draw(written(value))
        self.assertEqual(value, jsonc.read(text))
        done = put(text)
        expected = [i for i in items if i != ITEM]
        self.assertEqual([*expected, ITEM], jsonc.read(done)['configurations'])
        for name in value.keys() - {'configurations'}:
            self.assertEqual(value[name], jsonc.read(done)[name])
        self.assertEqual(
            list(filter(None, comments(text))),
            list(filter(None, comments(done))),
        )
        self.assertEqual(done, put(done))

    @profiles.for_text
    @hypothesis.given(
        strategies.text(alphabet='{}[],:"\\/*1truefals n\n\t', max_size=40)
    )
    def test_no_text_surprises_it(self, text):
        try:
            told = jsonc.read(text)
        except base.Broken:
            return
        plain = re.sub(r',(\s*[}\]])', r'\1', without_comments(text))
        self.assertEqual(json.loads(plain), told)

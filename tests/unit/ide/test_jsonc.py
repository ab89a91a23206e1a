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

"""What is edited, and what is not."""

import json
import re
import unittest

from osdbg.ide import base
from osdbg.ide import jsonc

# As VS Code makes one, and people go on.
LAUNCH = '''\
{
\t// Use IntelliSense to learn about possible attributes.
\t"version": "0.2.0", /* of the format */
\t"configurations": [
\t\t{
\t\t\t"name": "Mine", // not yours
\t\t\t"args": ["--flag", "a//b", "/* no */"],
\t\t}, // the last one
\t\t// nothing after it
\t],
}
'''
ITEM = {'name': 'osdbg: api', 'connect': {'port': 5678}, 'on': False}
BROKEN = (
    ('{\n"a": 1,\n"b" 2}', 3, '":" is expected'),
    ('{\n"a": 1\n"b": 2}', 3, '"," or "}" is expected'),
    ('[1\n2]', 2, '"," or "]" is expected'),
    ('{\n"a": tru}', 2, 'a value is expected'),
    ('{"a": NaN}', 1, 'a value is expected'),
    ('{"a": "x\ny"}', 1, 'a value is expected'),
    ('{"a": [1,\n,]}', 2, 'a value is expected'),
    ("{'a': 1}", 1, 'a name in quotes is expected'),
    ('{"a": 1}\n\n}', 3, 'nothing may follow'),
    ('{"a": 1} /* open', 1, 'nothing may follow'),
    ('// only this\n', 2, "found the end of the file"),
    ('{"a": [\n', 2, "found the end of the file"),
    ('[' * 5000, 1, 'nested too deeply'),
    ('{"configurations":\n{}}', 2, '"configurations" is no array'),
    ('[]', 1, 'what is outermost is no object'),
)


def put(text):
    return jsonc.put_item(text, 'configurations', 'name', ITEM)


def without_comments(text):
    return re.sub(
        r'("(?:[^"\\]|\\.)*")|//[^\r\n]*|/\*.*?\*/',
        lambda found: found[1] or '',
        text,
        flags=re.DOTALL,
    )


class PutItemTest(unittest.TestCase):
    def test_nothing_else_changes(self):
        done = put(LAUNCH)
        added = '''\
\t\t{
\t\t\t"name": "osdbg: api",
\t\t\t"connect": {
\t\t\t\t"port": 5678
\t\t\t},
\t\t\t"on": false
\t\t},
'''
        at = LAUNCH.index('\t],\n')
        self.assertEqual(LAUNCH[:at] + added + LAUNCH[at:], done)

    def test_twice_is_once(self):
        self.assertEqual(put(LAUNCH), put(put(LAUNCH)))

    def test_the_same_name_is_replaced(self):
        before = '{"configurations": [{"name": "osdbg: api", "x": 1}, 2 ] }'
        done = put(before)
        self.assertEqual([ITEM, 2], jsonc.read(done)['configurations'])
        self.assertTrue(done.endswith(', 2 ] }'))

    def test_false_is_not_0(self):
        before = put('{"configurations": []}').replace('false', '0')
        self.assertIn('false', put(before))

    def test_another_order_is_the_same(self):
        text = (
            '{"configurations": [{"on": false, "connect": {"port": 5678}, '
            '"name": "osdbg: api"}]}'
        )
        self.assertEqual(text, put(text))

    def test_a_comma_where_there_is_none(self):
        for text in (
            '{"configurations": [{"name": "a"} // mine\n]}',
            '{"configurations": [{"name": "a"}]}',
            '{\n  "x": 1\n}',
            '{}',
            '{ // empty\n}',
            '{"configurations": [/* none */]}',
        ):
            with self.subTest(text):
                done = put(text)
                told = json.loads(without_comments(done))
                self.assertEqual(ITEM, told['configurations'][-1])
                for comment in re.findall(r'//.*|/\*.*?\*/', text):
                    self.assertIn(comment, done)

    def test_lines_end_as_before(self):
        done = put(LAUNCH.replace('\n', '\r\n'))
        self.assertEqual(done.count('\n'), done.count('\r\n'))
        self.assertEqual(put(LAUNCH), done.replace('\r\n', '\n'))

    def test_a_mark_of_the_byte_order_stays(self):
        self.assertEqual('\ufeff' + put(LAUNCH), put('\ufeff' + LAUNCH))

    def test_outermost(self):
        done = jsonc.put_item('[\n]\n', '', 'name', {'name': 'é'})
        self.assertEqual('[\n    {\n        "name": "é"\n    }\n]\n', done)

    def test_the_last_of_two_counts(self):
        done = put('{"configurations": [1], "configurations": [2]}')
        self.assertIn('[1]', done)
        self.assertEqual([2, ITEM], jsonc.read(done)['configurations'])


class PutMemberTest(unittest.TestCase):
    def test_added_and_replaced(self):
        text = '{\n  "configurations": {\n    "a": 1 // one\n  }\n}\n'
        done = jsonc.put_member(text, 'configurations', 'b', [True])
        self.assertIn('"a": 1, // one\n    "b": [\n      true\n    ]\n', done)
        again = jsonc.put_member(done, 'configurations', 'a', 2)
        self.assertEqual(done.replace('1, //', '2, //'), again)


class BrokenTest(unittest.TestCase):
    def test_where_and_what(self):
        for text, line, what in BROKEN:
            with self.subTest(text[:30]):
                with self.assertRaises(base.Broken) as caught:
                    put(text)
                self.assertEqual(line, caught.exception.line)
                self.assertIn(what, str(caught.exception))

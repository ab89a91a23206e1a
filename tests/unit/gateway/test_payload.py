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

import unittest

from osdbg.gateway import payload

FINE = {
    b'{"a":1}': {'a': 1},
    b'{"a":1,"a":2}': {'a': 2},
    b'{"a":"\\ud800"}': {'a': '\ud800'},
    b'{"a":-1.5e300}': {'a': -1.5e300},
}
REFUSED = (
    b'[]',
    b'"a"',
    b'{',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e999}',
    b'{"a":-1e999}',
    b'{"a":0.%s}' % (b'1' * 1_000_000),
    b'{"a":%s}' % (b'1' * 1_000_000),
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    '{"a":1}'.encode('utf-16'),
    b'{"a":%s1%s}' % (b'[' * payload.MAX_DEPTH, b']' * payload.MAX_DEPTH),
    b'{"a":' * 5000 + b'1' + b'}' * 5000,
    b'[' * 100_000,
    b'{"a":[%s0]}' % (b'0,' * 1000),
    b'{"a":[%s0]}' % (b'{},' * 500),
)


class TestPayload(unittest.TestCase):
    def test_fine(self):
        for data, wanted in FINE.items():
            with self.subTest(data):
                self.assertEqual(wanted, payload.decode(data, 1000))

    def test_refused(self):
        for data in REFUSED:
            with self.subTest(data[:30]):
                with self.assertRaises(ValueError) as caught:
                    payload.decode(data, 1000)
                self.assertLess(len(str(caught.exception)), 200)

    def test_depth(self):
        most = payload.MAX_DEPTH - 1
        data = b'{"a":%s%s}' % (b'[' * most, b']' * most)
        again = payload.encode(payload.decode(data, 1000))
        self.assertEqual(data, again)

    def test_nothing_is_written_that_others_refuse(self):
        for number in (float('nan'), float('inf')):
            with self.assertRaises(ValueError):
                payload.encode({'a': number})

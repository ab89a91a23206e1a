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

"""All that reads what others have written, each alone."""

import asyncio
import json
import math
import unittest

from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from osdbg import addresses
from osdbg import exceptions
from osdbg.gateway import call
from osdbg.gateway import dap
from osdbg.gateway import protocol
from osdbg.gateway import side as side_
from osdbg.gateway import words
from osdbg.gateway import worker
from osdbg import option_table
from osdbg import settings
from osdbg import values
from tests.fuzz.gateway_case import frame
from tests.fuzz import messages
from tests.fuzz import profiles
from tests.unit.gateway.parts import hello_of

BIG = b'9' * 100_000


async def read_all(data, cuts=()):
    """Read what comes in pieces; return the messages, and the error."""
    reader = asyncio.StreamReader(limit=dap.MAX_HEADER)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[a:b] for a, b in zip(places, places[1:])]
    found = []

    async def feed():
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)
        reader.feed_eof()

    feeding = asyncio.ensure_future(feed())
    try:
        while True:
            message = await dap.read(reader, dap.STRANGER)
            if message is None:
                return found, ''
            found.append(message)
    except dap.ProtocolError as exc:
        return found, str(exc)
    finally:
        await feeding


def read(data, cuts=()):
    return asyncio.run(read_all(data, cuts))


class DapTest(unittest.TestCase):
    @given(st.lists(messages.strange, max_size=4), st.lists(st.integers(0)))
    def test_what_was_written_is_read(self, wanted, cuts):
        data = b''.join(map(dap.encode, wanted))
        self.assertEqual((wanted, ''), read(data, cuts))

    @given(messages.mangled(messages.frames), st.lists(st.integers(0)))
    @example(b'Content-Length: %d\r\n\r\n{"a":%s}' % (len(BIG) + 6, BIG), [])
    def test_anything_is_read_or_refused(self, data, cuts):
        found, error = read(data, cuts)
        self.assertEqual((found, error), read(data))
        self.assert_fine(found, error)

    @given(st.binary(max_size=300).map(frame))
    @example(frame(b'{"a":1e999}'))
    @example(frame(b'{"a":NaN}'))
    @example(frame(b'{"a":-Infinity}'))
    @example(frame(b'{"a":%s}' % BIG[:5000]))
    @example(frame(b'{"a":"\xed\xa0\x80"}'))
    @example(frame(b'{"a":"\\ud800"}'))
    @example(frame(b'{"a":1,"a":2}'))
    @example(frame(b'{"a":%s}' % (b'[' * 900 + b']' * 900)))
    @example(frame(b'\xff\xfe{\0}\0'))
    def test_any_body(self, data):
        self.assert_fine(*read(data))

    def test_seeds(self):
        for name, data in profiles.seeds('dap').items():
            with self.subTest(name):
                self.assert_fine(*read(data, range(0, len(data), 7)))

    def assert_fine(self, found, error):
        self.assertLess(len(error), 500)
        self.assertTrue(error.isprintable())
        for message in found:
            # It can be passed on, as others read it too.
            body = dap.encode(message).partition(b'\r\n\r\n')[2]
            self.assertEqual(message, json.loads(body, parse_constant=len))


class ControlTest(unittest.TestCase):
    @given(messages.mangled(messages.lines))
    def test_any_line(self, data):
        for line in data.splitlines(keepends=True):
            self.decode(line)

    def test_seeds(self):
        for name, data in profiles.seeds('control').items():
            with self.subTest(name):
                for line in data.splitlines(keepends=True):
                    self.decode(line)

    def decode(self, line):
        try:
            message = protocol.decode(line)
        except ValueError as exc:
            self.assertLess(len(str(exc)), 500)
        else:
            self.assertEqual(
                message, protocol.decode(protocol.encode(message))
            )

    @given(
        st.dictionaries(st.sampled_from(sorted(hello_of())), messages.values)
    )
    @example({'host': '127.0.0.' + '9' * 5000})
    @example({'host': '\ud800'})
    @example({'backend': '\x1b[2J'})
    @example({'workers': '1' * 5000})
    def test_any_hello(self, changed):
        asyncio.run(self.greet(changed))

    async def greet(self, changed):
        hello = {**hello_of(port=5678), **changed}
        try:
            agent = worker.Worker(hello, None)
        except (KeyError, TypeError, ValueError):
            return
        shown = [value for value in agent.describe().values() if value]
        self.assertTrue(f'{agent.title}{shown}'.isprintable())
        addresses.is_loopback(agent.host)
        agent.number = 0
        self.assertIsInstance(agent.wanted, bool)


class WordsTest(unittest.TestCase):
    @given(messages.texts, st.integers(4, 30))
    def test_what_is_shown_is_short_and_printable(self, text, most):
        shown = words.quote(text, most)
        self.assertLessEqual(len(shown), most)
        self.assertTrue(shown.isprintable())
        shown.encode()
        self.assertEqual(shown, words.quote(shown, most))


class ValuesTest(unittest.TestCase):
    @given(
        st.sampled_from(option_table.SETTINGS),
        messages.texts | st.text('0123456789.,-=e_ ', max_size=30),
    )
    @example(option_table.SETTINGS[1], '9' * 5000)
    @example(option_table.SETTINGS[1], '\u0665')
    def test_any_value_is_one_or_refused(self, setting, text):
        try:
            value = settings.parse(setting, text, 'a test')
        except exceptions.InvalidOption as exc:
            self.assertIn(setting.name, str(exc))
            return
        if setting.kind == values.SECONDS:
            self.assertTrue(math.isfinite(value) and value >= 0)
        again = settings.parse(setting, settings.as_text(value), 'a test')
        self.assertEqual(value, again)


class FirstLineTest(unittest.TestCase):
    """What tells a terminal, or an IDE, from a browser."""

    @given(st.lists(st.binary(max_size=40), max_size=4))
    @example([b'GET / HT', b'TP/1.1\r\n'])
    @example([b'\x16', b'\x03\x01'])
    def test_terminals(self, pieces):
        asyncio.run(self.listen(pieces))

    async def listen(self, pieces):
        side = side_.Side(None, None)
        for piece in pieces:
            side._early += piece
            side._examine()
        line, newline, _ = b''.join(pieces).partition(b'\n')
        if side._examined:
            self.assertTrue(newline)
        if not side.gone:
            self.assertNotIn(b'\0', line)
            self.assertNotRegex(line, side_._REQUEST)

    @given(st.binary(max_size=40) | st.from_regex(call._PYDEVD_LINE))
    def test_pydevd(self, line):
        found = call._PYDEVD_LINE.match(line)
        if found:
            command, seq, _ = line.split(b'\t', 2)
            self.assertTrue(command.isdigit() and int(seq) is not None)

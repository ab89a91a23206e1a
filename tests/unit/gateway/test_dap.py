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

"""Frames: what is understood, what is refused, and where it ends."""

import asyncio
import json
import unittest

from osdbg.gateway import dap
from tests.unit.gateway.parts import streams

REFUSED = {
    'garbage': b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST': b'POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}',
    'more fields': b'Host: localhost\r\nContent-Length: 2\r\n\r\n{}',
    'no length': b'Content-Type: json\r\n\r\n{}',
    'empty length': b'Content-Length:\r\n\r\n{}',
    'negative length': b'Content-Length: -2\r\n\r\n{}',
    'length in words': b'Content-Length: two\r\n\r\n{}',
    'length in Arabic': 'Content-Length: ٢\r\n\r\n{}'.encode(),
    'huge length': b'Content-Length: %d\r\n\r\n' % (dap.DEBUGGER.body + 1),
    'length of a galaxy': b'Content-Length: %s\r\n\r\n' % (b'9' * 4000),
    'long header': b'X: %s\r\nContent-Length: 2\r\n\r\n{}'
    % (b'x' * dap.MAX_HEADER),
    'endless header': b'x' * (4 * dap.MAX_HEADER),
    'no JSON': b'Content-Length: 2\r\n\r\n{,',
    'no object': b'Content-Length: 2\r\n\r\n[]',
    'invalid UTF-8': b'Content-Length: 9\r\n\r\n{"a":"\xff"}',
    'deep': b'Content-Length: 200000\r\n\r\n' + b'[' * 200000,
}


async def read(data, times=1):
    """Read from a stream that ends after ``data``."""
    reader = asyncio.StreamReader(limit=dap.MAX_HEADER)
    reader.feed_data(data)
    reader.feed_eof()
    return [await dap.read(reader) for _ in range(times)]


class TestRead(unittest.IsolatedAsyncioTestCase):
    async def test_what_encode_wrote(self):
        messages = [
            {},
            {'a': [1, None, {'b': 'ü\ud800\0'}]},
            {'c': 'x' * 9999},
        ]
        data = b''.join(map(dap.encode, messages))
        self.assertEqual([*messages, None], await read(data, 4))

    async def test_other_header_fields(self):
        data = b'Content-Type: json\r\ncontent-LENGTH :  2 \r\n\r\n{}'
        self.assertEqual([{}], await read(data))

    async def test_byte_by_byte(self):
        reader = asyncio.StreamReader(limit=dap.MAX_HEADER)
        task = asyncio.ensure_future(dap.read(reader))
        for byte in dap.encode({'a': 1}):
            self.assertFalse(task.done())
            reader.feed_data(bytes([byte]))
            await asyncio.sleep(0)
        self.assertEqual({'a': 1}, await task)

    async def test_half_a_message_is_the_end(self):
        whole = dap.encode({'a': 1})
        for length in range(len(whole)):
            self.assertEqual([None], await read(whole[:length]))

    async def test_limit(self):
        reader = asyncio.StreamReader()
        reader.feed_data(b'Content-Length: 9\r\n\r\n')
        with self.assertRaisesRegex(dap.ProtocolError, 'at most 8'):
            await dap.read(reader, dap.STRANGER._replace(body=8))

    async def test_refused(self):
        for name, data in REFUSED.items():
            with self.subTest(name):
                with self.assertRaises(dap.ProtocolError) as caught:
                    await read(data)
                self.assertLess(len(str(caught.exception)), 300)


class TestPeer(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        reader, writer, self.reader, self.writer = await streams()
        self.peer = dap.Peer(reader, writer)
        self.handled = []
        self.peer.handle = self.handled.append
        self.task = asyncio.ensure_future(self.peer.run())

    async def asyncTearDown(self):
        self.writer.close()
        await asyncio.gather(self.task, return_exceptions=True)
        self.peer.close()

    def write(self, **message):
        self.writer.write(dap.encode(message))

    async def test_numbers_its_own_messages(self):
        self.peer.event('one')
        self.peer.forward({'type': 'event', 'event': 'two', 'seq': 99})
        self.peer.relay(
            {'seq': 7, 'command': 'c'}, {'success': True, 'seq': 99}
        )
        found = [await dap.read(self.reader) for _ in range(3)]
        self.assertEqual([1, 2, 3], [message['seq'] for message in found])
        self.assertEqual(
            (7, 'c'), (found[2]['request_seq'], found[2]['command'])
        )

    async def test_answers_in_the_order_they_come(self):
        order = []
        for name in ('a', 'b', 'c'):
            self.peer.request(
                name, None, lambda answer: order.append(answer['body'])
            )
        for seq in (2, 3, 1):
            self.write(type='response', request_seq=seq, body=seq)
        self.write(type='event', event='last')
        while not self.handled:
            await asyncio.sleep(0)
        self.assertEqual([2, 3, 1], order)

    async def test_strange_answers_are_ignored(self):
        for seq in (None, 'x', [], {}, 5, 1.5):
            self.write(type='response', request_seq=seq)
        self.write(type='event', event='last')
        self.writer.write_eof()
        await self.task
        self.assertEqual(['last'], [m['event'] for m in self.handled])

    async def test_ask(self):
        asked = asyncio.ensure_future(self.peer.ask('hello', {'a': 1}, 9))
        request = await dap.read(self.reader)
        self.assertEqual(
            ('hello', {'a': 1}), (request['command'], request['arguments'])
        )
        self.write(type='response', request_seq=1, success=True, body='hi')
        self.assertEqual('hi', (await asked)['body'])

    async def test_ask_gives_up(self):
        self.assertIs(dap.GONE, await self.peer.ask('hello', None, 0.01))

    async def test_nobody_waits_for_one_who_is_gone(self):
        asked = asyncio.ensure_future(self.peer.ask('hello', None, 30))
        await dap.read(self.reader)
        self.writer.close()
        self.assertIs(dap.GONE, await asked)
        await self.task
        self.assertTrue(self.peer.closed)
        self.assertIs(dap.GONE, await self.peer.ask('again', None, 30))

    async def test_nobody_waits_for_one_who_talks_nonsense(self):
        asked = asyncio.ensure_future(self.peer.ask('hello', None, 30))
        await dap.read(self.reader)
        self.writer.write(REFUSED['garbage'])
        self.assertIs(dap.GONE, await asked)
        with self.assertRaises(dap.ProtocolError):
            await self.task

    async def test_refusal_is_shown_by_clients(self):
        self.peer.refuse({'seq': 3, 'command': 'launch'}, 'because {x}')
        found = await dap.read(self.reader)
        error = found['body']['error']
        self.assertFalse(found['success'])
        self.assertEqual('because {x}', found['message'])
        self.assertTrue(error['showUser'])
        self.assertEqual('{reason}', error['format'])
        self.assertEqual({'reason': 'because {x}'}, error['variables'])

    async def test_relay_keeps_the_body(self):
        for response in (
            {'success': True, 'body': {'a': [1]}},
            {'success': False, 'message': 'no', 'body': None},
            {'success': True},
        ):
            self.peer.relay({'seq': 1, 'command': 'c'}, response)
            found = await dap.read(self.reader)
            self.assertLessEqual(response.items(), found.items())
            self.assertEqual('body' in response, 'body' in found)

    async def test_encode_is_compact_and_counts_bytes(self):
        head, _, body = dap.encode({'a': 'ü'}).partition(b'\r\n\r\n')
        self.assertEqual(b'Content-Length: %d' % len(body), head)
        self.assertEqual({'a': 'ü'}, json.loads(body))

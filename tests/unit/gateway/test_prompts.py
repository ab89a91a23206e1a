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

"""Threads that have stopped and terminals, over real sockets."""

import asyncio
import json
import os
import socket
import unittest

from osdbg.gateway import guard
from osdbg.gateway import peers
from osdbg.gateway import prompts
from osdbg.gateway import side
from tests.unit.gateway.parts import SECONDS
from tests.unit.gateway.parts import until


class End:
    """The far end of a connection that the gateway serves."""

    def __init__(self, reader, writer, task):
        self.reader = reader
        self.writer = writer
        self.task = task

    def send(self, data):
        self.writer.write(data)

    async def line(self):
        return await asyncio.wait_for(self.reader.readline(), SECONDS)

    async def rest(self):
        return await asyncio.wait_for(self.reader.read(), SECONDS)

    async def done(self):
        """Wait until the gateway has ended its part."""
        await asyncio.wait_for(asyncio.shield(self.task), SECONDS)


class PromptsTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.addCleanup(
            setattr, prompts, '_SUSPECT_SECONDS', prompts._SUSPECT_SECONDS
        )
        prompts._SUSPECT_SECONDS = 0.05
        self.prompts = prompts.Prompts('api')
        self.ends = []
        self.guards = {}
        self.veto = ''
        self.audit = []

    async def asyncTearDown(self):
        self.prompts.close()
        for end in self.ends:
            end.writer.close()
        tasks = {end.task for end in self.ends}
        if tasks:
            done, pending = await asyncio.wait(tasks, timeout=SECONDS)
            self.assertEqual(set(), pending)
            for task in done:
                self.assertIsNone(task.exception())
        self.assertEqual(
            (0, 0, 0),
            (
                len(self.prompts._prompts),
                len(self.prompts._clients),
                len(self.prompts._sessions),
            ),
        )

    def guard(self, worker):
        """Return the guard of a worker, whose agent answers at once."""

        def send(admit=None, audit=None):
            if admit is not None and self.veto is not None:
                loop.call_soon(made.answered, admit[0], self.veto)
            if audit is not None:
                self.audit.append(audit[1])

        loop = asyncio.get_running_loop()
        made = guard.Guard(os.geteuid(), [], False, send)
        return self.guards.setdefault(worker, made)

    async def connect(self, serve):
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        served = await asyncio.open_connection(sock=theirs)
        task = asyncio.ensure_future(serve(*served))
        end = End(reader, writer, task)
        self.ends.append(end)
        return end

    async def prompt(self, title='api.py:12', seconds=0, worker='one'):
        count = len(self.prompts._prompts)

        def serve(reader, writer):
            return self.prompts.serve_prompt(
                self.guard(worker), title, seconds, reader, writer
            )

        end = await self.connect(serve)
        await until(
            lambda: (
                len(self.prompts._prompts) > count
                or len(self.prompts._sessions)
                or end.task.done()
            )
        )
        return end

    async def client(self, typed=b'', uid=None):
        uid = os.geteuid() if uid is None else uid

        def serve(reader, writer):
            peer = peers.Peer('unix:', uid)
            return self.prompts.serve_client(peer, reader, writer)

        end = await self.connect(serve)
        end.send(typed)
        return end

    async def waiting_client(self, typed=b''):
        count = len(self.prompts._clients)
        client = await self.client(typed)
        await until(lambda: len(self.prompts._clients) > count, 'client')
        return client

    async def test_a_prompt_waits_for_a_client(self):
        prompt = await self.prompt()
        client = await self.client()
        self.assertEqual({'go': True}, json.loads(await prompt.line()))
        self.assertEqual(b'osdbg: api.py:12\r\n', await client.line())
        prompt.send(b'(Pdb) ')
        self.assertEqual(b'(Pdb) ', await client.reader.read(99))
        client.send(b'p 1\n')
        self.assertEqual(b'p 1\n', await prompt.line())
        prompt.send(b'1\r\n')
        prompt.writer.close()
        self.assertEqual(b'1\r\n', await client.rest())
        await prompt.done()
        await client.done()

    async def test_a_client_waits_for_a_prompt(self):
        client = await self.client()
        line = await client.line()
        self.assertIn(b'no breakpoint has been reached yet in api', line)
        self.assertTrue(line.endswith(b'\r\n'))
        prompt = await self.prompt()
        self.assertEqual(b'osdbg: api.py:12\r\n', await client.line())
        await prompt.line()
        self.assertEqual(1, len(self.prompts._sessions))

    async def test_the_oldest_prompt_first(self):
        first = await self.prompt('first')
        second = await self.prompt('second')
        one, two = await self.client(), await self.client()
        self.assertEqual(b'osdbg: first\r\n', await one.line())
        self.assertEqual(b'osdbg: second\r\n', await two.line())
        one.send(b'1\n')
        two.send(b'2\n')
        await first.line()
        await second.line()
        self.assertEqual(b'1\n', await first.line())
        self.assertEqual(b'2\n', await second.line())

    async def test_the_prompt_that_is_wanted(self):
        def serve(reader, writer):
            return self.prompts.serve_user(
                peers.Peer('unix:', os.geteuid()),
                [self.guard('two')],
                'api',
                reader,
                writer,
            )

        user = await self.connect(serve)
        self.assertIn(b'reached yet in api;', await user.line())
        await self.prompt('first', worker='one')
        await self.prompt('second', worker='two')
        self.assertEqual(b'osdbg: second\r\n', await user.line())
        client = await self.client()
        self.assertEqual(b'osdbg: first\r\n', await client.line())

    async def test_what_was_typed_before(self):
        client = await self.waiting_client(b'p 1\np ')
        client.send(b'2\n')
        prompt = await self.prompt()
        await prompt.line()
        self.assertEqual(b'p 1\n', await prompt.line())
        self.assertEqual(b'p 2\n', await prompt.line())

    async def test_nobody_comes(self):
        prompt = await self.prompt(seconds=0.05)
        refusal = json.loads(await prompt.line())
        self.assertEqual({'refused': 'nobody came in 0.05 s'}, refusal)
        self.assertEqual(b'', await prompt.rest())

    async def test_who_is_not_wanted_leaves_the_prompt_to_others(self):
        prompt = await self.prompt(seconds=60)
        self.veto = 'not you'
        refused = await self.client()
        self.assertIn(b'not you', await refused.rest())
        await until(lambda: self.prompts._prompts)
        self.assertEqual(['refused'], self.audit)
        self.veto = ''
        client = await self.client()
        self.assertEqual(b'{"go": true}\n', await prompt.line())
        client.send(b'c\n')
        self.assertEqual(b'c\n', await prompt.line())
        prompt.writer.close()
        await client.done()

    async def test_a_thread_that_ends_meanwhile_takes_no_terminal(self):
        self.veto = None  # its service does not answer any more
        clients = [await self.waiting_client() for _ in range(3)]
        for client in clients:
            await client.line()  # there is no prompt yet
        prompt = await self.prompt('dead.py:1', worker='dead')
        await until(lambda: self.prompts._sessions)
        prompt.writer.close()
        self.guards['dead'].gone()
        self.assertIn(b'has ended', await clients[0].line())
        await prompt.done()
        self.veto = ''
        await self.prompt('next.py:1', worker='next')
        self.assertIn(b'next.py:1', await clients[1].line())
        self.assertEqual(1, len(self.prompts._clients))

    async def test_who_is_not_wanted_takes_nobodys_place(self):
        first = await self.prompt('first.py:1')
        await self.prompt('second.py:1')
        self.veto = 'not you'
        await (await self.client()).rest()
        await until(lambda: len(self.prompts._prompts) == 2)
        self.veto = ''
        client = await self.client()
        self.assertIn(b'first.py:1', await client.line())
        self.assertEqual(b'{"go": true}\n', await first.line())

    async def test_nobody_comes_after_who_is_not_wanted(self):
        prompt = await self.prompt(seconds=0.5)
        self.veto = 'not you'
        await (await self.client()).rest()
        refusal = json.loads(await prompt.line())
        self.assertEqual({'refused': 'nobody came in 0.5 s'}, refusal)

    async def test_a_client_that_leaves_while_it_waits(self):
        client = await self.waiting_client(b'c\n')
        client.writer.close()
        await client.done()
        self.assertEqual(0, len(self.prompts._clients))
        prompt = await self.prompt()
        self.assertEqual(1, len(self.prompts._prompts))
        self.assertFalse(prompt.task.done())

    async def test_a_thread_that_ends_while_it_waits(self):
        prompt = await self.prompt()
        prompt.writer.close()
        await prompt.done()
        self.assertEqual(0, len(self.prompts._prompts))

    async def test_a_client_that_ends_its_input_is_answered(self):
        prompt = await self.prompt()
        client = await self.client(b'p 1\nc\n')
        client.writer.write_eof()
        await prompt.line()
        self.assertEqual(b'p 1\nc\n', await prompt.rest())
        prompt.send(b'(Pdb) 1\r\n')
        prompt.writer.close()
        self.assertIn(b'(Pdb) 1\r\n', await client.rest())

    async def test_a_client_that_is_killed(self):
        prompt = await self.prompt()
        client = await self.client()
        await prompt.line()
        client.writer.transport.abort()
        self.assertEqual(b'', await prompt.rest())
        prompt.send(b'(Pdb) ' * 10)
        prompt.writer.close()
        await prompt.done()

    async def test_a_thread_that_is_killed(self):
        prompt = await self.prompt()
        client = await self.client()
        await client.line()
        prompt.writer.transport.abort()
        self.assertEqual(b'', await client.rest())

    async def test_browsers_are_refused(self):
        prompt = await self.prompt()
        for typed in (
            b'GET / HTTP/1.1\r\nHost: localhost:4444\r\n\r\n',
            b'POST / HTTP/1.1\r\n\r\n!import os\n',
            b'c / HTTP/1.1\r\n\r\n',
            b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
            b'\x16\x03\x01\x02\x00\x01\x00',
            b'\x00\x01\x00\x00!\x12\xa4\x42\n!import os\n',
        ):
            with self.subTest(typed):
                client = await self.client(typed)
                self.assertEqual(b'', await client.rest())
                self.assertEqual(1, len(self.prompts._prompts))
        self.assertFalse(prompt.task.done())

    async def test_a_browser_that_waits_first(self):
        prompt = await self.prompt()
        client = await self.client()
        await client.line()
        client.send(b'POST / HT')
        client.send(b'TP/1.1\r\n\r\n!import os\n')
        await prompt.line()
        self.assertEqual(b'', await prompt.rest())
        prompt.writer.close()

    async def test_a_browser_that_comes_before_the_prompt(self):
        client = await self.waiting_client()
        await client.line()
        client.send(b'POST / HTTP/1.1\r\n\r\n!import os\n')
        self.assertEqual(b'', await client.rest())
        self.assertEqual(0, len(self.prompts._clients))

    async def test_letters_of_a_first_line_wait_for_the_others(self):
        prompt = await self.prompt()
        client = await self.client()
        await prompt.line()
        for letter in b'p 1':
            client.send(bytes([letter]))
            await asyncio.sleep(0)
        client.send(b'\n')
        self.assertEqual(b'p 1\n', await prompt.line())

    async def test_too_many_clients(self):
        typed = [
            await self.waiting_client(b'\n')
            for _ in range(prompts._MAX_CLIENTS)
        ]
        await self.client(b'p 1\n')
        self.assertIn(b'has waited longest', await typed[0].rest())
        prompt = await self.prompt()
        prompt.send(b'(Pdb) ')
        self.assertIn(b'no breakpoint', await typed[1].line())
        self.assertEqual(b'osdbg: api.py:12\r\n', await typed[1].line())

    async def test_silent_ones_do_not_keep_others_out(self):
        typed = await self.waiting_client(b'p 1\n')
        silent = [
            await self.waiting_client()
            for _ in range(prompts._MAX_CLIENTS - 1)
        ]
        await self.client()
        self.assertIn(b'has waited longest', await silent[0].rest())
        await silent[0].done()
        await until(lambda: not self.prompts._suspects)
        self.assertEqual(prompts._MAX_CLIENTS, len(self.prompts._clients))
        prompt = await self.prompt()
        await prompt.line()
        self.assertEqual(b'p 1\n', await prompt.line())
        prompt.writer.close()
        await typed.done()

    async def test_many_at_once_do_not_keep_others_out(self):
        prompts._SUSPECT_SECONDS = SECONDS
        silent = [await self.client() for _ in range(prompts._MAX_CLIENTS)]
        await until(
            lambda: len(self.prompts._suspects) == prompts._MAX_CLIENTS
        )
        last = await self.client(b'p 1\n')
        self.assertIn(b'has waited longest', await silent[0].rest())
        prompt = await self.prompt()
        await prompt.line()
        self.assertEqual(b'p 1\n', await prompt.line())
        prompt.writer.close()
        await last.done()

    async def test_a_flood_is_not_kept(self):
        client = await self.waiting_client(b'\n')
        flood = b'p 1\n' * 100_000
        client.send(flood)
        await asyncio.sleep(0.1)
        kept = len(self.prompts._clients[0]._early)
        self.assertLess(kept, side._MAX_EARLY + side._CHUNK + 1)
        prompt = await self.prompt()
        await prompt.line()
        client.writer.write_eof()
        self.assertEqual(b'\n' + flood, await prompt.rest())
        prompt.writer.close()

    async def test_close_ends_everything(self):
        paired, client = await self.prompt(), await self.client()
        await paired.line()
        waiting = await self.prompt()
        suspect = await self.client()
        await until(lambda: self.prompts._suspects, 'suspect')
        self.prompts.close()
        for end in (paired, client, waiting, suspect):
            await end.rest()
            await end.done()
        prompt = await self.prompt()
        await self.client()
        self.assertEqual({'go': True}, json.loads(await prompt.line()))

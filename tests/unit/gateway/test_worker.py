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

"""A worker's debugger: asked for, joined, lost, asked for again."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import unittest

from osdbg.gateway import dap
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import streams

HELLO = hello_of(id='a1', pid=42, name='nova', port=5678, workers='0,2')
UNUSED = ('left', 'open_seconds', 'argv', 'backend', 'python')
PROGRAM = 'import os; print(os.getpid(), flush=True); os.read(0, 1)'
FORKED = '''
import os
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    print(os.getpid(), flush=True)
    os.read(0, 1)
'''
REPLACED = '''
import os, sys
print(os.getpid(), flush=True)
os.read(0, 1)
code = 'import os; print(\\'again\\', flush=True); os.read(0, 1)'
os.execv(sys.executable, [sys.executable, '-c', code])
'''
# With a thread that waits, as the agent does.
CONNECTED = '''
import os, socket, sys, threading
sock = socket.socket(fileno=int(sys.argv[1]))
threading.Thread(target=sock.recv, args=(1,), daemon=True).start()
sock.sendall(b'x')
os.read(0, 1)
'''


class TestWorker(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self._opened = []
        self.worker = await self.make()

    async def asyncTearDown(self):
        for writer in self._opened:
            writer.close()

    async def make(self, **hello):
        _, writer, self._reader, other = await streams()
        self._opened += [writer, other]
        return worker_.Worker({**HELLO, **hello}, writer)

    async def link(self):
        reader, writer, other_reader, other = await streams()
        self._opened += [writer, other]
        return dap.Peer(reader, writer), other_reader

    async def order(self):
        return json.loads(await self._reader.readline())

    async def test_refuses_half_a_hello(self):
        for name in HELLO.keys() - set(UNUSED):
            hello = {k: v for k, v in HELLO.items() if k != name}
            with self.assertRaises(KeyError):
                worker_.Worker(hello, self._opened[0])
        for name in HELLO.keys() - set(UNUSED):
            number = -1.5 if name == 'max_stop' else 1.5
            lists = name in ('tls', 'allowed')
            for value in (number, {}, *[[]] * (not lists)):
                with self.assertRaises((TypeError, ValueError)):
                    worker_.Worker({**HELLO, name: value}, self._opened[0])
        with self.assertRaises(ValueError):
            worker_.Worker({**HELLO, 'tls': ['/cert']}, self._opened[0])
        for port in (-1, 0, 65536):
            with self.assertRaises(ValueError):
                worker_.Worker({**HELLO, 'port': port}, self._opened[0])

    async def test_title_and_number(self):
        self.assertFalse(self.worker.wanted)
        for number, wanted in ((0, True), (1, False), (2, True)):
            self.worker.assign(number)
            self.assertEqual({'worker': number}, await self.order())
            self.assertEqual(f'nova worker {number} [42]', self.worker.title)
            self.assertEqual(wanted, self.worker.wanted)

    async def test_expects_a_child_for_a_while(self):
        self.assertFalse(self.worker.expecting)
        self.worker.expect_child()
        self.assertTrue(self.worker.expecting)
        self.worker.forked -= worker_.CHILD_SECONDS
        self.assertFalse(self.worker.expecting)
        self.assertTrue((await self.make(forked=True)).expecting)

    async def test_is_loaded_once(self):
        self.assertIs(self.worker.load(), self.worker.load())
        self.assertEqual({'load': 'a1-1'}, await self.order())
        link, _ = await self.link()
        self.assertFalse(self.worker.joined('a1-0', link))
        self.assertTrue(self.worker.joined('a1-1', link))
        self.assertFalse(self.worker.joined('a1-1', link))
        self.assertIs(link, await self.worker.loaded())

    async def test_waits_for_the_tracing(self):
        self.worker.load()
        waiting = asyncio.ensure_future(self.worker.tracing())
        self.worker.traces('a1-0', '0')
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        self.worker.traces('a1-1', '1.8')
        await waiting
        self.assertEqual('1.8', self.worker.version)

    async def test_fails(self):
        waiting = asyncio.ensure_future(self.worker.loaded())
        await self.order()
        self.worker.failed('a1-0', 'an old story')
        self.assertTrue(self.worker.loading)
        self.worker.failed('a1-1', 'no debugpy')
        with self.assertRaisesRegex(worker_.LoadFailed, r'\[42\]: no debugpy'):
            await waiting
        self.assertFalse(self.worker.loading)
        self.worker.load()
        self.assertEqual({'load': 'a1-2'}, await self.order())

    async def test_ends_while_loading(self):
        waiting = asyncio.ensure_future(self.worker.loaded())
        await self.order()
        self.worker.gone()
        with self.assertRaisesRegex(worker_.LoadFailed, 'has ended'):
            await waiting
        await self.worker.tracing()

    async def test_unload(self):
        self.worker.unload()
        self.worker.load()
        await self.order()
        link, other = await self.link()
        self.worker.joined('a1-1', link)
        self.worker.unload()
        self.assertEqual({'unload': 'a1-1'}, await self.order())
        self.assertEqual(b'', await other.read())
        self.assertFalse(self.worker.loading)

    async def test_a_late_join_is_refused(self):
        self.worker.load()
        self.worker.unload()
        link, _ = await self.link()
        self.assertFalse(self.worker.joined('a1-1', link))
        self.worker.load()
        self.assertFalse(self.worker.joined('a1-1', link))
        self.assertTrue(self.worker.joined('a1-2', link))

    async def test_eager_is_loaded_again(self):
        self.worker = await self.make(eager=True)
        self.worker.assign(0)
        self.worker.load()
        self.worker.unload()
        found = [await self.order() for _ in range(4)]
        self.assertEqual(
            [
                {'worker': 0},
                {'load': 'a1-1'},
                {'unload': 'a1-1'},
                {'load': 'a1-2'},
            ],
            found,
        )

    async def test_eager_is_not_loaded_again_in_a_launcher(self):
        self.worker = await self.make(eager=True)
        self.worker.load()
        self.worker.assign(None)
        self.worker.unload()
        self.assertFalse(self.worker.loading)


class TestSuccessor(unittest.IsolatedAsyncioTestCase):
    """Real processes, and whether another may follow them."""

    def program(self, code):
        """Start another program that runs Python code in a child."""
        process = subprocess.Popen(
            ['/bin/sh', '-c', '"$0" -c "$1"; :', sys.executable, code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return process

    def worker(self, pid, **hello):
        hello = {**HELLO, 'pid': pid, **hello}
        return worker_.Worker(hello, None, hello.pop('process', pid))

    def last(self, code=PROGRAM, **hello):
        """Tell whether a worker was the last, once it has ended."""
        program = self.program(code)
        worker = self.worker(int(program.stdout.readline()), **hello)
        self.assertFalse(worker.has_no_successor())
        program.stdin.write(b'\n')
        program.stdin.flush()
        self.assertEqual(b'', program.stdout.read())
        return worker.has_no_successor()

    async def test_of_a_program_that_simply_ends(self):
        self.assertTrue(self.last())

    async def test_of_one_that_an_armed_launcher_forked(self):
        self.assertFalse(self.last(parent='a0'))

    async def test_of_one_that_some_launcher_forked(self):
        self.assertFalse(self.last(FORKED))

    async def test_of_one_in_another_namespace(self):
        self.assertFalse(self.last(process=0))
        self.assertFalse(self.last(process=os.getpid()))

    async def test_of_one_that_replaces_itself(self):
        program = self.program(REPLACED)
        worker = self.worker(int(program.stdout.readline()))
        program.stdin.write(b'\n')
        program.stdin.flush()
        self.assertEqual(b'again\n', program.stdout.readline())
        self.assertFalse(worker.has_no_successor())

    async def test_is_known_when_the_connection_ends(self):
        for _ in range(20):
            ours, theirs = socket.socketpair()
            child = subprocess.Popen(
                [sys.executable, '-c', CONNECTED, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
            )
            theirs.close()
            worker = self.worker(child.pid)
            worker._alone = True
            with ours:
                self.assertEqual(b'x', ours.recv(1))
                self.assertFalse(worker.has_no_successor())
                child.stdin.close()
                self.assertEqual(b'', ours.recv(1))
                self.assertTrue(worker.has_no_successor())
            child.wait()

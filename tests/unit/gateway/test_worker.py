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

"""A service process: what its agent says, what it is told, its end."""

import json
import os
import unittest

from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import hello_of
from tests.unit.gateway.parts import start_program
from tests.unit.gateway.parts import streams

HELLO = hello_of(id='a1', pid=42, name='nova', port=5678, workers='0,2')
UNUSED = ('left', 'open_seconds', 'argv', 'backend', 'python')
PROGRAM = 'import os; print(os.getpid(), flush=True); os.read(0, 1)'


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

    async def test_eager_is_loaded_again(self):
        self.worker = await self.make(eager=True)
        self.worker.assign(0)
        self.worker.debugger.load()
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
        self.worker.debugger.load()
        self.worker.assign(None)
        self.worker.unload()
        self.assertFalse(self.worker.debugger.loading)


class TestSuccessor(unittest.IsolatedAsyncioTestCase):
    """Real processes, and whether another may follow them."""

    def worker(self, pid, **hello):
        hello = {**HELLO, 'pid': pid, **hello}
        return worker_.Worker(hello, None, hello.pop('process', pid))

    def last(self, code=PROGRAM, **hello):
        """Tell whether a worker was the last, once it has ended."""
        program = start_program(self, code)
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

    async def test_of_one_in_another_namespace(self):
        self.assertFalse(self.last(process=0))
        self.assertFalse(self.last(process=os.getpid()))

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


import asyncio
import contextlib
import os
import socket

from osdbg.gateway import call as call_
from osdbg.gateway import dialer as dialer_
from osdbg.gateway import patience
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import Lines
from tests.unit.gateway.parts import until

VERSION = b'501\t1\t263.1\tUNIX\tID\n'


class Ide:
    """Somebody who listens where an IDE should."""

    def __init__(self, words=VERSION):
        self.words = words
        self.lines = []

    async def listen(self, port):
        self.server = await asyncio.start_server(
            self._accept, '127.0.0.1', port
        )
        return self

    async def _accept(self, reader, writer):
        self.lines.append(Lines(reader, writer))
        writer.write(self.words)

    async def call(self, count=1):
        """Return the newest of the connections, of which there are count."""
        return (
            await until(
                lambda: len(self.lines) >= count and self.lines,
                f'call {count}',
            )
        )[-1]

    def close(self):
        self.server.close()
        for line in self.lines:
            line.close()


class DialerTestCase(GatewayTestCase):
    def setUp(self):
        super().setUp()
        for name, seconds in (
            ('_HERE_SECONDS', 0.02),
            ('_LATE_SECONDS', 0.1),
            ('_SETTLE_SECONDS', 0),
        ):
            self.addCleanup(setattr, dialer_, name, getattr(dialer_, name))
            setattr(dialer_, name, seconds)
        self.addCleanup(
            setattr, call_, '_SILENCE_SECONDS', call_._SILENCE_SECONDS
        )
        call_._SILENCE_SECONDS = 0.2
        for name, seconds in (('_AGAIN_SECONDS', 0.1), ('_LOOK_SECONDS', 0)):
            self.addCleanup(setattr, patience, name, getattr(patience, name))
            setattr(patience, name, seconds)

    async def worker(self, **hello):
        return await self.agent(
            protocol='pydevd', direction='connect', **hello
        )

    async def ide(self, *words):
        ide = await Ide(*words).listen(self.port)
        self.addCleanup(ide.close)
        return ide

    async def link(self, agent, count=1):
        links = await until(
            lambda: len(agent.links) >= count and agent.links, 'debugger'
        )
        return links[-1]

    async def attached(self, agent, count=1):
        link = await self.link(agent, count)
        agent.loaded()
        await until(lambda: agent.said('attached').count(True) >= count)
        return link


class TestWho(DialerTestCase):
    """Who has taken a call is asked for, as who makes one."""

    async def test_another_user(self):
        agent = await self.worker()
        worker = self.gateway._workers[agent.hello['id']]
        worker.guard._users = frozenset()
        ide = await self.ide(VERSION)
        line = await ide.call()
        self.assertEqual(b'', await line.read())
        text = await until(lambda: [t for _, t in agent.said('log')][1:])
        self.assertIn(f'user {os.geteuid()} listens there', text[0])
        self.assertEqual([], agent.said('load'))

    async def test_a_veto(self):
        agent = await self.worker()
        agent.veto = 'not today'
        ide = await self.ide(VERSION)
        line = await ide.call()
        self.assertEqual(b'', await line.read())
        self.assertEqual(os.getpid(), agent.said('admit')[0][1]['pid'])
        self.assertEqual([], agent.said('load'))


class TestCalls(DialerTestCase):
    async def test_the_service_is_told_where_an_ide_is_awaited(self):
        agent = await self.worker()
        self.assertEqual([''], agent.said('port'))
        await self.worker()
        (line,) = [text for _, text in agent.said('log')]
        self.assertIn(f'let an IDE listen at 127.0.0.1:{self.port}', line)

    async def test_an_ide_that_comes_later(self):
        agent = await self.worker()
        await asyncio.sleep(0.1)
        self.assertEqual([], agent.said('load'))
        ide = await self.ide()
        line = await ide.call()
        link = await self.attached(agent)
        self.assertEqual(VERSION, await link.read())
        link.writer.write(b'501\t1\tmine\n')
        self.assertEqual(b'501\t1\tmine\n', await line.read())
        line.writer.write(b'101\t3\t\n')
        self.assertEqual(b'101\t3\t\n', await link.read())

    async def test_each_worker_is_called_for(self):
        agents = [await self.worker() for _ in range(3)]
        ide = await self.ide()
        for agent in agents:
            await self.attached(agent)
        self.assertEqual(3, len(ide.lines))
        late = await self.worker()
        await self.attached(late)

    async def test_an_ide_that_leaves_and_comes_back(self):
        agent = await self.worker()
        for count in range(1, 4):
            ide = await self.ide()
            await ide.call()
            link = await self.attached(agent, count)
            ide.close()
            await agent.wait('unload', count)
            self.assertEqual(False, agent.said('attached')[-1])
            self.assertTrue(await link.read())
            self.assertEqual(b'', await link.read())

    async def test_a_worker_that_ends(self):
        agent = await self.worker()
        ide = await self.ide()
        line = await ide.call()
        await self.attached(agent)
        await self.gone(agent)
        self.assertEqual(b'', await line.read())

    async def test_one_that_is_not_named_is_not_called_for(self):
        agents = [await self.worker(workers='1') for _ in range(2)]
        ide = await self.ide()
        await self.attached(agents[1])
        await asyncio.sleep(0.1)
        self.assertEqual([], agents[0].said('load'))
        self.assertEqual(1, len(ide.lines))


class TestNoIde(DialerTestCase):
    async def test_a_silent_one_costs_the_service_nothing(self):
        agents = [await self.worker() for _ in range(2)]
        ide = await self.ide(b'')
        await ide.call(2)
        for agent in agents:
            self.assertEqual([], agent.said('load'))
        lines = [text for a in agents for _, text in a.said('log')]
        (line,) = [text for text in lines if 'is no IDE' in text]
        self.assertIn('it says nothing in', line)
        ide.words = VERSION
        await self.attached(agents[0])

    async def test_one_that_hangs_up(self):
        agent = await self.worker()
        with socket.create_server(('127.0.0.1', self.port)) as server:
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            for _ in range(5):
                peer, _ = await loop.sock_accept(server)
                peer.close()
        self.assertEqual([], agent.said('load'))
        await self.ide()
        await self.attached(agent)

    async def test_another_protocol(self):
        for words in (
            b'SSH-2.0-OpenSSH_9.6\r\n',
            b'login: ',
            b'501 1 version\n',
            b'x' * 10_000,
        ):
            with self.subTest(words[:20]):
                agent = await self.worker(name=f'n{len(words)}')
                ide = await self.ide(words)
                await ide.call(2)
                ide.close()
                lines = [text for _, text in agent.said('log')]
                (line,) = [text for text in lines if 'is no IDE' in text]
                self.assertIn("does not speak pydevd's protocol", line)
                self.assertEqual([], agent.said('load'))
                await self.gone(agent)

    async def test_a_first_line_in_pieces(self):
        agent = await self.worker()
        ide = await self.ide(VERSION[:2])
        line = await ide.call()
        await asyncio.sleep(0.05)
        self.assertEqual([], agent.said('load'))
        line.writer.write(VERSION[2:] + b'101\t3')
        link = await self.attached(agent)
        self.assertEqual(VERSION + b'101\t3', await link.read())

    async def test_each_kind_of_trouble_is_told_once(self):
        agent = await self.worker()
        ide = await self.ide(b'')
        await ide.call(1)
        for count, words in enumerate((b'SSH-2.0\n', b'220 ftp\n', b''), 3):
            ide.words = words
            await ide.call(2 * count)
        told = [t for _, t in agent.said('log') if 'is no IDE' in t]
        self.assertEqual(1, len(told), told)
        ide.close()
        await asyncio.sleep(0.2)  # nobody is there: it is another then
        ide = await self.ide(b'SSH-2.0\n')
        await ide.call(2)
        told = [t for _, t in agent.said('log') if 'is no IDE' in t]
        self.assertEqual(2, len(told), told)

    async def test_it_is_called_less_and_less_often(self):
        agent = await self.worker(reason='no such thing')
        ide = await self.ide()
        await ide.call()
        loop = asyncio.get_running_loop()
        first = loop.time()
        await ide.call(4)
        self.assertGreater(loop.time() - first, 0.6)  # 0.1 + 0.2 + 0.4
        agent.reason = ''
        await self.attached(agent)

    async def test_a_fresh_ide_does_not_wait(self):
        patience._AGAIN_SECONDS = 30
        agent = await self.worker(reason='no such thing')
        ide = await self.ide()
        await ide.call()
        await agent.wait('load')
        agent.reason = ''
        await asyncio.sleep(0.1)
        self.assertEqual(1, len(ide.lines))
        ide.close()
        await self.ide()
        await self.attached(agent)

    async def test_a_worker_that_ends_while_it_is_called_for(self):
        agent = await self.worker()
        dialer = self.group(dialer_.Dialer, 'pydevd')
        worker = self.gateway._workers[agent.hello['id']]
        dialer._stop_calling()
        ide = await self.ide()
        for count, session, workers in ((1, None, []), (2, self, [worker])):
            worker.session, dialer.workers = session, workers
            await dialer._call(worker, 1)
            self.assertEqual({}, dialer._calls)
            line = await ide.call(count)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b'', await line.read())
        dialer.workers, worker.session = [worker], None

    async def test_a_debugger_that_cannot_be_loaded(self):
        agent = await self.worker(reason='no such thing')
        ide = await self.ide()
        await ide.call(2)
        agent.reason = ''
        await self.attached(agent)
        self.assertLess(len(ide.lines), 9)  # it is not called all the time

    async def test_absence_is_told_once_to_who_cannot_wait(self):
        agent = await self.worker(eager=True)
        await agent.wait('absent')
        await asyncio.sleep(0.1)
        (line,) = agent.said('absent')
        self.assertIn(f'no IDE listens at 127.0.0.1:{self.port} yet', line)
        ide = await self.ide()
        await self.attached(agent)
        ide.close()
        await agent.wait('absent', 2)

    async def test_a_host_that_nobody_knows_is_told_once(self):
        agent = await self.worker(host='no.such.host.invalid')
        await agent.wait('log', 2)
        await asyncio.sleep(0.2)
        lines = [text for _, text in agent.said('log')]
        self.assertEqual(2, len(lines), lines)
        self.assertIn('correct [remote_debug] host', lines[1])

    def test_both_addresses_of_a_name_have_refused(self):
        refused = '[Errno 111] Connect call failed'
        for text, expected in (
            (refused, True),
            (f'Multiple exceptions: {refused}, {refused}', True),
            (f'Multiple exceptions: {refused}, [Errno 113] No route', False),
            ('[Errno 110] Connection timed out', False),
            ('', False),
        ):
            with self.subTest(text):
                self.assertIs(expected, dialer_._is_refusal(OSError(text)))


class TestLaunchers(DialerTestCase):
    async def test_a_launcher_is_hung_up_on(self):
        agent = await self.worker()
        ide = await self.ide()
        line = await ide.call()
        await self.attached(agent)
        agent.send(launching=True)
        await agent.wait('unload')
        self.assertTrue(await line.read() == b'')
        await self.attached(await self.worker(parent=agent.hello['id']))

    async def test_who_has_children_is_not_called_for(self):
        parent = await self.worker()
        child = await self.worker(parent=parent.hello['id'])
        ide = await self.ide()
        await self.attached(child)
        await asyncio.sleep(0.1)
        self.assertEqual(1, len(ide.lines))
        self.assertEqual([], parent.said('load'))


class TestDoor(DialerTestCase):
    async def test_on_demand(self):
        agent = await self.worker(opened=False)
        ide = await self.ide()
        await asyncio.sleep(0.1)
        self.assertEqual([], ide.lines)
        agent.send(open=True)
        line = await ide.call()
        await self.attached(agent)
        agent.send(open=False)
        await agent.wait('unload')
        self.assertEqual(b'', await line.read())
        await asyncio.sleep(0.1)
        self.assertEqual(1, len(ide.lines))
        agent.send(open=True)
        await ide.call(2)

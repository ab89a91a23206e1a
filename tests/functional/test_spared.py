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

"""Threads that are not traced where one request is chosen."""

import contextlib
import time

from tests.functional.dap import DapError
from tests.functional.harness import APP
from tests.functional.harness import ENOUGH
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.test_asyncio import AsyncioTestCase
from tests.functional.test_asyncio import PROGRAM
from tests.functional.test_chosen import ChosenTestCase
from tests.functional.test_chosen import on_servers
from tests.functional.test_chosen import TOKEN
from tests.functional.test_chosen import TRACES
from tests.functional.test_paste import fetch
from tests.functional.test_paste import fetch_later


class SparedTestCase(ChosenTestCase):
    def spin(self):
        """Return a request that is busy, and may not stop."""
        before = self.worker.busy()
        pending = fetch_later(self.worker, '/spin?seconds=60')
        wait_until('it to spin', lambda: self.worker.busy() > before + 10)
        return pending

    def park(self, name, **headers):
        pending = fetch_later(self.worker, f'/wait?name={name}', **headers)
        wait_until(
            f'{name} to wait',
            lambda: name in self.worker.get('/gates')[1]['closed'],
        )
        return pending

    def assert_spared(self):
        for _ in range(3):
            body = fetch(self.worker, '/thread')[1]
            self.assertIn(b'"traced": false', body)


@spread
class TokenTest(SparedTestCase):
    """By the token that the paste filter asks for."""

    OPTIONS = {'only_header': 'X-OSDBG', 'only_token': TOKEN}

    @on_servers
    def test_pause(self, server):
        client = self.begin(server, **self.OPTIONS)
        self.assert_spared()
        pending = self.spin()
        self.session.request('pause', threadId='*')
        stop = client.wait_stopped('pause')
        frame = wait_until('it to stand', self.spinning)
        turns = self.evaluate(frame, 'turns')
        time.sleep(0.05)  # in which it would have made some
        self.assertEqual(turns, self.evaluate(frame, 'turns'))
        self.evaluate(frame, ENOUGH)
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        self.assert_passes()
        self.assert_stops(client, X_OSDBG=TOKEN)
        client.detach()

    def spinning(self):
        """Return the frame of the request that spins, if that is stopped."""
        for thread in self.session.threads():
            frames = self.session.request('stackTrace', threadId=thread['id'])
            for frame in frames['stackFrames']:
                if frame['name'] == 'spin':
                    with contextlib.suppress(DapError):
                        self.evaluate(frame, 'turns')
                        return frame
        return None

    def evaluate(self, frame, expression):
        return self.session.request(
            'evaluate',
            expression=expression,
            frameId=frame['id'],
            context='repl',
        )['result']

    @on_servers
    def test_others_go_on_at_speed(self, server):
        client = self.begin(server, mark='thread', **self.OPTIONS)
        for _ in range(3):
            self.assert_spared()
            self.assert_stops(client, '/thread', 'thread', X_OSDBG=TOKEN)
        client.detach()

    def test_begun_before_the_client(self):
        (self.worker,) = self.start('eventlet', **self.OPTIONS)[:1]
        ours = self.park('ours', X_OSDBG=TOKEN)
        other = self.park('other')
        client = self.attach('waited', workers=[self.worker])
        self.assert_spared()
        for name in ('other', 'ours'):
            self.assert_passes(f'/gate?name={name}')
        stop = client.wait_stopped()
        self.assertEqual("'ours'", stop.evaluate('name'))
        stop.resume()
        for pending in (ours, other):
            self.assertEqual(200, pending.result()[0])
        client.detach()


@spread
class OnlyTest(SparedTestCase):
    """By what is typed in the debug console."""

    def choose(self, client, criteria):
        """Have only such requests stop, when a chosen one has."""
        pending = fetch_later(self.worker, '/work')
        stop = client.wait_stopped()
        stop.evaluate(f'__import__("osdbg").only({criteria})', 'repl')
        stop.resume()
        self.assertEqual(200, pending.result()[0])

    def begin_spared(self):
        """Have green threads spared, and a request parked among them."""
        client = self.begin('eventlet')
        client.break_at(APP, line_of('waited'))
        self.choose(client, 'path="^/work"')
        self.assert_spared()
        time.sleep(0.5)  # or what is parked is looked through once more
        return client, self.park('a')

    def assert_goes_on_to_stop(self, client, pending):
        self.assert_passes('/gate?name=a')
        stop = client.wait_stopped()
        self.assertEqual("'a'", stop.evaluate('name'))
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        client.detach()

    def test_parked_when_it_is_taken_back(self):
        client, pending = self.begin_spared()
        self.choose(client, '')
        self.assert_goes_on_to_stop(client, pending)

    def test_parked_when_it_is_chosen(self):
        client, pending = self.begin_spared()
        self.choose(client, 'path="^/wait"')
        self.assert_spared()
        self.assert_goes_on_to_stop(client, pending)

    def test_at_work_when_the_client_leaves(self):
        client = self.begin('eventlet')
        self.choose(client, 'path="^/churn"')
        self.assert_spared()
        pending = fetch_later(self.worker, '/churn')
        self.assert_spared()
        client.detach()
        wait_until(
            'unloaded debugger',
            lambda: not self.worker.state()['debugger_threads'],
        )
        for _ in range(20):
            self.assertEqual('None', self.worker.state()['traced'])
        self.assert_passes('/enough')
        self.assertEqual(200, pending.result()[0])
        self.assertEqual('None', self.worker.state()['traced'])

    def test_under_way_when_it_is_taken_back(self):
        client = self.begin('threads')
        self.choose(client, 'path="^/work"')
        client.break_at(APP, line_of('spin'))
        spinning = self.spin()
        pending = fetch_later(self.worker, '/work')
        stop = client.wait_stopped()
        self.assert_at(stop, 'handler')
        stop.evaluate('__import__("osdbg").only()', 'repl')
        stop.resume()
        stop = client.wait_stopped()
        while stop.function != 'spin':
            stop.resume()
            stop = client.wait_stopped()
        stop.evaluate(ENOUGH)
        client.clear_breakpoints(APP)
        stop.resume()
        for request in (pending, spinning):
            self.assertEqual(200, request.result()[0])
        client.detach()


@spread
class FilterlessTest(FunctionalTestCase):
    """Where nothing of ours is around the application."""

    @over(('eventlet',))
    def test_only(self, engine):
        port = free_port()
        service = self.start_service(engine=engine, port=port)
        (worker,) = service.wait_workers()
        client = self.attach(port, 'handler', 'thread')
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        known = '__import__("osdbg.activities").activities.current.get().path'
        self.assertEqual("'/work'", stop.evaluate(known))
        stop.evaluate('__import__("osdbg").only(path="^/work")')
        stop.resume()
        self.assert_answered(pending)
        for _ in range(2):
            pending = worker.get_later('/thread')
            self.assert_answered(pending, traced=False)
        pending = worker.get_later('/work')
        client.wait_stopped().resume()
        self.assert_answered(pending)
        client.detach()
        self.assert_answered(worker.get_later('/work'))


class AsyncioTest(AsyncioTestCase):
    """Tasks share a thread, and it is spared if none of them may stop."""

    def begin(self, path):
        """Attach, and choose."""
        if not self.client.live:
            self.attach('asgi')
        pending = self.worker.get_later('/work')
        stop = self.client.wait_stopped()
        stop.evaluate(f'__import__("osdbg").only(path="{path}")')
        self.client.break_at(PROGRAM, line_of('asgi parked', PROGRAM))
        stop.resume()
        self.assert_answered(pending, answer='work')

    def serve_others(self, traced):
        for _ in range(3):
            pending = self.worker.get_later('/work')
            self.assert_answered(pending, traced=traced and TRACES)

    def assert_stops_when_released(self, name, *pending):
        released = self.worker.get_later(f'/release/{name}')
        stop = self.client.wait_stopped()
        self.assertEqual(f"'/park/{name}'", stop.evaluate('name'))
        stop.resume()
        for request in (released, *pending):
            self.assertEqual(200, request.result()[0])

    def test_others_go_on_at_speed(self):
        self.begin('chosen')
        self.serve_others(traced=False)
        pending = self.park('chosen')
        self.serve_others(traced=True)
        self.assert_stops_when_released('chosen', pending)
        self.serve_others(traced=False)
        self.client.detach()

    def test_begun_before_the_client(self):
        pending = self.park('chosen')
        self.begin('chosen')
        self.serve_others(traced=True)
        self.assert_stops_when_released('chosen', pending)
        self.serve_others(traced=False)
        self.client.detach()

    def test_parked_when_it_is_chosen(self):
        self.begin('work/a')
        self.serve_others(traced=False)
        pending = self.park('chosen')
        asked = self.worker.get_later('/work/a')
        stop = self.client.wait_stopped()
        stop.evaluate('__import__("osdbg").only(path="chosen")')
        stop.resume()
        self.assert_answered(asked)
        self.serve_others(traced=True)
        self.assert_stops_when_released('chosen', pending)
        self.client.detach()

    def test_left_behind_when_it_is_chosen(self):
        self.assert_answered(self.worker.get_later('/work'))
        self.attach('asgi')
        self.assert_answered(self.worker.get_later('/begin/chosen'))
        self.begin('chosen')
        self.serve_others(traced=True)
        self.assert_stops_when_released('chosen')
        self.client.detach()

    def test_what_it_leaves_behind(self):
        self.begin('chosen')
        self.assert_answered(self.worker.get_later('/begin/chosen'))
        self.serve_others(traced=True)
        self.assert_stops_when_released('chosen')
        self.client.detach()

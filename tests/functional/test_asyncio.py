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

"""Tasks of asyncio, and requests of ASGI applications."""

import sys

from tests.functional.harness import AnyService
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import PROGRAMS
from tests.functional.harness import wait_until

PROGRAM = str(PROGRAMS / 'asgi_service.py')


class AsyncioTestCase(FunctionalTestCase):
    def setUp(self):
        super().setUp()
        port = free_port()
        self.service = AnyService(
            [sys.executable, PROGRAM],
            dict(self.environ, OS_REMOTE_DEBUG__PORT=str(port)),
        )
        self.processes.append(self.service)
        (self.worker,) = self.service.wait_workers()
        self.client = self.client(port)

    def attach(self, mark, **options):
        self.client.break_at(PROGRAM, line_of(mark, PROGRAM), **options)
        self.client.attach()

    def park(self, name):
        pending = self.worker.get_later(f'/park/{name}')
        wait_until(
            f'{name} to wait',
            lambda: f'/park/{name}' in self.worker.get('/parked')[1]['names'],
        )
        return pending


class AsyncioTest(AsyncioTestCase):
    def test_parked_tasks_are_listed(self):
        parked = self.worker.get_later('/park/a')
        self.attach('asgi')
        pending = self.worker.get_later('/work')
        stop = self.client.wait_stopped()
        session = self.client.root
        threads = {each['name']: each['id'] for each in session.threads()}
        self.assertIn('MainThread: GET /work', threads)
        self.assertIn('the background: background (asgi_service.py)', threads)
        frames = session.request(
            'stackTrace', threadId=threads['GET /park/a']
        )['stackFrames']
        names = [frame['name'] for frame in frames]
        # The innermost first, as on any stack.
        self.assertLess(names.index('park'), names.index('application'))
        frame = frames[names.index('park')]
        found = session.request(
            'evaluate',
            expression='name, event.is_set()',
            frameId=frame['id'],
            context='watch',
        )
        self.assertEqual("('/park/a', False)", found['result'])
        stop.resume()
        self.assert_answered(pending, answer='work')
        self.assertFalse(parked.done)
        self.worker.get('/release/a')
        self.assert_answered(parked, answer='/park/a')
        self.client.detach()

    def test_only_one_request(self):
        self.attach('asgi', condition='osdbg.here(path="/work/2$")')
        pending = [
            self.worker.get_later(f'/work/{number}') for number in range(5)
        ]
        stop = self.client.wait_stopped()
        self.assertEqual("'/work/2'", stop.evaluate('name'))
        stop.resume()
        for number, request in enumerate(pending):
            self.assert_answered(request, answer=f'work/{number}')
        self.assertEqual([], self.client.root.events_of('stopped'))
        self.client.detach()

    def test_a_chosen_one_stops_among_others(self):
        self.attach('asgi')
        pending = self.worker.get_later('/work')
        stop = self.client.wait_stopped()
        stop.evaluate('__import__("osdbg").only(path="park/chosen")')
        self.client.break_at(PROGRAM, line_of('asgi parked', PROGRAM))
        stop.resume()
        self.assert_answered(pending, answer='work')
        # They begin one after the other, and end in another order.
        names = ('other', 'chosen', 'another')
        parked = {name: self.park(name) for name in names}
        released = self.worker.get_later('/release/chosen')
        stop = self.client.wait_stopped()
        self.assertEqual("'/park/chosen'", stop.evaluate('name'))
        stop.resume()
        self.assertEqual(200, released.result()[0])
        for name in ('other', 'another'):
            self.worker.get(f'/release/{name}')
        for name, request in parked.items():
            self.assert_answered(request, answer=f'/park/{name}')
        self.assertEqual([], self.client.root.events_of('stopped'))
        self.client.detach()

    def test_only_a_chosen_one_logs(self):
        self.attach('asgi')
        pending = self.worker.get_later('/work')
        stop = self.client.wait_stopped()
        stop.evaluate('__import__("osdbg").only(path="chosen")')
        self.client.clear_breakpoints(PROGRAM)
        log = {'logMessage': 'logged {name}'}
        self.client.break_at(PROGRAM, line_of('asgi', PROGRAM), **log)
        stop.resume()
        self.assert_answered(pending, answer='work')
        for name in ('a', 'chosen', 'b', 'chosen/last'):
            self.worker.get(f'/work/{name}')
        logged = []
        while not logged or 'last' not in logged[-1]:
            body = self.client.root.wait_event(
                'output', lambda body: 'logged' in body['output']
            )
            logged.append(body['output'].strip())
        self.assertEqual(
            ['logged /work/chosen', 'logged /work/chosen/last'], logged
        )
        self.client.detach()

    def test_stops_on_an_exception(self):
        self.attach('asgi')
        pending = self.worker.get_later('/fail')
        stop = self.client.wait_stopped('exception')
        self.assert_at(stop, 'asgi fail', PROGRAM)
        stop.resume()
        self.assertEqual(500, pending.result()[0])
        self.client.detach()

    def test_detached_it_does_nothing(self):
        self.attach('asgi')
        self.client.detach()
        wait_until(
            'answer without a stop',
            lambda: self.worker.get('/work')[0] == 200,
        )

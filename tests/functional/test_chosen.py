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

"""Stops in one request, while all others go on."""

import sys

from tests.functional.dap import DapError
from tests.functional.harness import APP
from tests.functional.harness import line_of
from tests.functional.harness import spread
from tests.functional.test_paste import fetch
from tests.functional.test_paste import fetch_later
from tests.functional.test_paste import PASTE_APP
from tests.functional.test_paste import PasteTestCase
from tests.functional.test_paste import REQUEST_ID

SERVERS = ('threads', 'raw_threads', 'eventlet')
TOKEN = 'between us'
# Up to there a thread is slow when it is traced.
TRACES = sys.version_info < (3, 12)


def on_servers(method):
    """Make one test method per server."""
    method.engines = SERVERS
    return method


class ChosenTestCase(PasteTestCase):
    def begin(self, server, mark='handler', condition=None, **options):
        """Start, and attach with one breakpoint."""
        self.workers = self.start(server, **options)
        self.worker = self.workers[0]
        client = self.client(self.port)
        client.break_at(APP, line_of(mark), condition=condition)
        client.attach()
        client.wait_attached(len(self.workers))
        client.wait_pid(self.worker.pid)
        self.session = client.attached()[self.worker.pid]
        return client

    def assert_passes(self, path='/work', **headers):
        status, body = fetch(self.worker, path, **headers)
        self.assertEqual(200, status, body)

    def assert_stops(self, client, path='/work', mark='handler', **headers):
        pending = fetch_later(self.worker, path, **headers)
        stop = client.wait_stopped()
        self.assert_at(stop, mark)
        stop.resume()
        self.assertEqual(200, pending.result()[0])


@spread
class HereTest(ChosenTestCase):
    """``osdbg.here()`` as the condition of a breakpoint."""

    def play(self, server, condition, path='/work', **headers):
        client = self.begin(server, condition=f'osdbg.here({condition})')
        self.assert_passes('/work?a=1')
        self.assert_stops(client, path, **headers)
        self.assert_passes('/work?a=2')
        client.detach()

    @on_servers
    def test_path(self, server):
        self.play(server, 'path="^/second/work"', '/second/work')

    @on_servers
    def test_request_id(self, server):
        self.play(
            server,
            f'request_id="{REQUEST_ID}"',
            X_OpenStack_Request_ID=REQUEST_ID,
        )

    @on_servers
    def test_header(self, server):
        self.play(server, 'header="X-Mine: yes"', X_Mine='yes')

    @on_servers
    def test_project(self, server):
        self.play(server, 'project_id="p1"', X_Project_Id='p1')

    def test_wrong_criterion_is_told(self):
        client = self.begin('threads', condition='osdbg.here(user="me")')
        self.assert_passes()
        self.session.wait_event('output', lambda b: "'user'" in b['output'])
        client.detach()


@spread
class OnlyTest(ChosenTestCase):
    """``osdbg.only()`` in the debug console, for all breakpoints."""

    @on_servers
    def test_until_it_is_taken_back(self, server):
        client = self.begin(server)
        pending = fetch_later(self.worker, '/work')
        stop = client.wait_stopped()
        said = self.say(stop, 'osdbg.only(header="X-Mine")')
        self.assertIn('X-Mine', said)
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        self.assert_passes()
        pending = fetch_later(self.worker, '/work', X_Mine='yes')
        stop = client.wait_stopped()
        self.say(stop, 'osdbg.only()')
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        self.assert_stops(client)
        client.detach()

    @on_servers
    def test_project_that_middleware_finds_out(self, server):
        client = self.begin(server)
        pending = fetch_later(self.worker, '/work')
        stop = client.wait_stopped()
        self.say(stop, 'osdbg.only(project_id="of me")')
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        for _ in range(2):
            self.assert_passes(X_Auth_Token='her')
            self.assert_stops(client, X_Auth_Token='me')
        client.detach()

    def say(self, stop, what):
        stop.evaluate('import osdbg', 'repl')
        return stop.evaluate(what, 'repl')

    def test_wrong_criterion_changes_nothing(self):
        client = self.begin('threads')
        pending = fetch_later(self.worker, '/work')
        stop = client.wait_stopped()
        self.say(stop, 'osdbg.only(header="X-Mine")')
        with self.assertRaises(DapError) as caught:
            self.say(stop, 'osdbg.only(user="me")')
        self.assertIn("'user'", str(caught.exception))
        stop.resume()
        self.assertEqual(200, pending.result()[0])
        self.assert_passes()
        self.assert_stops(client, X_Mine='yes')
        client.detach()

    def test_is_over_when_the_client_has_left(self):
        client = self.begin('threads')
        pending = fetch_later(self.worker, '/work')
        stop = client.wait_stopped()
        self.say(stop, 'osdbg.only(path="^/nowhere")')
        client.detach()
        self.assertEqual(200, pending.result()[0])
        client = self.client(self.port)
        client.break_at(APP, line_of('handler'))
        client.attach()
        self.assert_stops(client)
        client.detach()


@spread
class TokenTest(ChosenTestCase):
    """The options ``only_header`` and ``only_token`` of the paste filter."""

    OPTIONS = {'only_header': 'X-OSDBG', 'only_token': TOKEN}

    @on_servers
    def test_only_who_has_it(self, server):
        client = self.begin(server, **self.OPTIONS)
        self.assert_passes()
        self.assert_passes(X_OSDBG='something else')
        self.assert_stops(client, X_OSDBG=TOKEN)
        self.assert_passes()
        client.detach()

    @on_servers
    def test_breakpoint_in_the_code(self, server):
        client = self.begin(server, mark='handler', **self.OPTIONS)
        self.assert_passes('/breakpoint')
        pending = fetch_later(self.worker, '/breakpoint', X_OSDBG=TOKEN)
        client.wait_stopped().resume()
        self.assertEqual(200, pending.result()[0])
        client.detach()

    @on_servers
    def test_others_are_not_traced(self, server):
        client = self.begin(server, mark='handler', **self.OPTIONS)
        path = '/thread?seconds=0.05'
        ours = fetch_later(self.worker, path, X_OSDBG=TOKEN)
        others = [fetch_later(self.worker, path) for _ in range(4)]
        for pending in others:
            self.assertIn(b'"traced": false', pending.result()[1])
        traced = b'true' if TRACES else b'false'
        self.assertIn(b'"traced": ' + traced, ours.result()[1])
        # Nor has that been the end of it.
        self.assert_stops(client, X_OSDBG=TOKEN)
        client.detach()

    @on_servers
    def test_exceptions(self, server):
        client = self.begin(server, **self.OPTIONS)
        self.session.request(
            'setExceptionBreakpoints', filters=['raised'], filterOptions=[]
        )
        self.assertEqual(500, fetch(self.worker, '/escape')[0])
        pending = fetch_later(self.worker, '/escape', X_OSDBG=TOKEN)
        stop = client.wait_stopped('exception')
        while stop.function != 'escape':  # libraries raise some, too
            stop.resume()
            stop = client.wait_stopped('exception')
        self.assert_at(stop, 'escape', PASTE_APP)
        client.detach()
        self.assertEqual(500, pending.result()[0])

    def test_step_goes_on_among_others(self):
        client = self.begin('eventlet', mark='walk', **self.OPTIONS)
        pending = fetch_later(self.worker, '/walk?name=a', X_OSDBG=TOKEN)
        others = []
        stop = client.wait_stopped()
        line = stop.line
        while line < line_of('walk end'):
            others.append(fetch_later(self.worker, '/walk?name=bb'))
            stop = stop.step()
            line += 1
            self.assertEqual((line, "'a'"), (stop.line, stop.evaluate('name')))
        stop.resume()
        for request in (pending, *others):
            self.assertEqual(200, request.result()[0])
        client.detach()

    def test_a_half_stops_nobody(self):
        client = self.begin('threads', only_header='X-OSDBG')
        self.assertIn('set both, or neither', self.service.log)
        self.assert_passes(X_OSDBG='')
        self.assert_passes(X_OSDBG='x')
        client.detach()

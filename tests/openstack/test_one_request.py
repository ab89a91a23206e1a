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

"""One request, followed from a WSGI service into nova-conductor."""

import http.client
import json
import pathlib
import uuid

from tests.functional.harness import free_port
from tests.functional.harness import line_of
from tests.functional.harness import Pending
from tests.functional.harness import TIMEOUT
from tests.openstack import cases
from tests.openstack import conductor
from tests.openstack import venvs

FRONT = str(venvs.HERE / 'programs' / 'rpc_front.py')
PASTE_FILE = """
[pipeline:main]
pipeline = request_id remote_debug front
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:remote_debug]
paste.filter_factory = osdbg.integrations.paste:filter_factory
port = {port}
name = front
[app:front]
paste.app_factory = rpc_front:app_factory
token = {token}
"""
HERE = '__import__("osdbg").here({})'
CURRENT = '__import__("osdbg.chosen").chosen.current().{}'


class Front(cases.OpenStackProcess):
    """``programs/rpc_front.py``, which calls the conductor."""

    def wait_port(self):
        return int(self.wait_log(r'LISTENING port=(\d+)')[0].group(1))

    def fetch(self, path='/version', **headers):
        """Return the status and the decoded answer."""
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.wait_port(), timeout=2 * TIMEOUT
        )
        try:
            words = {k.replace('_', '-'): v for k, v in headers.items()}
            connection.request('GET', path, headers=words)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def fetch_later(self, path='/version', **headers):
        return Pending(lambda: self.fetch(path, **headers))


class RequestCase(conductor.ConductorTestCase):
    MODE = ''

    def begin(self, *options, token='', armed=True):
        """Start both services at one port.

        :param options: of ``osdbg run``, for the conductor
        :param armed: whether the conductor has osdbg at all
        """
        self.port, self.options = free_port(), options
        self.conductor = self.start_conductor(
            self.MODE, port=self.port if armed else None
        )
        paste_file = pathlib.Path(self.directory) / 'api-paste.ini'
        paste_file.write_text(PASTE_FILE.format(port=self.port, token=token))
        config = conductor.write_config(self.directory, self.broker.url)
        words = [self.program('python'), FRONT, str(paste_file)]
        environ = dict(self.environ, **conductor.MODES['threading'])
        self.front = self.start(
            Front([*words, '--config-file', config], environ, 'front')
        )
        self.front.wait_port()
        self.answer = self.front.fetch()[1]['answer']

    def under_osdbg(self, command, port):
        words = ['osdbg', 'run', '--port', str(port), *self.options]
        return [*words, '--', *command]

    def attach(self, condition=None):
        """Attach to all three processes, with a breakpoint in each."""
        client = self.client(self.port)
        self.manager = self.module(conductor.MANAGER)
        if condition:
            line = cases.line_with(self.manager, conductor.BREAKPOINT)
            for place in (
                (FRONT, line_of('front', FRONT)),
                (self.manager, line),
            ):
                client.break_at(*place, condition=HERE.format(condition))
        client.attach()
        for pid in (self.front.pid, *self.conductor.wait_workers()):
            client.wait_pid(pid)
        return client

    def follow(self, client, told, **headers):
        """Stop in both processes in one request, and in no other.

        :param told: what is asked of it in both
        :returns: the answers
        """
        told = CURRENT.format(told)
        self.assert_run_by()
        request = self.front.fetch_later(**headers)
        stop = client.wait_stopped()
        self.assertEqual(self.front.pid, stop.session.pid)
        self.assertEqual(line_of('front', FRONT), stop.line)
        answers = [stop.evaluate(told)]
        others = [self.front.fetch_later() for _ in range(4)]
        stop.resume()
        stop = client.wait_stopped()
        self.assertIn(stop.session.pid, self.conductor.workers())
        self.assertEqual(self.manager, stop.path)
        answers.append(stop.evaluate(told))
        stop.resume()
        for pending in (request, *others):
            status, body = pending.result()
            self.assertEqual((200, self.answer), (status, body['answer']))
        self.request_id = request.result()[1]['id']
        self.assert_run_by()
        for session in client.live:
            self.assertFalse(session.events_of('stopped'))
        return answers

    def assert_run_by(self):
        """Let others be served, in every process."""
        for _ in range(2 * cases.WORKERS):
            status, body = self.front.fetch(X_OSDBG='guessed')
            self.assertEqual((200, self.answer), (status, body['answer']))
            self.assertEqual(self.answer, self.rpc.call())

    def assert_ended_well(self):
        self.assertEqual(0, self.conductor.stop()[0])
        for process in (self.conductor, self.front):
            self.assertNotIn('please report it', process.log)
            self.assertNotIn('osdbg failed', process.log)


class Requests:
    """What is the same in both modes of nova."""

    def test_by_its_id(self):
        self.begin()
        wanted = f'req-{uuid.uuid4()}'
        client = self.attach(f'request_id="{wanted}"')
        for _ in range(2):
            front, back = self.follow(
                client, 'title', X_Openstack_Request_Id=wanted
            )
            self.assertEqual(f"'GET /version {self.request_id}'", front)
            # As the message says it, whatever becomes of its context.
            self.assertEqual(
                f"'RPC object_class_action_versions {self.request_id}'", back
            )
        client.detach()
        self.assert_run_by()
        self.assert_ended_well()

    def test_by_its_token(self):
        self.begin(token='secret')
        client = self.attach('marked=True')
        for _ in range(2):
            self.follow(client, 'path', X_OSDBG='secret')
        client.detach()
        self.assert_run_by()
        self.assert_ended_well()

    def test_by_its_token_to_who_has_no_osdbg(self):
        self.begin(token='secret', armed=False)
        status, body = self.front.fetch(X_OSDBG='secret')
        self.assertEqual((200, self.answer), (status, body['answer']))
        self.assert_ended_well()

    def test_by_its_project(self):
        self.begin()
        client = self.attach('project_id="of ours"')
        found = self.follow(client, 'project_id', X_Project_Id='of ours')
        self.assertEqual(["'of ours'"] * 2, found)
        client.detach()
        self.assert_ended_well()

    def test_exceptions(self):
        self.begin('--break-on-exception')
        failures = ('/not_found', '/no_such_method', '/unknown_class')
        plain = [self.front.fetch(path)[1]['error'] for path in failures]
        client = self.attach()
        for path, error in zip(failures[:2], plain):
            self.assertEqual(error, self.front.fetch(path)[1]['error'])
        pending = self.front.fetch_later(failures[2])
        stop = client.wait_stopped()
        self.assertEqual('exception', stop.reason)
        self.assertIn(stop.session.pid, self.conductor.workers())
        self.assertEqual('obj_class_from_name', stop.function)
        self.assertEqual("'NoSuchThing'", stop.evaluate('objname'))
        names = [frame['name'] for frame in stop.frames]
        self.assertIn('object_class_action_versions', names)
        title = stop.evaluate(CURRENT.format('title'))
        stop.resume()
        status, body = pending.result()
        self.assertEqual((500, plain[2]), (status, body['error']))
        self.assertIn(body['id'], title)
        client.detach()
        self.assertEqual(plain[2], self.front.fetch(failures[2])[1]['error'])
        self.assert_run_by()
        self.assert_ended_well()


class EventletTest(Requests, RequestCase):
    MODE = 'eventlet'


class ThreadingTest(Requests, RequestCase):
    MODE = 'threading'

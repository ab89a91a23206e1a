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

"""Programs without a server of their own: Flask, ``-m``, plain scripts."""

import os
import signal
import sys

from tests.functional.harness import free_port
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.servers import program
from tests.functional.servers import ServerTestCase

FLASK = '''
import os
import flask

app = flask.Flask(__name__)


@app.route("/work")
def work():
    answer = "unchanged"
    return {"answer": answer, "pid": os.getpid()}  # BREAK work
'''
SERVE = '''
import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
from api_app import application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(sys.argv[1]), application, Server)
    server.serve_forever()
'''
WAYS = ('script', 'module', 'package', 'command')


@spread
class PlainTest(ServerTestCase):
    def words(self, way):
        port = str(self.http_port)
        script = self.write('serve.py', SERVE)
        if way == 'script':
            return [sys.executable, script, port]
        if way == 'module':
            return [sys.executable, '-m', 'serve', port]
        if way == 'package':
            os.mkdir(os.path.join(self.directory, 'serving'))
            self.write('serving/__init__.py', '')
            self.write('serving/__main__.py', SERVE)
            return [sys.executable, '-m', 'serving', port]
        command = self.write('serve-it', f'#!{sys.executable}\n{SERVE}')
        os.chmod(command, 0o755)
        return [command, port]

    @over(WAYS)
    def test_plain_programs(self, way):
        self.environ['PYTHONPATH'] += os.pathsep + self.directory
        self.start(self.words(way))
        for _ in range(2):
            client = self.attach(self.port, 'handler')
            for _ in range(3):
                self.assertEqual(self.server.pid, self.stop_and_go(client))
            client.detach()
        self.check_log()
        self.check_stop(code=-signal.SIGTERM)


class FlaskTest(ServerTestCase):
    def setUp(self):
        super().setUp()
        self.app = self.write('hello.py', FLASK)

    def flask(self, *options):
        words = [program('flask'), '--app', self.app, 'run']
        return [*words, '--port', str(self.http_port), *options]

    def attach_to_flask(self):
        client = self.client(self.port)
        client.break_at(self.app, line_of('work', self.app))
        client.attach()
        return client

    def wait_child(self, client, *before):
        """Wait for the program that the reloader starts, or starts anew."""
        known = {self.server.pid, *before}
        wait_until('the program', lambda: set(client.attached()) - known)

    def stop_in_flask(self, client):
        pending = self.get_later('/work')
        stop = client.wait_stopped()
        self.assert_at(stop, 'work', self.app)
        stop.set('answer', "'changed'")
        stop.resume()
        return self.assert_answered(pending, answer='changed')['pid']

    def wait_ready(self):
        self.server.wait_log('Running on http')

    def test_without_the_reloader(self):
        self.start(self.flask('--no-reload'))
        for _ in range(2):
            client = self.attach_to_flask()
            for _ in range(3):
                self.assertEqual(self.server.pid, self.stop_in_flask(client))
            client.detach()
        self.check_stop(code=-signal.SIGTERM)

    def test_with_the_reloader(self):
        self.start(self.flask('--reload'), '--follow-exec')
        client = self.attach_to_flask()
        self.wait_child(client)
        pid = self.stop_in_flask(client)
        self.assertNotEqual(self.server.pid, pid)
        self.write('hello.py', FLASK + '\n')
        self.wait_child(client, pid)
        self.assertNotIn(self.stop_in_flask(client), (self.server.pid, pid))

    def test_with_the_reloader_and_without_follow_exec(self):
        self.start(self.flask('--reload'))
        self.server.wait_log('--follow-exec')
        self.check_log('--follow-exec')
        self.assertEqual(200, self.get('/work')[0])

    def test_two_programs_on_two_ports(self):
        self.start(self.flask('--no-reload'))
        first = self.attach_to_flask()
        port, self.port = self.port, free_port()
        self.http_port = free_port()
        self.start(self.flask('--no-reload'))
        second = self.attach_to_flask()
        self.assertNotEqual(port, self.port)
        self.assertEqual(self.server.pid, self.stop_in_flask(second))
        self.assertEqual(1, len(first.attached()))

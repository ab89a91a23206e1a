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

from tests.functional.fresh import armed

SERVE = '''
import io
from eventlet.green import socket
from eventlet import wsgi
from osdbg import activities
from osdbg import chosen
from osdbg import integrations

integrations.disable()
original = wsgi.HttpProtocol.handle_one_response
integrations.enable('eventlet_wsgi')
assert original is not wsgi.HttpProtocol.handle_one_response

seen = []

def application(environ, start_response):
    seen.append((activities.current.get(), chosen.here(path='^/known')))
    if environ['PATH_INFO'] == '/fails':
        raise LookupError
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']

def ask(*paths):
    """Serve requests that come over one connection."""
    del seen[:]
    ours, theirs = socket.socketpair()
    for path in paths:
        ours.sendall(f'GET {path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'.encode())
    ours.shutdown(socket.SHUT_WR)
    log = io.StringIO()
    server = wsgi.Server(theirs, ('', 0), application, log=log)
    state = [('', 0), theirs, wsgi.STATE_IDLE]
    server.process_request(state)
    theirs.close()
    answers = ours.makefile('rb').read()
    assert activities.current.get() is None
    return answers
'''


class EventletWsgiTest(armed.ArmedTestCase):
    def assert_served(self, program):
        self.assert_armed(SERVE + program + "print('OK')\n")

    def test_is_known_while_a_client_is_attached(self):
        self.assert_served('''
assert ask('/known').count(b'ok') == 1
assert seen == [(None, True)], seen  # by the stack
agent().debugger.attached = True
assert ask('/known', '/other').count(b'ok') == 2
told = [(activity.path, here) for activity, here in seen]
assert told == [('/known', True), ('/other', False)], told
agent().debugger.attached = False
''')

    def test_is_over_when_it_has_failed(self):
        self.assert_served('''
agent().debugger.attached = True
assert b' 500 ' in ask('/fails')
assert seen[0][0].path == '/fails'
agent().debugger.attached = False
''')

    def test_is_undone(self):
        self.assert_served('''
integrations.disable()
assert wsgi.HttpProtocol.handle_one_response is original
''')

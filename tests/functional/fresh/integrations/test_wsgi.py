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

"""The wrapper is not there when osdbg is off, and not noticed when it is."""

from tests.functional.harness import free_port
from tests.unit import fresh

HEAD = '''
import os, socket, sys
from oslo_config import cfg
import osdbg
from osdbg.integrations.wsgi import wrap

def app(environ, start_response):
    return environ['answer']

def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]
'''
OFF = '''
private = cfg.ConfigOpts()
private([], project='placement', default_config_files=[])
for conf in (None, private):
    assert wrap(app, conf, break_on_path='^/', break_on_exception=True) is app
assert 'osdbg.agent' not in sys.modules
print('OK')
'''
PRIVATE = '''
private = cfg.ConfigOpts()
private([], project='placement', default_config_files=[])
osdbg.register_opts(private)
private.set_override('port', free_port(), group='remote_debug')
wrapped = wrap(app, private, break_on_path='^/', break_on_exception=True)
assert wrapped is not app
assert osdbg.status().state == 'armed'
answer = iter('answer')
assert wrapped({'answer': answer}, print) is answer
assert wrapped.__name__ == 'app'
print('OK')
'''
COMPILED = '''
import re
os.environ['OS_REMOTE_DEBUG__PORT'] = str(free_port())
wrapped = wrap(
    app, break_on_path=re.compile('^/v3'), break_on_request_id=5
)
assert wrapped._osdbg_path.search('/v3')
assert wrapped._osdbg_request_id is None
print('OK')
'''
FORKED = '''
os.environ['OS_REMOTE_DEBUG__PORT'] = str(free_port())
from osdbg import settings
wrapped = wrap(app)
parent = osdbg.status()._agent
def in_child():
    assert wrapped({'answer': ()}, print) == ()
    agent = osdbg.status()._agent
    assert (agent.pid, agent.parent) == (os.getpid(), parent_id)
parent_id = parent.id
pid = os.fork()
if not pid:
    status = 1
    try:
        in_child()
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(pid, 0)[1] == 0
print('OK')
'''
UNNOTICED = '''
os.environ['OS_REMOTE_DEBUG__PORT'] = str(free_port())
from osdbg.integrations.wsgi_application import DebuggedApplication
for _ in range(2):
    wrapped = DebuggedApplication(app, None, {})
    # As where uWSGI has forked, and no hook has run.
    wrapped._osdbg_pid = os.getppid()
    assert wrapped({'answer': ()}, print) == ()
    assert osdbg.status().state == 'armed'
    assert len(os.listdir('/proc/self/task')) == 2
print('OK')
'''
REFUSED = '''
import logging
logging.basicConfig(format='%(message)s', stream=sys.stdout)
os.environ['OS_REMOTE_DEBUG__PORT'] = 'none'
os.environ['OS_REMOTE_DEBUG__REQUIRED'] = 'true'
from osdbg.integrations.wsgi_application import DebuggedApplication
wrapped = DebuggedApplication(app, None, {})
wrapped._osdbg_pid = os.getppid()
for _ in range(2):
    assert wrapped({'answer': ()}, print) == ()
'''


class TestWrap(fresh.FreshTestCase):
    def test_off(self):
        self.assert_ok(HEAD + OFF)

    def test_private_configuration(self):
        self.assert_ok(HEAD + PRIVATE)

    def test_what_is_no_text(self):
        done = fresh.run(HEAD + COMPILED)
        self.assertEqual((0, 'OK\n'), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('break_on_request_id', done.stderr)

    def test_fork(self):
        self.assert_ok(HEAD + FORKED)

    def test_fork_that_nobody_noticed(self):
        self.assert_ok(HEAD + UNNOTICED)

    def test_nothing_of_ours_reaches_a_request(self):
        done = fresh.run(HEAD + REFUSED)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertRegex(
            done.stdout, r'^osdbg failed in a request: .* port = none .*\n$'
        )


TERMINAL = """
import logging, os, socket, threading, time
from osdbg.integrations import wsgi

lines = []

class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

logging.getLogger('osdbg').addHandler(Keep())
port = int(os.environ['OS_REMOTE_DEBUG__PORT'])
shown = []

def terminal():
    while True:
        try:
            sock = socket.create_connection(('127.0.0.1', port))
            break
        except OSError:
            time.sleep(0.05)
    sock.settimeout(20)
    sock.sendall(b'c\\n')
    while data := sock.recv(4096):
        shown.append(data.decode())

def app(environ, start_response):
    answer = [b'answer']
    return answer

thread = threading.Thread(target=terminal, daemon=True)
thread.start()
wrapped = wsgi.wrap(app, break_on_path='^/stop', break_on_exception=True)
assert wrapped({'PATH_INFO': '/go'}, None) == [b'answer']
assert not shown
assert wrapped({'PATH_INFO': '/stop'}, None) == [b'answer']
thread.join(20)
assert 'app()' in ''.join(shown), shown
(line,) = [line for line in lines if 'break_on_exception' in line]
assert 'beyond backend = rpdb: write backend = debugpy' in line, line
print('OK')
"""


class TestTerminal(fresh.FreshTestCase):
    """With pdb nobody is attached before a thread has stopped."""

    def test_a_path_opens_a_prompt(self):
        self.assert_ok(
            TERMINAL,
            OS_REMOTE_DEBUG__PORT=str(free_port()),
            OS_REMOTE_DEBUG__BACKEND='rpdb',
        )

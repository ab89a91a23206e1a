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


"""What the debugger has green threads do, and hubs that are woken for it."""

from tests.unit import fresh

BEGIN = """
import eventlet
eventlet.monkey_patch()
import _socket, greenlet, os, socket, sys, time
from osdbg.backends import _debugpy
from osdbg.backends import _pydevd_green as green
from osdbg.backends import _pydevd_steps as steps
from osdbg import greenlets
from osdbg import settings
from osdbg import waiting

# As in a service: somebody waits for a request.
server = socket.create_server(('127.0.0.1', 0))
eventlet.spawn(server.accept)
time.sleep(0)
hub = eventlet.hubs.get_hub()

def until(probe):
    deadline = time.monotonic() + 20
    while not probe():
        assert time.monotonic() < deadline, 'too late'
        time.sleep(0.01)

def aside(call):
    done = []
    waiting.start_new_thread(lambda: done.append(call()), ())
    until(lambda: done)

def load():
    ours, theirs = _socket.socketpair()
    backend = _debugpy.DebugpyBackend(settings.Settings())
    aside(lambda: backend.load(ours))
    ident = waiting.get_ident()
    # Where there are green threads, they are followed from the beginning.
    until(lambda: ident in steps._Session.threads)
    return theirs, backend, steps._Session.threads[ident]

def ask(found):
    # Whom the hub would show in its own place.
    shown = []
    hub.schedule_call_global(0, lambda: shown.append(green._other(found)))
    until(lambda: shown)
    return shown[0]
"""
FOLLOWS = """
theirs, backend, found = load()
parks = eventlet.spawn(time.sleep, 1000)
time.sleep(0)
# In the hub it is who ran last, and elsewhere whoever runs.
assert ask(found) is greenlet.getcurrent()
assert green._other(found) is None
aside(backend.unload)
time.sleep(0)
time.sleep(0)
assert greenlet.gettrace() is None and not steps._Session.threads
print('OK', flush=True)
os._exit(0)
"""
NOBODY_RAN = """
theirs, backend, found = load()
found._ran.clear()
found.end()
# Any that is parked is better than the hub.
other = ask(found)
assert isinstance(other, greenlet.greenlet) and other is not hub.greenlet
print('OK', flush=True)
os._exit(0)
"""
FAILS = """
import logging
lines = []

class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

logging.getLogger('osdbg').addHandler(Keep())
called = []

def fails():
    called.append(greenlets.in_hub())
    raise LookupError('ours')

for turn in (1, 2):
    aside(lambda: green._wake(fails))
    until(lambda: len(called) == turn)
    time.sleep(0.01)
assert called == [True, True]
# The hub says nothing of it, and goes on.
(line,) = lines
assert "osdbg failed (LookupError('ours') in __main__.fails)" in line, line
client = socket.create_connection(server.getsockname())
print('OK', flush=True)
os._exit(0)
"""


class GreenTest(fresh.FreshTestCase):
    def test_begins_and_ends(self):
        self.assert_ok(BEGIN + FOLLOWS)

    def test_whom_to_show_if_nobody_is_known(self):
        self.assert_ok(BEGIN + NOBODY_RAN)

    def test_a_failure_of_ours(self):
        for name in ('epolls', 'poll', 'asyncio'):
            with self.subTest(name):
                self.assert_ok(BEGIN + FAILS, EVENTLET_HUB=name)

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


"""Have eventlet's hubs do something, from another native thread."""

from tests.unit import fresh

HEAD = """
import eventlet
eventlet.monkey_patch()
import os, socket, sys, time
from osdbg import greenlets
from osdbg import hubs

native = eventlet.patcher.original
hub = eventlet.hubs.get_hub()
done = []

def call():
    assert greenlets.in_hub()
    done.append(time.monotonic())

def aside(function):
    # A thread like the agent's.
    native('_thread').start_new_thread(function, ())

def descriptors():
    return sorted(os.listdir('/proc/self/fd'))

def listeners():
    return {kind: sorted(each) for kind, each in hub.listeners.items()}

def until(probe, seconds=20):
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, 'too late'
        time.sleep(0.01)
"""
# As in a service: somebody waits for a request.
SERVES = """
server = socket.create_server(('127.0.0.1', 0))
eventlet.spawn(server.accept)
time.sleep(0)
"""
WOKEN = """
before = descriptors(), listeners()

def wake():
    native('time').sleep(0.1)
    (found,) = hubs.find()
    assert found is hub
    began.append(time.monotonic())
    hubs.call_soon(found, call)

began = []
aside(wake)
woken = eventlet.event.Event()
then, call = call, lambda: (then(), woken.send())
with eventlet.Timeout(20):
    woken.wait()
assert done[0] - began[0] < 1, (began, done)
until(lambda: (descriptors(), listeners()) == before)
assert len(done) == 1
print('OK')
"""
OFTEN = """
before = descriptors(), listeners()

def wake():
    for _ in range(200):
        hubs.call_soon(hub, call)

for _ in range(4):
    aside(wake)
# What goes on in green threads meanwhile goes on.
ours, theirs = socket.socketpair()

def echo():
    while data := theirs.recv(10):
        theirs.sendall(data)
    theirs.close()

green = eventlet.spawn(echo)
for _ in range(200):
    ours.sendall(b'x')
    assert ours.recv(10) == b'x'
ours.close()
green.wait()
until(lambda: len(done) == 800)
assert (descriptors(), listeners()) == before
assert hubs._calls == []
print('OK')
"""
NEXT = """
before = descriptors(), listeners()
start = time.monotonic()
aside(lambda: (native('time').sleep(0.1), hubs.call_soon(hub, call)))
time.sleep(0.5)
until(lambda: done)
assert time.monotonic() - start < 5
assert (descriptors(), listeners()) == before
print('OK')
"""
SEVERAL = """
# Not of a thread that has begun to use green threads, and no more.
assert hubs.find() == [], hubs.find()
ready = []

def thread():
    eventlet.spawn(time.sleep, 0)
    time.sleep(0.01)
    ready.append(eventlet.hubs.get_hub())
    while True:
        time.sleep(0.01)

for _ in range(2):
    aside(thread)
until(lambda: len(ready) == 2)
found = hubs.find()
assert len(found) == 3 and {hub, *ready} == {*found}, found
idents = []
for each in ready:
    hubs.call_soon(each, lambda: idents.append(
        native('_thread').get_ident()))
until(lambda: len(idents) == 2)
assert len({*idents, native('_thread').get_ident()}) == 3
# At the end of the interpreter they would be in the midst of their hubs.
print('OK', flush=True)
os._exit(0)
"""
FORK = """
before = descriptors(), listeners()
# While this green thread runs, the hub does nothing yet.
hubs.call_soon(hub, call)
assert len(hubs._calls) == 1 and not done
pid = os.fork()
if not pid:
    status = 1
    try:
        hubs.forget()
        assert hubs._calls == []
        assert (descriptors(), listeners()) == before
        eventlet.hubs.use_hub()
        time.sleep(0.2)
        assert not done
        status = 0
    finally:
        os._exit(status)
assert native('os').waitpid(pid, 0)[1] == 0
until(lambda: done, 5)
assert (descriptors(), listeners()) == before
print('OK')
"""
NONE = """
import sys
from osdbg import hubs
assert hubs.find() == []
hubs.forget()
assert 'eventlet' not in sys.modules
print('OK')
"""


class HubsTest(fresh.FreshTestCase):
    def test_one_that_waits_in_epoll(self):
        self.assert_ok(HEAD + SERVES + WOKEN)

    def test_one_on_asyncio(self):
        self.assert_ok(HEAD + SERVES + WOKEN, EVENTLET_HUB='asyncio')

    def test_others_do_so_next(self):
        for name in ('poll', 'selects'):
            with self.subTest(name):
                self.assert_ok(HEAD + SERVES + NEXT, EVENTLET_HUB=name)

    def test_one_that_listens_to_nobody(self):
        # It sleeps, and not in epoll.
        self.assert_ok(HEAD + NEXT)

    def test_called_often(self):
        for name in ('epolls', 'asyncio'):
            with self.subTest(name):
                self.assert_ok(HEAD + SERVES + OFTEN, EVENTLET_HUB=name)

    def test_of_several_threads(self):
        self.assert_ok(HEAD + SEVERAL)

    def test_fork(self):
        self.assert_ok(HEAD + SERVES + FORK)

    def test_without_eventlet(self):
        self.assert_ok(NONE)

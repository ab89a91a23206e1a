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

"""A service forks, or begins a thread, at the worst moment for pydevd."""

from tests.functional.harness import available
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase
from tests.functional import test_pydevd

ENGINES = ('eventlet', 'none')
# Each thread takes it that the debugger has not met yet.
LOCK = (
    'sys.modules["_pydevd_bundle.pydevd_additional_thread_info"]'
    '._set_additional_thread_info_lock'
)
HOLD = (
    '[os.register_at_fork(before=lock.acquire, after_in_parent=lock.release)'
    f' for lock in [{LOCK}]]'
)

# What a load of the debugger does, while a thread that begins waits for it.
TRACE_ALL = f"""
import sys, threading, time
from osdbg import waiting
pydevd = sys.modules['pydevd']
sys.begun = threading.Event()

def trace_all():
    own = pydevd.pydevd_tracing.threading.current_thread()
    own.pydev_do_not_trace = own.is_pydev_daemon_thread = True
    py_db = pydevd.get_global_debugger()
    with {LOCK}:
        thread = threading.Thread(target=sys.begun.set, daemon=True)
        waiting.start_new_thread(thread.start, ())
        time.sleep(0.3)
        py_db.enable_tracing(py_db.trace_dispatch, apply_to_all_threads=True)

waiting.start_new_thread(trace_all, ())
"""
TRACE_ALL_NOW = f'exec({TRACE_ALL!r}, {{}})'
BEGUN = 'sys.begun.is_set()'


# The same, while a thread that begins asks whether it is one: it goes on when
# that is done, or enters itself while a dummy is made of it.
TRACE_UNKNOWN = """
import sys, threading, time
from osdbg import threads, waiting
pydevd = sys.modules['pydevd']
asking, entering = waiting.Event(), waiting.Event()

def body():
    time.sleep(0.5)
    work({})
    print('BODY ENDS', flush=True)

thread = threading.Thread(target=body, daemon=True)
ask = threads._is_green

def ask_slowly(one):
    if one is thread and not one._started.is_set():
        asking.set()
        entering.wait(5)
    return ask(one)

def trace_all():
    table = pydevd.pydevd_tracing.threading
    own = table.current_thread()
    own.pydev_do_not_trace = own.is_pydev_daemon_thread = True
    py_db = pydevd.get_global_debugger()
    threads._is_green = ask_slowly
    waiting.start_new_thread(thread.start, ())
    asking.wait(10)
    make = table._DummyThread.__init__
    def make_slowly(*args, **kwargs):
        make(*args, **kwargs)
        if meanwhile:
            entering.set()
        time.sleep(0.2)
    table._DummyThread.__init__ = make_slowly
    py_db.enable_tracing(py_db.trace_dispatch, apply_to_all_threads=True)
    entering.set()
    table._DummyThread.__init__ = make
    threads._is_green = ask

waiting.start_new_thread(trace_all, ())
"""


@test_pydevd.spread
class ForkTest(test_pydevd.PydevdTestCase):
    @test_pydevd.over(available(ENGINES))
    def test_child_is_debugged(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'handler', 'child')
        pending, stop = self.stop_in(ide, worker)
        self.assertIn('[None]', stop.evaluate(HOLD))
        stop.resume()
        self.assert_answered(pending)
        child = worker.get('/fork')[1]['child']
        stop = ide.wait_stopped()
        self.assertEqual(child, stop.link.pid)
        self.assert_at(stop, 'child')
        self.assertIn(f'pid_{child}_', stop.thread)
        stop.set('running', 'False')
        stop.resume()
        self.stop_and_go(ide, worker)


class BeginTest(OneServiceTestCase):
    def test_traced_meanwhile(self):
        (worker,) = self.start('none')
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        stop.evaluate(TRACE_ALL_NOW)
        wait_until('thread', lambda: 'True' == stop.evaluate(BEGUN))
        stop.resume()
        self.assert_answered(pending)
        client.detach()
        self.attach_again(worker)

    def test_dummy_made(self):
        self.meet_dummy(meanwhile=False)

    def test_dummy_made_meanwhile(self):
        self.meet_dummy(meanwhile=True)

    def meet_dummy(self, **names):
        (worker,) = self.start('none')
        client = self.attach(self.port, 'handler')
        pending, stop = self.stop_in(client, worker)
        given = f'dict({names!r}, work=work)'
        stop.evaluate(f'exec({TRACE_UNKNOWN!r}, {given})')
        other = client.wait_stopped()
        known = [thread['id'] for thread in other.session.threads()]
        self.assertIn(other.thread, known)
        other.resume()  # both
        self.assert_answered(pending)
        self.service.wait_log('BODY ENDS')
        client.detach()
        self.attach_again(worker)


@test_pydevd.spread
class BeginPydevdTest(test_pydevd.PydevdTestCase):
    @test_pydevd.over(available(('none',)))
    def test_traced_meanwhile(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'handler')
        pending, stop = self.stop_in(ide, worker)
        stop.evaluate(TRACE_ALL_NOW)
        wait_until('thread', lambda: 'True' in stop.evaluate(BEGUN))
        stop.resume()
        self.assert_answered(pending)
        self.stop_and_go(ide, worker)

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

"""No native thread of ours takes a lock that eventlet has made green.

A green thread that wants it meanwhile would wait for ever: who gives it back
in another thread wakes nobody here.
"""

from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.one_service import OneServiceTestCase
from tests.functional.prompt_case import PromptTestCase
from tests.functional import test_pydevd

WATCH = """
import _thread, os, sys, traceback
main, get_ident = _thread.get_ident(), _thread.get_ident

def watch(semaphore):
    acquire = semaphore.acquire
    def watched(self, *args, **more):
        if get_ident() != main:
            stack = ''.join(traceback.format_stack())
            if 'osdbg/' in stack or 'pydevd' in stack:
                os.write(2, f'GREEN LOCK taken here:\\n{stack}'.encode())
        return acquire(self, *args, **more)
    semaphore.acquire = watched

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != 'eventlet.semaphore':
            return None
        sys.meta_path.remove(Finder)
        import importlib.util
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            watch(module.Semaphore)
            os.write(2, b'WATCHED\\n')
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder)
"""
ENGINES = ('eventlet', 'thread_false')


class Watched:
    """A service that tells of such locks."""

    def setUp(self):
        super().setUp()
        self.run_first(WATCH)

    def assert_none_taken(self):
        self.service.wait_log('WATCHED')
        self.assertNotIn('GREEN LOCK', self.service.log)


@spread
class DebugpyTest(Watched, OneServiceTestCase):
    @over(ENGINES)
    def test_all_along(self, engine):
        (worker,) = self.start(engine, max_stop_seconds=60)
        for _ in range(2):
            client = self.attach(self.port, 'handler')
            pending, stop = self.stop_in(client, worker)
            self.assertEqual('2', stop.evaluate('1 + 1'))
            stop = self.step_to_the_end(stop)
            stop.resume()
            self.assert_answered(pending)
            client.detach()
            self.change_gateway()
        self.assert_none_taken()


@spread
class PromptTest(Watched, PromptTestCase):
    @over(ENGINES)
    def test_all_along(self, engine):
        worker = self.serve(engine)
        for _ in range(2):
            pending = self.call(worker)
            client = self.prompt()
            client.ask('p 6 * 7')
            client.type('c')
            client.expect_end()
            self.assert_answered(pending)
            self.change_gateway()
        self.assert_none_taken()


@test_pydevd.spread
class PydevdTest(Watched, test_pydevd.PydevdTestCase):
    @test_pydevd.over(('eventlet',))
    def test_all_along(self, backend, engine):
        (worker,) = self.start(backend, engine, 1)
        ide = self.debug([worker], 'handler')
        self.stop_and_go(ide, worker)
        self.assert_none_taken()

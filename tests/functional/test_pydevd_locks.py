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

"""A service forks while one of its threads holds a lock of pydevd's."""

from tests.functional.harness import available
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

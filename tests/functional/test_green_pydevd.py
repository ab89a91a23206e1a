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

"""Green threads with PyDev's and PyCharm's debuggers.

What carries over from debugpy: whose a step is, functions that ran before the
IDE came, and what a pause shows.
"""

from tests.functional.harness import APP
from tests.functional.harness import ENOUGH
from tests.functional.harness import line_of
from tests.functional.harness import wait_until
from tests.functional.pydev_ide import STEP_RETURN
from tests.functional.test_pydevd import over
from tests.functional.test_pydevd import PydevdTestCase
from tests.functional.test_pydevd import spread

WALK, GATE, CALL = map(line_of, ('walk', 'walk gate', 'walk call'))
ENGINES = ('eventlet',)


@spread
class GreenPydevdTest(PydevdTestCase):
    def arrive(self, ide, worker, name):
        pending = worker.get_later(f'/walk?name={name}')
        stop = ide.wait_stopped()
        self.assert_stopped(stop, name, WALK)
        return pending, stop

    def assert_stopped(self, stop, name, line):
        self.assertEqual((name, line), (stop.evaluate('name'), stop.line))

    @over(ENGINES)
    def test_step_outlives_others(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'walk')
        a, stop = self.arrive(ide, worker, 'a')
        while stop.line < GATE:
            stop = stop.step()
        stop.evaluate('gate.clear()')
        stop.link.send(108, stop.thread)
        b, stop = self.arrive(ide, worker, 'bb')
        stop = stop.step()
        self.assert_stopped(stop, 'bb', WALK + 1)
        stop.resume()
        self.assert_answered(b, name='bb')
        worker.get('/gate?name=a')
        stop = ide.wait_stopped()
        self.assert_stopped(stop, 'a', CALL)
        stop.resume()
        self.assert_answered(a, name='a')
        ide.hang_up()

    @over(ENGINES)
    def test_loop_of_before(self, backend, engine):
        (worker,) = self.start(backend, engine)
        pending = worker.get_later('/poll?name=a')
        wait_until(
            'the loop', lambda: worker.get('/gates')[1]['closed'] == ['a']
        )
        ide = self.ide('poll').listen()
        stop = ide.wait_stopped()
        self.assert_at(stop, 'poll')
        ide.hang_up()
        worker.get('/gate?name=a')
        self.assert_answered(pending, name='a')

    @over(ENGINES)
    def test_only(self, backend, engine):
        (worker,) = self.start(backend, engine)
        ide = self.debug([worker], 'handler', 'spin')
        pending = worker.get_later('/work')
        stop = ide.wait_stopped()
        stop.evaluate("__import__('osdbg').only(path='^/work')")
        stop.resume()
        self.assert_answered(pending)
        for _ in range(2):
            pending = worker.get_later('/thread')
            self.assert_answered(pending, traced=False)
            pending = worker.get_later('/work')
            stop = ide.wait_stopped()
            self.assert_at(stop, 'handler')
            stop.resume()
            self.assert_answered(pending)
        before = worker.busy()
        pending = worker.get_later('/spin?seconds=60')
        wait_until('it to spin', lambda: worker.busy() > before + 10)
        ide.running_links()[0].pause()
        stop = ide.wait_stopped()
        self.assertEqual(APP, stop.path)
        stop.evaluate(ENOUGH)
        stop.resume()
        self.assert_answered(pending)
        ide.hang_up()
        self.assert_answered(worker.get_later('/work'))

    @over(ENGINES)
    def test_pause_shows_who_ran_last(self, backend, engine):
        (worker,) = self.start(backend, engine)
        pending = worker.get_later('/poll?name=a')
        ide = self.debug([worker])

        def pause():
            link = ide.running_links()[0]
            link.pause()
            stop = ide.wait_stopped()
            if any(path == APP for _, _, path, _ in stop.frames):
                return stop
            return stop.resume()

        stop = wait_until('pause in it', pause)
        while stop.path != APP:
            stop = stop.step(STEP_RETURN)
        self.assertEqual('a', stop.evaluate("query['name']"))
        ide.hang_up()
        worker.get('/gate?name=a')
        self.assert_answered(pending, name='a')

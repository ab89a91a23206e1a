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


from tests.unit import fresh

IN_MAIN = '''
import threading, time
from osdbg import evaluation
main = threading.get_ident()

def forever():
    while True:
        pass

def later():
    time.sleep(0.2)
    evaluation.abandon(main)
'''


class TestAbandonInMain(fresh.FreshTestCase):
    def test_one_that_never_ends(self):
        self.assert_ok(
            IN_MAIN
            + '''
for _ in range(3):
    threading.Thread(target=later).start()
    assert evaluation.run(forever) is None
    assert not evaluation._running and not evaluation._calls
print('OK')
'''
        )

    def test_one_that_is_over(self):
        self.assert_ok(
            IN_MAIN
            + '''
thread = threading.Thread(target=later)
thread.start()
assert evaluation.run(time.sleep, 0.1) is None
thread.join()
time.sleep(0.1)
print('OK')
'''
        )

    def test_it_comes_to_its_own_green_thread(self):
        self.assert_ok(
            '''
import eventlet
eventlet.monkey_patch()
'''
            + IN_MAIN.replace('import threading, time', 'import time')
            .replace('threading.get_ident()', 'waiting.get_ident()')
            .replace('from osdbg', 'from osdbg import waiting\nfrom osdbg')
            + '''
done, other = [], []

def parked():
    try:
        time.sleep(60)
    except BaseException as exc:
        done.append(str(exc))
        raise

def busy():
    while not done:
        other.append(time.sleep(0.01))

def abandon():
    while not done:
        waiting.pause(0.05)
        evaluation.abandon(main)

threads = [eventlet.spawn(evaluation.run, parked), eventlet.spawn(busy)]
waiting.start_new_thread(abandon, ())
for thread in threads:
    assert thread.wait() is None
assert 'abandoned' in done[0], done
assert other
print('OK')
'''
        )

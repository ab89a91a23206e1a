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

"""All stand still if garbage is collected at the wrong moment (3.11)."""

from tests.functional.one_service import OneServiceTestCase

# A finalizer that lets others run, whenever garbage is collected; threads
# with frames that nobody has asked for yet; threads that begin and end.
LITTER = """
import gc, os, threading, time

class Slow:
    def __init__(self):
        self.me = self
    def __del__(self):
        time.sleep(0.0001)

def work():
    def rest():
        time.sleep(0.001)
    while True:
        rest()

def come_and_go():
    while True:
        thread = threading.Thread(target=time.sleep, args=(0.001,))
        thread.start()
        thread.join()

def begin():
    gc.callbacks.append(lambda phase, _: phase == 'stop' and Slow())
    gc.set_threshold(150)
    for function in [work] * 20 + [come_and_go] * 2:
        threading.Thread(target=function, daemon=True).start()

os.register_at_fork(after_in_child=begin)
"""


class GarbageTest(OneServiceTestCase):
    def test_clients_come_and_go(self):
        self.run_first(LITTER)
        (worker,) = self.start('none')
        for _ in range(5):
            self.attach_again(worker)

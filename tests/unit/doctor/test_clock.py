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

import time
import unittest

from osdbg.doctor import case
from osdbg.doctor import clock

PROCESS = {'name': 'svc', 'worker': 0, 'pid': 1}
KEYS: dict[str, object] = dict.fromkeys(case._KEYS, {})


def found(ahead, jumped):
    told = {
        'time': time.time() + ahead,
        'monotonic': time.monotonic(),
        'jumped': jumped,
    }
    patient = case.Patient(1, PROCESS, {**KEYS, 'clock': told})
    return [each.what for each in clock.examine(case.Case([patient]))]


class TestClock(unittest.TestCase):
    def test_the_same(self):
        self.assertEqual([], found(1, -1))

    def test_another(self):
        (what,) = found(-100, 0)
        self.assertIn('100 s behind', what)

    def test_one_that_was_set(self):
        (what,) = found(0, 50)
        self.assertIn('50 s ahead', what)

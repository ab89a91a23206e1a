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

"""An event is set once or often, and waited for by any number of threads."""

import threading
import unittest

from osdbg import waiting


class TestEvent(unittest.TestCase):
    def test_set_again_and_again(self):
        event = waiting.Event()
        self.assertFalse(event.wait(0.01))
        for _ in range(3):
            event.set()
            self.assertTrue(event.wait(0))

    def test_set_while_others_wait(self):
        event = waiting.Event()
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(event.wait(9)))
            for _ in range(8)
        ] + [threading.Thread(target=event.set) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([True] * 8, found)

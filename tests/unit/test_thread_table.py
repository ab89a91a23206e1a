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

"""The table of threads that a debugger is shown."""

import gc
import threading
import unittest
from unittest import mock

from osdbg import thread_table


class TestTable(unittest.TestCase):
    def test_nobody_is_put_into_it(self):
        mine, own = threading.get_ident(), {}
        thread_table.ThreadTable(own)[mine] = None
        self.assertEqual({}, own)

    def test_a_dummy_is_kept_for_another_thread(self):
        other, own = -1, {}
        dummy = type('_DummyThread', (), {'_native_id': 1})()
        thread_table.ThreadTable(own)[other] = dummy
        self.assertEqual({other: dummy}, own)
        self.assertIsNone(dummy._native_id)

    def test_threads_begin_while_garbage_is_collected(self):
        own = dict.fromkeys(range(-100, -1), mock.Mock(native_id=1))
        thread = mock.Mock(native_id=None)

        def begin(phase, info):
            own[len(own)] = thread

        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.callbacks.remove, begin)
        gc.callbacks.append(begin)
        gc.set_threshold(1)
        found = thread_table.ThreadTable(own).values()
        self.assertIn(thread, found)

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


import threading
import types
import unittest

from osdbg.backends import _pydevd_wake as wake


class WakeTest(unittest.TestCase):
    """With what pydevd has of threads that stop."""

    def setUp(self):
        self.events = {}
        events, went_on = self.events, threading.Event()
        self.went_on = went_on

        class PyDB:
            def get_internal_queue_and_event(self, thread_id):
                return None, events.setdefault(thread_id, threading.Event())

            def do_wait_suspend(self, thread, frame, *args, **kwargs):
                if frame is None:
                    raise LookupError('the client has left')
                events[thread].wait(30)
                went_on.set()

        class PyDevdAPI:
            # Which takes that of any thread, and may take the wrong one.
            def request_resume_thread(self, *args):
                self.resumed = args

        self.pydevd = types.SimpleNamespace(
            PyDB=PyDB,
            PyDevdAPI=PyDevdAPI,
            get_current_thread_id=lambda thread: thread,
        )
        wake.apply(self.pydevd)
        self.py_db = PyDB()

    def stop(self):
        """Stop a thread."""
        thread = threading.Thread(
            target=self.py_db.do_wait_suspend, args=('thread', 'frame')
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(wake.all_stopped)
        while 'thread' not in self.events:
            self.assertTrue(thread.is_alive())
        return thread

    def test_one_that_is_told_to_go_on(self):
        thread = self.stop()
        self.assertFalse(self.went_on.is_set())
        api = self.pydevd.PyDevdAPI()
        api.request_resume_thread('thread', 5)
        self.assertEqual(('thread', 5), api.resumed)
        self.assertTrue(self.went_on.wait(10))
        thread.join()
        self.assertEqual({}, wake._Session.events)

    def test_this_one(self):
        # Nothing is, where nothing is stopped.
        wake.this_one()
        self.stop()
        wake.this_one()
        self.assertFalse(self.events['thread'].is_set())
        self.events['main'] = threading.Event()
        seen = []

        class Event:
            def wait(self, seconds):
                wake.this_one()

            def set(self):
                seen.append(True)

        self.events['main'] = Event()
        self.py_db.do_wait_suspend('main', 'frame')
        self.assertEqual([True], seen)

    def test_a_stop_that_fails(self):
        with self.assertRaises(LookupError):
            self.py_db.do_wait_suspend('thread', None)
        self.assertEqual({}, wake._Session.events)

    def test_a_pydevd_that_looks_often(self):
        class PyDB:
            do_wait_suspend = None

        wake.apply(types.SimpleNamespace(PyDB=PyDB))
        self.assertIsNone(PyDB.do_wait_suspend)

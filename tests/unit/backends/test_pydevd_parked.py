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


"""Whom a client is shown beside the threads, while one is stopped."""

import gc
import sys
import types
import unittest

import greenlet

from osdbg.backends import _pydevd_parked as shown
from osdbg import waiting


def parks(name):
    greenlet.getcurrent().parent.switch()


class ShownTestCase(unittest.TestCase):
    def setUp(self):
        self.names = {}
        self.py_db = types.SimpleNamespace(
            cmd_factory=types.SimpleNamespace(**{shown._NAMES: self.names}),
            writer=None,
        )
        self.addCleanup(shown.begin)

    def begin(self, name='a', kind=greenlet.greenlet):
        one = kind(parks)
        one.switch(name)
        self.addCleanup(one.throw)
        return one

    def stop(self, thread_id='pid_1', main=None, ident=None):
        """Have it that a thread is stopped."""
        shown._Session.stopped[ident or waiting.get_ident()] = shown._Stopped(
            thread_id, shown._main() if main is None else main, sys._getframe()
        )

    def listed(self):
        """Return the ids of those that are listed."""
        shown._list(self.py_db.cmd_factory)
        self.assertEqual(set(self.names), set(shown._Session.listed))
        return [n for n, title in self.names.items() if 'parks' in title]


class ListTest(ShownTestCase):
    def test_only_while_a_thread_is_stopped(self):
        one = self.begin()
        self.assertEqual([], self.listed())
        self.stop()
        (frame_id,) = self.listed()
        self.assertTrue(frame_id.startswith('__frame__:'))
        self.assertTrue(frame_id.endswith('|pid_1'))
        self.assertIn('(test_pydevd_parked.py)', self.names[frame_id])
        self.assertIs(one, shown._Session.listed[frame_id].reference())
        # It is looked for once at each stop.
        self.begin('b')
        self.assertEqual([frame_id], self.listed())
        shown._forget(self.py_db, None)
        self.assertEqual({}, self.names)
        self.assertEqual(2, len(self.listed()))

    def test_the_same_at_the_next_stop(self):
        self.stop()
        for name in 'abc':
            self.begin(name)
        before = set(self.listed())
        self.assertEqual(3, len(before))
        shown._forget(self.py_db, None)
        self.begin('d')
        self.assertLess(before, set(self.listed()))

    def test_one_that_is_shown_as_a_thread(self):
        one = self.begin()
        self.stop()
        with self.assertRaises(LookupError), shown.as_thread(one):
            self.assertEqual([], self.listed())
            shown._forget(self.py_db, None)
            raise LookupError
        self.assertEqual(1, len(self.listed()))
        with shown.as_thread(None):
            self.assertEqual(1, len(self.listed()))

    def test_those_that_cannot_be_compared(self):
        class Odd(greenlet.greenlet):
            def __eq__(self, other):
                raise AssertionError('it was compared')

            __hash__ = None

        odd = self.begin(kind=Odd)
        self.stop()
        with shown.as_thread(self.begin()):
            (frame_id,) = self.listed()
            self.assertIs(odd, shown._Session.listed[frame_id].reference())
            shown._forget(self.py_db, None)
            self.assertEqual([frame_id], self.listed())

    def test_nobody_is_remembered_for_ever(self):
        self.stop()
        shown._Session.numbers.clear()
        ones = [self.begin() for _ in range(10)]
        self.assertEqual(10, len(self.listed()))
        known = len(shown._Session.numbers)
        self.doCleanups()
        ones.clear()
        gc.collect()
        shown._forget(self.py_db, None)
        self.assertEqual(known - 10, len(shown._Session.numbers))

    def test_what_others_list_there_stays(self):
        self.names['__frame__:of another'] = 'it'
        self.begin()
        self.stop()
        shown._list(self.py_db.cmd_factory)
        shown._forget(self.py_db, None)
        self.assertEqual({'__frame__:of another': 'it'}, self.names)


class StoppedForTest(ShownTestCase):
    def test_the_thread_that_it_is_of(self):
        self.stop('pid_1', main=5, ident=1)
        self.stop('pid_2', ident=2)
        self.begin()
        (frame_id,) = self.listed()
        self.assertTrue(frame_id.endswith('|pid_2'))

    def test_or_any_other(self):
        self.assertEqual('', shown._stopped_for(5))
        self.stop('pid_1', main=1, ident=1)
        self.stop('pid_2', main=2, ident=2)
        self.assertEqual('pid_1', shown._stopped_for(5))
        self.assertEqual('pid_2', shown._stopped_for(2))


class Tracker:
    def __init__(self):
        self.tracked = []

    def track(self, thread_id, frames, frame_custom_thread_id):
        self.tracked.append((thread_id, frames, frame_custom_thread_id))


class TrackTest(ShownTestCase):
    def setUp(self):
        super().setUp()
        self.trackers = {'pid_1': Tracker()}
        self.py_db.suspended_frames_manager = types.SimpleNamespace(
            get_frame_tracker=self.trackers.get
        )
        module = types.ModuleType('_pydevd_bundle.pydevd_frame_utils')
        module.FramesList = list
        for name in ('_pydevd_bundle', module.__name__):
            before = sys.modules.get(name)
            self.addCleanup(self.put_back, name, before)
            sys.modules[name] = module

    def put_back(self, name, module):
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module

    def track(self, frame_id):
        shown._track(self.py_db, frame_id)
        return self.trackers['pid_1'].tracked

    def test_its_stack(self):
        self.begin()
        self.stop()
        (frame_id,) = self.listed()
        ((thread_id, frames, number),) = self.track(frame_id)
        self.assertEqual(('pid_1', frame_id), (thread_id, number))
        self.assertEqual(['parks'], [f.f_code.co_name for f in frames])

    def test_known_already(self):
        self.begin()
        self.stop()
        (frame_id,) = self.listed()
        self.trackers[frame_id] = Tracker()
        self.assertEqual([], self.track(frame_id))

    def test_of_nobody(self):
        self.stop()
        self.assertEqual([], self.track('__frame__:99|pid_1'))
        self.assertEqual([], self.track('__frame__:'))

    def test_its_thread_has_gone_on(self):
        self.begin()
        self.stop()
        (frame_id,) = self.listed()
        tracked = self.trackers.pop('pid_1').tracked
        shown._track(self.py_db, frame_id)
        self.assertEqual([], tracked)


class NotingStopsTest(ShownTestCase):
    def test_from_begin_to_end(self):
        case = self

        class PyDB:
            cmd_factory = case.py_db.cmd_factory
            writer = None

            def do_wait_suspend(self, thread, frame, *args, **kwargs):
                case.seen = dict(shown._Session.stopped)
                case.titles = case.listed()
                if frame is None:
                    raise LookupError('it has been disposed of')

        pydevd = types.SimpleNamespace(
            PyDB=PyDB, get_current_thread_id=lambda thread: 'pid_1'
        )
        shown._note_stops(pydevd)
        self.begin()
        frame = sys._getframe()
        PyDB().do_wait_suspend(None, frame, 'line', None)
        stopped = shown._Stopped('pid_1', shown._main(), frame)
        self.assertEqual({waiting.get_ident(): stopped}, self.seen)
        self.assertEqual(1, len(self.titles))
        with self.assertRaises(LookupError):
            PyDB().do_wait_suspend(None, None, 'line', None)
        self.assertEqual({}, shown._Session.stopped)
        self.assertEqual({}, self.names)

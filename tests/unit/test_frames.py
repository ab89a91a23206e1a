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

"""Asking what threads are at ends no process, and changes nothing."""

import gc
import sys
import unittest

from osdbg import frames
from tests.unit.fresh import FreshTestCase
from tests.unit.litter import LITTER

ASK = """
from osdbg import frames
frames.protect()
begin(threshold=10)
for _ in range(100):
    sys._current_frames()
    time.sleep(0.002)
print('OK', flush=True)
os._exit(0)
"""


class CurrentTest(FreshTestCase):
    def test_garbage_is_collected_meanwhile(self):
        # Without the protection, Python 3.11 stands still in the first turns.
        self.assert_ok(f'{LITTER}\n{ASK}')

    def test_collection_stays_as_it_was(self):
        self.addCleanup(gc.enable)
        for wish in (gc.disable, gc.enable):
            wish()
            expected = gc.isenabled()
            self.assertIn(sys._getframe(), frames.current().values())
            self.assertEqual(expected, gc.isenabled())

    def test_audit_hook_refuses(self):
        self.assert_ok("""
            import gc, sys
            from osdbg import frames

            def refuse(event, arguments):
                if event == 'sys._current_frames':
                    raise PermissionError

            sys.addaudithook(refuse)
            for wish in (gc.disable, gc.enable):
                wish()
                expected = gc.isenabled()
                try:
                    frames.current()
                except PermissionError:
                    assert gc.isenabled() == expected
                else:
                    raise AssertionError
            print('OK')
            """)

    def test_asked_from_c(self):
        # As uWSGI does for --py-tracebacker.
        self.assert_ok("""
            import _thread, sys, time
            from osdbg import frames

            frames.protect()
            _thread.start_new_thread(sys._current_frames, ())
            time.sleep(0.1)
            print('OK')
            """)


class StackTest(unittest.TestCase):
    def test_frames_and_where_they_are(self):
        def inner():
            return frames.stack(sys._getframe(), 2)

        found = inner()
        (top, (code, instruction, line)), (caller, _) = found
        self.assertIs(inner.__code__, code)
        self.assertIs(code, top.f_code)
        self.assertEqual(inner.__code__.co_firstlineno + 1, line)
        self.assertGreater(instruction, 0)
        self.assertIs(sys._getframe(), caller)

    def test_to_the_outermost(self):
        found = frames.stack(sys._getframe(), 10_000)
        self.assertIsNone(found[-1][0].f_back)

    def test_collection_stays_as_it_was(self):
        self.addCleanup(gc.enable)
        for wish in (gc.disable, gc.enable):
            wish()
            expected = gc.isenabled()
            frames.stack(sys._getframe(), 5)
            self.assertIn('wish', frames.variables(sys._getframe()))
            self.assertEqual(expected, gc.isenabled())


class ProtectTest(unittest.TestCase):
    def test_ends(self):
        before = sys._current_frames
        end = frames.protect()
        unsafe = (3, 11) <= sys.version_info < (3, 11, 12)
        self.assertIs(
            frames.current if unsafe else before, sys._current_frames
        )
        end()
        self.assertIs(before, sys._current_frames)

    def test_begun_twice(self):
        # By a process that was forked in the midst of it.
        before = sys._current_frames
        frames.protect()
        frames.protect()()
        self.assertIs(before, sys._current_frames)

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


"""Whose step it is, with plain greenlets and what pydevd knows of a thread."""

import gc
import types
import unittest
import weakref

import greenlet

from osdbg.backends import _pydevd_green as green
from osdbg.backends import _pydevd_steps as steps

RUN, SUSPEND = 1, 2
STEP_OVER, STEP_IN, SUSPENDED = 108, 107, 105
PYDEVD = types.SimpleNamespace(STATE_RUN=RUN)


class Info:
    """As pydevd's: an object for each native thread."""

    def __init__(self):
        self.pydev_state = RUN
        self.pydev_step_cmd = -1
        self.pydev_step_stop = None
        self.pydev_original_step_cmd = -1
        self.pydev_smart_step_stop = None
        self.pydev_func_name = '.invalid.'
        self.step_in_initial_location = None
        self.suspend_type = 1
        self.conditional_breakpoint_exception = None
        self.weak_thread = None


# Those of pydevd that look at each line, which it finds beside the class.
TABLE: list[Info] = []
add_additional_info = TABLE.append
remove_additional_info = TABLE.remove


class StepsTestCase(unittest.TestCase):
    def setUp(self):
        self.info = Info()
        self.green = steps.GreenThreads(PYDEVD, self.info)
        self.addCleanup(TABLE.clear)
        self.addCleanup(self.switch)  # which takes it out of greenlet
        self.addCleanup(self.green.end)

    def switch(self):
        greenlet.greenlet(lambda: None).switch()

    def begin(self):
        """Return a green thread that parks, and parks again."""

        def parks():
            while True:
                self.seen = self.info.pydev_step_cmd
                greenlet.getcurrent().parent.switch()

        one = greenlet.greenlet(parks)
        self.addCleanup(one.throw)
        one.switch()
        return one

    def ask(self, green, command=STEP_OVER):
        """Step, where that one is stopped."""

        def stops():
            # As do_wait_suspend() does, once the client has answered.
            self.info.pydev_step_cmd = command
            self.info.pydev_step_stop = 'a frame'
            self.green.settle(None)

        stops() if green is None else green.switch()

    def assert_step(self, command):
        stop = None if command == -1 else 'a frame'
        found = self.info.pydev_step_cmd, self.info.pydev_step_stop
        self.assertEqual((command, stop), found)


class StepTest(StepsTestCase):
    def test_is_that_of_who_asked(self):
        one = self.begin()
        self.ask(None)
        one.switch()
        self.assertEqual(-1, self.seen)
        self.assert_step(STEP_OVER)
        self.assertFalse(self.green.has_steps())

    def test_waits_for_who_is_parked(self):
        one, other = self.begin(), self.begin()
        self.info.pydev_step_cmd = STEP_IN
        self.info.pydev_step_stop = 'a frame'
        self.green.settle(one)
        self.assert_step(-1)
        self.assertTrue(self.green.has_steps())
        other.switch()
        self.assertEqual(-1, self.seen)
        one.switch()
        self.assertEqual(STEP_IN, self.seen)
        # And goes with it when it parks again.
        self.assert_step(-1)
        self.assertTrue(self.green.has_steps())

    def test_many_at_once(self):
        ones = [self.begin() for _ in range(20)]
        for number, one in enumerate(ones):
            self.info.pydev_step_cmd = number
            self.green.settle(one)
        for number, one in reversed(list(enumerate(ones))):
            one.switch()
            self.assertEqual(number, self.seen)
        self.assertEqual(-1, self.info.pydev_step_cmd)

    def test_the_rest_of_a_thread_stays(self):
        one = self.begin()
        self.ask(None)
        self.info.suspend_type = 2
        self.info.conditional_breakpoint_exception = 'x'
        seen = []

        def looks():
            seen.append(self.info.suspend_type)
            seen.append(self.info.conditional_breakpoint_exception)

        greenlet.greenlet(looks).switch()
        self.assertEqual([1, 'x'], seen)
        self.assertEqual(2, self.info.suspend_type)
        one.switch()

    def test_a_pause_is_everybodys(self):
        one = self.begin()
        self.ask(None)
        self.info.pydev_state = SUSPEND
        one.switch()
        self.assertEqual(STEP_OVER, self.seen)
        self.assert_step(STEP_OVER)

    def test_of_one_that_has_ended(self):
        def steps_out():
            self.ask(None)

        greenlet.greenlet(steps_out).switch()
        # There is nothing left to step over.
        self.assert_step(-1)
        self.assertFalse(self.green.has_steps())

    def test_of_one_that_ends_before_its_turn(self):
        one = self.begin()
        self.info.pydev_step_cmd = STEP_OVER
        self.green.settle(one)
        self.assertEqual(1, len(TABLE))
        self.info.pydev_state = SUSPEND  # or it would have its step again
        one.throw()
        self.info.pydev_state = RUN
        self.green.settle(None)
        self.assertFalse(self.green.has_steps())
        self.assertEqual([], TABLE)

    def test_nobody_is_kept_by_a_step(self):
        one = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch())
        self.info.pydev_step_cmd = STEP_OVER
        self.green.settle(one)
        gone = weakref.ref(one)
        self.addCleanup(gc.enable)
        gc.disable()
        del one
        self.assertIsNone(gone())
        self.green.settle(None)
        self.assertFalse(self.green.has_steps())


class SuspendedTest(StepsTestCase):
    """Another native thread has stopped, and suspends this one along."""

    def test_is_no_step(self):
        """Once more, before it knew that it was to go on."""
        one = self.begin()
        self.info.pydev_step_cmd = SUSPENDED
        self.info.pydev_state = SUSPEND
        self.green.settle(one)
        self.assertFalse(self.green.has_steps())
        self.assertEqual(SUSPENDED, self.info.pydev_step_cmd)

    def test_half_way(self):
        """Its step is set, and not yet that it is to stop."""
        one = self.begin()
        for command in SUSPENDED, STEP_IN:  # PyCharm's
            self.info.pydev_step_cmd = command
            one.switch()
            self.assertEqual(command, self.seen)
            self.assertEqual(command, self.info.pydev_step_cmd)
            self.assertFalse(self.green.has_steps())

    def test_half_way_while_one_steps(self):
        one = self.begin()
        self.ask(None)
        self.info.pydev_step_cmd = SUSPENDED
        one.switch()
        self.assertEqual(SUSPENDED, self.seen)
        self.assertFalse(self.green.has_steps())

    def test_while_its_step_is_put_aside(self):
        for moment in 'pydev_func_name', 'suspend_type':  # first, and last
            with self.subTest(moment):
                self.assert_suspended_at(moment)

    def assert_suspended_at(self, moment):
        here = self.info = Info()

        class Suspended(Info):
            """As another thread leaves it, in the middle of reading it."""

            def __getattribute__(self, name):
                found = super().__getattribute__(name)
                if name == moment and self is here:
                    here.pydev_step_cmd = SUSPENDED
                    here.pydev_state = SUSPEND
                return found

        here.__class__ = Suspended
        green = steps.GreenThreads(PYDEVD, here)
        self.addCleanup(green.end)
        one = self.begin()
        here.pydev_state = RUN
        here.pydev_step_cmd = STEP_OVER
        green._asked = True
        one.switch()
        self.assertEqual(SUSPENDED, self.seen)
        self.assertEqual(SUSPEND, here.pydev_state)
        self.assertNotIn(
            SUSPENDED,
            [each.step.pydev_step_cmd for each in green._pending.values()],
        )

    def test_half_way_after_a_step_was_over(self):
        one = self.begin()
        self.ask(None)
        self.info.pydev_step_cmd = -1
        one.switch()
        self.info.pydev_step_cmd = STEP_IN
        one.switch()
        self.assertEqual(STEP_IN, self.seen)
        self.assertFalse(self.green.has_steps())

    def test_when_its_turn_comes(self):
        def stops():
            greenlet.getcurrent().parent.switch()
            # All go on.
            self.info.pydev_state = RUN
            self.info.pydev_step_cmd = -1
            self.green.settle(None)
            self.assert_step(STEP_OVER)
            self.assertEqual(1, len(TABLE))

        one = greenlet.greenlet(stops)
        one.switch()
        self.info.pydev_step_cmd = STEP_OVER
        self.info.pydev_step_stop = 'a frame'
        self.green.settle(one)
        self.info.pydev_step_cmd = SUSPENDED
        self.info.pydev_state = SUSPEND
        one.switch()
        self.assertTrue(one.dead)


class MarkTest(StepsTestCase):
    """pydevd looks at each line as long as there is a step."""

    def test_while_a_step_waits(self):
        one = self.begin()
        self.info.pydev_step_cmd = STEP_OVER
        self.green.settle(one)
        (marker,) = TABLE
        self.assertEqual(steps._STEP_OVER, marker.pydev_step_cmd)
        self.green.settle(None)
        self.assertEqual([marker], TABLE)
        self.green.end()
        self.assertEqual([], TABLE)

    def test_while_one_steps(self):
        self.ask(None)
        self.assertEqual(1, len(TABLE))
        self.info.pydev_step_cmd = -1
        self.green.settle(None)
        self.assertEqual([], TABLE)

    def test_a_pydevd_without_such_a_table(self):
        class Elsewhere(Info):
            pass

        Elsewhere.__module__ = 'types'
        green = steps.GreenThreads(PYDEVD, Elsewhere())
        self.addCleanup(green.end)
        green._info.pydev_step_cmd = STEP_OVER
        green.settle(None)
        self.assertEqual([], TABLE)


class RanLastTest(StepsTestCase):
    def test_who_has(self):
        self.assertIsNone(self.green.ran_last())
        one, other = self.begin(), self.begin()
        self.assertIs(other, self.green.ran_last())
        one.switch()
        self.assertIs(one, self.green.ran_last())
        one.throw()
        self.assertIs(other, self.green.ran_last())
        other.throw()
        self.assertIsNone(self.green.ran_last())

    def test_not_the_one_that_asks(self):
        one = self.begin()
        found = []
        other = greenlet.greenlet(lambda: found.append(self.green.ran_last()))
        main = greenlet.getcurrent()
        other.switch()
        self.assertEqual([main], found)
        self.assertIs(one, self.green.ran_last())

    def test_nobody_is_kept(self):
        one = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch())
        one.switch()
        gone = weakref.ref(one)
        self.addCleanup(gc.enable)
        gc.disable()
        del one
        # It ends where it is parked, as without us.
        self.assertIsNone(gone())
        self.assertIsNone(self.green.ran_last())


class OwnStepTest(unittest.TestCase):
    """A stop that the service asks for, at its next line."""

    def test_is_its_green_threads(self):
        info = Info()
        info.is_tracing = 0
        pydevd = types.SimpleNamespace(
            STATE_RUN=RUN,
            threadingCurrentThread=lambda: None,
            set_additional_thread_info=lambda thread: info,
        )
        self.addCleanup(TABLE.clear)
        self.addCleanup(greenlet.greenlet(lambda: None).switch)
        self.addCleanup(steps.end)
        info.pydev_step_cmd = STEP_IN
        green.own_step(pydevd)
        seen = []
        greenlet.greenlet(lambda: seen.append(info.pydev_step_cmd)).switch()
        self.assertEqual([-1], seen)
        self.assertEqual(STEP_IN, info.pydev_step_cmd)
        self.assertEqual(0, info.is_tracing)


class SessionTest(unittest.TestCase):
    def setUp(self):
        self.addCleanup(greenlet.greenlet(lambda: None).switch)
        self.addCleanup(steps.end)

    def test_one_for_each_native_thread(self):
        info = Info()
        found = steps.here(PYDEVD, info)
        self.assertIs(found, steps.here(PYDEVD, info))
        self.assertFalse(steps.has_steps())
        # pydevd has forgotten the thread, or it is another of its number.
        self.assertIsNot(found, steps.here(PYDEVD, Info()))
        steps.end()
        # One switch for each that was told.
        for _ in range(2):
            greenlet.greenlet(lambda: None).switch()
        self.assertIsNone(greenlet.gettrace())

    def test_the_client_leaves(self):
        info = Info()
        one = greenlet.greenlet(lambda: None)
        info.pydev_step_cmd = STEP_OVER
        steps.here(PYDEVD, info).settle(one)
        self.assertTrue(steps.has_steps())
        steps.end()
        self.assertFalse(steps.has_steps())
        one.switch()
        self.assertIsNone(greenlet.gettrace())
        self.assertEqual(-1, info.pydev_step_cmd)

    def test_what_a_step_is(self):
        # Of pydevd 3.5 and debugpy 1.8.22.
        state = (
            'pydev_step_stop pydev_step_cmd pydev_original_step_cmd '
            'pydev_smart_step_into_variants pydev_smart_parent_offset '
            'pydev_smart_child_offset pydev_smart_step_stop pydev_next_line '
            'pydev_use_scoped_step_frame step_in_initial_location '
            'pydev_func_name suspend_type target_id_to_smart_step_into_variant'
        ).split()
        others = (
            'pydev_state pydev_notify_kill pydev_django_resolve_frame '
            'pydev_call_from_jinja2 pydev_call_inside_jinja2 is_tracing '
            'conditional_breakpoint_exception pydev_message '
            'trace_suspend_type top_level_thread_tracer_no_back_frames '
            'suspended_at_unhandled hit_breakpoint_ids thread_tracer '
            'weak_thread is_in_wait_loop'
        ).split()
        found = [name for name in state + others if steps._STEP.match(name)]
        self.assertEqual(state, found)

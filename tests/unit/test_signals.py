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

"""Whose handler runs, and whose SIGURG it is."""

import functools
import os
import signal
import threading
import unittest

from osdbg import signals


class Callable:
    """What a service may have for a handler, without ``__code__``."""

    def __init__(self, see):
        self._see = see

    def __call__(self, signum, frame):
        self._see()

    def method(self, signum, frame):
        self._see()

    @functools.lru_cache  # noqa: B019
    def wrapped(self, signum, frame):
        self._see()


class Strange:
    """What cannot even be asked."""

    __call__ = signal.default_int_handler

    def __getattr__(self, name):
        raise RuntimeError(name)


class Endless:
    """It wraps itself."""

    __call__ = len

    @property
    def __wrapped__(self):
        return self


class SignalTestCase(unittest.TestCase):
    def handle(self, signum, handler):
        before = signal.signal(signum, handler)
        self.addCleanup(signal.signal, signum, before)


class InHandlerTest(SignalTestCase):
    def test_handlers_of_every_kind(self):
        seen = []

        def see():
            seen.append(signals.in_handler())

        one = Callable(see)
        for handler in (
            lambda signum, frame: see(),
            functools.partial(lambda tag, signum, frame: see(), 'tag'),
            functools.partial(functools.partial(one.method)),
            one,
            one.method,
            one.wrapped,
            functools.partial(one),
        ):
            with self.subTest(handler):
                self.handle(signal.SIGUSR1, handler)
                self.assertFalse(signals.in_handler())
                os.kill(os.getpid(), signal.SIGUSR1)
                self.assertEqual([True], seen)
                del seen[:]

    def test_handlers_that_tell_nothing(self):
        for handler in (
            signal.default_int_handler,
            Strange(),
            Endless(),
            signal.SIG_IGN,
        ):
            with self.subTest(type(handler)):
                self.handle(signal.SIGUSR1, handler)
                self.assertFalse(signals.in_handler())

    def test_interrupted_by(self):
        resumed = []
        stopped = []

        def handle(tag, signum, frame):
            stopped.append(obeying.interrupted_by(frame_of()))

        def frame_of():
            import sys

            return sys._getframe(1)

        handler = functools.partial(handle, 'tag')
        self.handle(signal.SIGTERM, handler)
        obeying = signals.obeying_signals(resumed.append)
        with obeying:
            handler(signal.SIGTERM, None)
        self.assertEqual(([True], [signal.SIGTERM]), (stopped, resumed))


class UrgentTest(SignalTestCase):
    def setUp(self):
        self.handle(signal.SIGURG, signal.SIG_DFL)
        self.calls = []

    def call(self, frame):
        self.calls.append(frame.f_code.co_name)

    def urge(self):
        os.kill(os.getpid(), signal.SIGURG)

    def elsewhere(self, work):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(work()))
        thread.start()
        thread.join()
        return answers[0]

    def test_take_and_release(self):
        for before in (signal.SIG_DFL, signal.SIG_IGN):
            with self.subTest(before):
                signal.signal(signal.SIGURG, before)
                self.assertTrue(signals.take_urgent(self.call))
                self.urge()
                self.assertEqual('urge', self.calls.pop())
                signals.release_urgent()
                self.assertEqual(before, signal.getsignal(signal.SIGURG))
                signals.release_urgent()
                self.urge()
                self.assertEqual([], self.calls)

    def test_the_handler_of_the_service_stays(self):
        for theirs in (lambda *args: None, functools.partial(print)):
            signal.signal(signal.SIGURG, theirs)
            self.assertFalse(signals.take_urgent(self.call))
            signals.release_urgent()
            self.assertIs(theirs, signal.getsignal(signal.SIGURG))

    def test_taken_again(self):
        late = []
        self.assertFalse(
            self.elsewhere(lambda: signals.take_urgent(self.call))
        )
        self.assertTrue(signals.take_urgent(self.call))
        self.assertTrue(self.elsewhere(lambda: signals.take_urgent(self.call)))
        self.assertTrue(signals.take_urgent(late.append))
        self.urge()
        self.assertEqual((0, 1), (len(self.calls), len(late)))
        signals.release_urgent()
        self.assertEqual(signal.SIG_DFL, signal.getsignal(signal.SIGURG))

    def test_released_in_another_thread(self):
        self.assertTrue(signals.take_urgent(self.call))
        self.elsewhere(signals.release_urgent)
        self.urge()
        self.assertEqual([], self.calls)
        self.assertTrue(signals.take_urgent(self.call))
        self.urge()
        self.assertEqual(1, len(self.calls))
        signals.release_urgent()
        self.assertEqual(signal.SIG_DFL, signal.getsignal(signal.SIGURG))

    def test_it_is_known_as_a_handler(self):
        seen = []
        signals.take_urgent(lambda frame: seen.append(signals.in_handler()))
        self.urge()
        self.assertEqual([True], seen)

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

"""The step of one request, while others stop, step and go on."""

import random

from tests.functional.harness import APP
from tests.functional.harness import line_of
from tests.functional.harness import TIMEOUT
from tests.functional.one_service import OneServiceTestCase

REQUESTS = 50
WALK, GATE, CALL, END = map(
    line_of, ('walk', 'walk gate', 'walk call', 'walk end')
)
INNER, INNER_GATE, INNER_END = map(
    line_of, ('inner', 'inner gate', 'inner end')
)


class GreenStepsTestCase(OneServiceTestCase):
    def setUp(self):
        super().setUp()
        (self.worker,) = self.start()

    def walk(self, name):
        # Up to Python 3.10 each stop takes a fifth of a second to end.
        return self.worker.get_later(f'/walk?name={name}', 5 * TIMEOUT)

    def assert_walked(self, pending, name):
        self.assert_answered(pending, name=name, total=2 + len(name))

    def assert_stopped(self, stop, name, function, line):
        found = stop.evaluate('name'), stop.function, stop.line
        self.assertEqual((repr(name), function, line), found)

    def arrive(self, client, name):
        """Have a request come to the breakpoint, and stop there."""
        pending = self.walk(name)
        stop = client.wait_stopped('breakpoint')
        self.assert_stopped(stop, name, 'walk', WALK)
        return pending, stop


class PendingStepTest(GreenStepsTestCase):
    """The step of A is not over when B and C come to a breakpoint."""

    def survive(self, command, start, landing):
        client = self.attach(self.port, 'walk', justMyCode=True)
        a, stop = self.arrive(client, 'a')
        while (stop.function, stop.line) != start:
            stop = stop.step('stepIn' if stop.line == CALL else 'next')
        stop.evaluate('gate.clear()')
        client.root.request(command, threadId=stop.thread)
        b, stop = self.arrive(client, 'bb')
        for line in range(WALK + 1, END):
            stop = stop.step()
            self.assert_stopped(stop, 'bb', 'walk', line)
        stop.resume()
        c, stop = self.arrive(client, 'ccc')
        stop.resume()
        self.assert_walked(b, 'bb')
        self.assert_walked(c, 'ccc')
        self.worker.get('/gate?name=a')
        stop = client.wait_stopped('step')
        self.assert_stopped(stop, 'a', *landing)
        client.detach()
        self.assert_walked(a, 'a')

    def test_over(self):
        self.survive('next', ('walk', GATE), ('walk', CALL))

    def test_over_a_call(self):
        self.survive('next', ('walk', CALL), ('walk', CALL + 1))

    def test_in(self):
        # Into code that is not the client's, and so to the next line.
        self.survive('stepIn', ('walk', GATE), ('walk', CALL))

    def test_out(self):
        self.survive('stepOut', ('inner', INNER_GATE), ('walk', CALL))

    def test_to_the_cursor(self):
        """An IDE sets a breakpoint for that, and takes it back at a stop."""
        client = self.attach(self.port, 'walk')
        a, stop = self.arrive(client, 'a')
        stop.evaluate('gate.clear()')
        client.break_at(APP, END, condition="name == 'a'")
        stop.resume()
        b, stop = self.arrive(client, 'bb')
        stop.step().resume()
        self.assert_walked(b, 'bb')
        self.worker.get('/gate?name=a')
        self.assert_stopped(client.wait_stopped(), 'a', 'walk', END)
        client.detach()
        self.assert_walked(a, 'a')

    def test_is_forgotten_when_its_request_ends(self):
        client = self.attach(self.port, 'walk', justMyCode=True)
        a, stop = self.arrive(client, 'a')
        client.clear_breakpoints(APP)
        stop.step('stepOut').resume()
        self.assert_walked(a, 'a')
        self.assert_walked(self.walk('bb'), 'bb')
        client.detach()


class ManyStepsTest(GreenStepsTestCase):
    """Everybody is stepped to the end, in random order."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(self.id())
        self.expected = {}
        self.order = []

    def command(self, expected, back):
        """Return a command for a place, and where it must lead.

        :param back: whether the request has come back there, by a step out
        """
        function, line = expected
        if function == 'inner':
            if line == INNER_END or self.random.random() < 0.3:
                return 'stepOut', ('walk', CALL)
            return 'next', ('inner', line + 1)
        if line == CALL and not back and self.random.random() < 0.5:
            return 'stepIn', ('inner', INNER)
        return 'next', ('walk', line + 1)

    def play(self, client, names):
        expected = dict.fromkeys(names, ('walk', WALK))
        back, ended = set(), set()
        while len(ended) < len(names):
            stop = client.wait_stopped()
            name = stop.evaluate('name').strip("'")
            self.order.append(name)
            self.assertEqual(expected[name], (stop.function, stop.line))
            if stop.line == END:
                ended.add(name)
                stop.resume()
                continue
            command, expected[name] = self.command(
                expected[name], name in back
            )
            if command == 'stepOut':
                back.add(name)
            client.root.request(command, threadId=stop.thread)

    def test_in_random_order(self):
        client = self.attach(self.port, 'walk')
        names = [f'{"x" * (number % 7)}{number}' for number in range(REQUESTS)]
        self.random.shuffle(names)
        pending = {name: self.walk(name) for name in names}
        self.play(client, names)
        for name, request in pending.items():
            self.assert_walked(request, name)
        client.detach()
        # They did not come one after the other.
        turns = sum(a != b for a, b in zip(self.order, self.order[1:]))
        self.assertGreater(turns, 2 * REQUESTS)

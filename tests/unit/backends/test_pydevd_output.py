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

"""What the service prints reaches the client, and nobody is harmed."""

import io
import sys
import unittest
from unittest import mock

from osdbg.backends import _pydevd_output as output


class Closed(io.StringIO):
    """A stream of the service's own."""


class TestRedirection(unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.told = []
        self.stream = Closed()
        patcher = mock.patch.object(sys, 'stdout', self.stream)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.redirection = output.Redirection(
            lambda text, number: self.told.append((number, text))
        )

    def test_both_get_it(self):
        self.redirection.begin('stdout')
        print('one', end='')
        sys.stdout.writelines(['two', 'three'])
        self.assertEqual([(1, 'one'), (1, 'two'), (1, 'three')], self.told)
        self.assertEqual('onetwothree', self.stream.getvalue())

    def test_binary(self):
        raw = io.BytesIO()
        self.stream.buffer = raw
        self.redirection.begin('stdout')
        sys.stdout.buffer.write(b'caf\xc3\xa9')
        self.assertEqual([(1, 'caf\xe9')], self.told)
        self.assertEqual(b'caf\xc3\xa9', raw.getvalue())

    def test_long_texts_come_whole(self):
        self.redirection.begin('stdout')
        text = 'x' * 2500
        sys.stdout.write(text)
        self.assertEqual(text, ''.join(part for _, part in self.told))
        self.assertLessEqual(max(len(part) for _, part in self.told), 1000)

    def test_undone(self):
        self.redirection.begin('stdout')
        tee = sys.stdout
        self.redirection.end()
        self.assertIs(self.stream, sys.stdout)
        tee.write('late')  # somebody has kept it
        self.assertEqual([], self.told)
        self.assertEqual('late', self.stream.getvalue())

    def test_the_service_has_another_by_now(self):
        self.redirection.begin('stdout')
        sys.stdout = other = io.StringIO()
        self.redirection.end()
        self.assertIs(other, sys.stdout)

    def test_once(self):
        self.redirection.begin('stdout')
        self.redirection.begin('stdout')
        self.redirection.end()
        self.assertIs(self.stream, sys.stdout)

    def test_nobody_is_harmed(self):
        def send(text, number):
            raise OSError('the client is gone')

        redirection = output.Redirection(send)
        redirection.begin('stdout')
        self.assertEqual(3, sys.stdout.write('one'))
        self.assertEqual('one', self.stream.getvalue())

    def test_print_in_the_middle_of_a_print(self):
        def send(text, number):
            self.told.append(text)
            print('from a signal handler', end='')

        redirection = output.Redirection(send)
        redirection.begin('stdout')
        print('one', end='')
        self.assertEqual(['one'], self.told)
        self.assertEqual('onefrom a signal handler', self.stream.getvalue())

    def test_closed(self):
        with mock.patch.object(sys, 'stderr', None):
            self.redirection.begin('stderr')
            self.assertIsNone(sys.stderr)

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

import contextlib
import io
import socket
import unittest

from osdbg.cli import terminal


class TestTerminal(unittest.TestCase):
    def shown(self, *said):
        """Return what the user sees of what a service says."""
        ours, theirs = socket.socketpair()
        shown = io.StringIO()
        with ours, contextlib.redirect_stdout(shown):
            with theirs:
                for data in said:
                    theirs.sendall(data)
            terminal.Terminal(ours).run()
        return shown.getvalue()

    def test_text_and_colours(self):
        for text in ('one\ttwo\n', '\x1b[1;32mgr\u00fcn\x1b[0m\n', 'no end'):
            with self.subTest(text):
                self.assertEqual(text, self.shown(text.encode()))

    def test_what_a_terminal_would_obey(self):
        for text, shown in (
            ('\x1b]0;title\x07', '\\x1b]0;title\\x07'),
            ('\x1b[2J\n', '\\x1b[2J\n'),
            ('\x9b31m\x7f\x00', '\\x9b31m\\x7f\\x00'),
        ):
            with self.subTest(text):
                self.assertEqual(shown, self.shown(text.encode()))

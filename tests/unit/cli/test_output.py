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

"""What commands print: for a pipe, a terminal, and programs."""

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
import unittest

from osdbg.cli import output
from tests.unit import fresh

COLUMNS = ('PID', 'STATE')
ROWS = [['1', 'armed'], ['12345', '[red]closed[/red]']]
PROGRAM = f'''
import sys
if sys.argv[1:] == ['bare']:
    sys.modules['rich'] = None
    from importlib import util
    util.find_spec = lambda name: None
from osdbg.cli import output
output.print_table({COLUMNS!r}, {ROWS!r}, {{'armed': 'green'}})
'''


def on_terminal(*words, **more):
    """Return what a terminal gets."""
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, *words],
        env=fresh.environ(**{'TERM': 'xterm', 'COLUMNS': '80', **more}),
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        timeout=fresh.SECONDS,
    )
    os.close(slave)
    text = b''
    with contextlib.suppress(OSError):
        while data := os.read(master, 65536):
            text += data
    os.close(master)
    assert done.returncode == 0, text
    return text.decode().replace('\r', '')


class TestTable(unittest.TestCase):
    def plain(self, rows):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            output.print_table(COLUMNS, rows)
        return printed.getvalue().splitlines()

    def test_piped(self):
        self.assertEqual(
            [
                'PID    STATE',
                '1      armed',
                '12345  [red]closed[/red]',
            ],
            self.plain(ROWS),
        )
        self.assertEqual(['PID  STATE'], self.plain([]))

    def test_what_a_terminal_would_obey(self):
        self.assertIn('\\x1b[2J  2', self.plain([['\x1b[2J', 2]]))

    def test_on_a_terminal(self):
        text = on_terminal()
        self.assertIn('\x1b[32marmed', text)
        # It is a text, and no order.
        self.assertIn('[red]closed[/red]', text)

    def test_no_colours_wanted(self):
        text = on_terminal(NO_COLOR='1')
        self.assertIn('armed', text)
        self.assertNotIn('\x1b[32m', text)

    def test_without_rich_and_on_a_dumb_terminal(self):
        for text in (on_terminal('bare'), on_terminal(TERM='dumb')):
            self.assertEqual('\n'.join(self.plain(ROWS)), text.rstrip())


class TestJson(unittest.TestCase):
    def test_what_is_printed_can_be_read(self):
        for value in ([], {'é': ['\x1b', None]}):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                output.print_json(value)
            self.assertEqual(value, json.loads(printed.getvalue()))
            self.assertTrue(printed.getvalue().isascii())

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

"""The command line: what is said, where, and with which exit code."""

import contextlib
import io
import os
import re
import subprocess
import sys
import types
import unittest
from unittest import mock

from osdbg.cli import main
from osdbg import exceptions

HEAVY = ('rich', 'asyncio', 'oslo_config', 'oslo_service', 'eventlet')


def osdbg(*words, code=None):
    """Run the command in a process of its own."""
    program = ['-c', code] if code else ['-m', 'osdbg']
    return subprocess.run(
        [sys.executable, *program, *words],
        env=dict(os.environ, COLUMNS='80'),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


class TestMain(unittest.TestCase):
    def test_help_names_every_command(self):
        done = osdbg('--help')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        for name, purpose in main.COMMANDS.items():
            self.assertRegex(done.stdout, f'{name} +{re.escape(purpose)}')

    def test_help_of_each_command(self):
        for name, purpose in main.COMMANDS.items():
            with self.subTest(name):
                said = self.help_of(name)
                self.assertIn(purpose[0].upper() + purpose[1:], said)
                self.assertIn('\nexamples:\n  ', said)

    @mock.patch.dict(os.environ, COLUMNS='80')
    def help_of(self, name):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            with self.assertRaises(SystemExit) as end:
                main.main([name, '--help'])
        self.assertEqual(0, end.exception.code)
        return said.getvalue()

    def test_help_loads_nothing_heavy(self):
        done = osdbg(
            code=(
                'import sys\n'
                'from osdbg.cli import main\n'
                'try:\n'
                '    main.main(["--help"])\n'
                'except SystemExit:\n'
                '    print("loaded:", *sys.modules)\n'
            )
        )
        loaded = done.stdout.rpartition('loaded: ')[2].split()
        self.assertIn('osdbg.cli.main', loaded)
        self.assertEqual([], [name for name in HEAVY if name in loaded])

    def test_no_command_and_an_unknown_one(self):
        for words in ([], ['dance'], ['demo', '--dance']):
            with self.subTest(words):
                done = osdbg(*words)
                self.assertEqual(2, done.returncode)
                self.assertEqual('', done.stdout)
                self.assertIn('usage: osdbg', done.stderr)
                self.assertNotIn('Traceback', done.stderr)

    def test_times(self):
        for words in (
            ['ps', '--watch', 'nova-api'],
            ['stacks', '--diff', 'long'],
            ['open', '--for', '9' * 400 + 'd'],
        ):
            with self.subTest(words):
                done = osdbg(*words)
                self.assertEqual(2, done.returncode)
                self.assertIn(': expected ', done.stderr)


class TestWords(unittest.TestCase):
    def test_options_anywhere(self):
        for words in (
            ['ide', 'zed', '--name', 'api', 'nova-api', '--print'],
            ['ide', '--name', 'api', 'zed', '--print', 'nova-api'],
            ['doctor', 'a.py:3', '--json', 'nova-api'],
            ['ps', '--json', 'nova-api'],
        ):
            with self.subTest(words):
                _module, found = main._parse(words)
                self.assertEqual('nova-api', found.service)

    def test_options_of_the_command_that_is_run(self):
        _module, found = main._parse(['run', '--port', '1', 'a', '--port'])
        self.assertEqual((['a', '--port'], '1'), (found.words, found.port))


class TestOutcome(unittest.TestCase):
    def outcome(self, result):
        """Return the exit code and stderr of a command that ends so."""
        command = types.SimpleNamespace(
            add_arguments=lambda parser: None,
            run=mock.Mock(side_effect=[result]),
        )
        errors = io.StringIO()
        with mock.patch.dict(sys.modules, {'osdbg.cli.demo': command}):
            with contextlib.redirect_stderr(errors):
                code = main.main(['demo'])
        return code, errors.getvalue().splitlines()

    def test_codes(self):
        self.assertEqual((0, []), self.outcome(0))
        self.assertEqual((3, []), self.outcome(3))
        self.assertEqual((130, []), self.outcome(KeyboardInterrupt()))

    def test_what_it_refuses_is_one_line(self):
        error = exceptions.OsdbgError('no bread: buy some')
        self.assertEqual(
            (1, ['osdbg demo: no bread: buy some']), self.outcome(error)
        )

    def test_a_service_that_is_quoted_is_not_obeyed(self):
        error = exceptions.OsdbgError('it says \x1b[2J\n: type less')
        self.assertEqual(
            (1, ['osdbg demo: it says \\x1b[2J\\n: type less']),
            self.outcome(error),
        )

    def test_interrupted_while_the_words_are_read(self):
        command = types.SimpleNamespace(
            add_arguments=mock.Mock(side_effect=KeyboardInterrupt)
        )
        with mock.patch.dict(sys.modules, {'osdbg.cli.demo': command}):
            self.assertEqual(130, main.main(['demo']))

    def test_what_it_did_not_foresee_is_one_line_too(self):
        self.assertEqual(
            (1, ['osdbg demo: ValueError: oh']), self.outcome(ValueError('oh'))
        )

    def test_nothing_installed(self):
        code = (
            'import sys\n'
            'sys.modules["rich"] = None\n'
            'from importlib import util\n'
            'find = util.find_spec\n'
            'util.find_spec = lambda name: '
            'None if name in ("rich", "eventlet") else find(name)\n'
            'from osdbg.cli import main\n'
            'sys.exit(main.main(["demo"]))\n'
        )
        done = osdbg(code=code)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('rich and eventlet not installed', done.stderr)
        self.assertIn("-m pip install --upgrade 'osdbg[cli]'", done.stderr)

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
import os
import pathlib
import sys
import tempfile
import unittest

from osdbg.cli import target
from osdbg import exceptions


class TargetTestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def program(self, text, name='program', mode=0o755):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def find(self, *words, inject=False):
        return target.find(list(words), inject=inject)

    def refuse(self, *words):
        with self.assertRaises(exceptions.CannotRun) as caught:
            self.find(*words)
        return str(caught.exception)


class TestFind(TargetTestCase):
    def test_script_of_our_own_interpreter(self):
        path = self.program(f'#!{sys.executable}\n')
        self.assertEqual((path, [path, '-x']), self.find(path, '-x'))

    def test_shell_script_is_left_to_its_luck(self):
        path = self.program('#!/bin/bash\nexec python3 -I x.py\n')
        self.assertEqual((path, [path]), self.find(path))

    def test_beside_osdbg(self):
        path = self.program('#!/bin/sh\n', 'only-here')
        argv = sys.argv
        sys.argv = [str(self.directory / 'osdbg')]
        try:
            self.assertEqual((path, ['only-here']), self.find('only-here'))
        finally:
            sys.argv = argv

    def test_old_python(self):
        python = self.program('#!/bin/sh\necho 3 6 /usr False\n', 'python3')
        script = self.program(f'#!{python}\n')
        self.assertIn('3.9', self.refuse(script))

    def test_dead_python(self):
        script = self.program(f'#!{self.directory}/python9\n')
        self.assertIn('does not work', self.refuse(script))

    def test_python_without_osdbg(self):
        python = self.program(
            '#!/bin/sh\necho 3 11 /opt/nova False\n', 'python3'
        )
        script = self.program(f'#!{python}\n')
        line = self.refuse(script)
        self.assertIn('/opt/nova', line)
        self.assertIn(f'{python} -m pip install osdbg', line)
        self.assertEqual(script, self.find(script, inject=True)[0])

    def test_shebangs(self):
        env = os.path.basename(sys.executable)
        long = (
            f"#!/bin/sh\n'''exec' {sys.executable} -E \"$0\" \"$@\"\n' '''\n"
        )
        for text in (
            f'#!{sys.executable} -E\n',
            f'#! {sys.executable} -sE\n',
            f'#!/usr/bin/env -S {env} -E\n',
            f'#!/usr/bin/env -S A=b {env} -E\n',
            long,
        ):
            with self.subTest(text):
                os.environ['PATH'], path = (
                    os.path.dirname(sys.executable) + ':/usr/bin:/bin',
                    os.environ['PATH'],
                )
                try:
                    line = self.refuse(self.program(text))
                finally:
                    os.environ['PATH'] = path
                self.assertIn('-E', line)


class TestFlags(TargetTestCase):
    def test_deaf(self):
        for words in (
            ['-I', 'x.py'],
            ['-uI', 'x.py'],
            ['-W', 'error', '-E', 'x.py'],
            ['-Werror', '-S', '-m', 'x'],
            ['-X', 'dev', '-IS', '-c', 'pass'],
        ):
            with self.subTest(words):
                self.refuse(sys.executable, *words)

    def test_not_deaf(self):
        for words in (
            ['-u', 'x.py', '-I'],
            ['-m', 'x', '-E'],
            ['-c', 'pass', '-S'],
            ['-W', 'E', '-X', 'I', 'x.py'],
            ['-bb', '-', '-I'],
            ['--', '-I'],
            ['x.py', '-I'],
        ):
            with self.subTest(words):
                self.find(sys.executable, *words)

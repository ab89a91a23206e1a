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
import shlex
import sys
import tempfile
import unittest
from unittest import mock

from osdbg.cli import target
from osdbg import exceptions
from tests.unit import fresh


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

    def python(self, *lines, name='python3'):
        """Make a Python that says the same, whatever it is asked."""
        text = ' '.join(map(shlex.quote, lines))
        return self.program(f"#!/bin/sh\nprintf '%s\\n' {text}\n", name)

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
        python = self.python('["osdbg", 3, 6, "/usr", false]')
        script = self.program(f'#!{python}\n')
        self.assertIn('3.9', self.refuse(script))

    def test_dead_python(self):
        script = self.program(f'#!{self.directory}/python9\n')
        self.assertIn('does not work', self.refuse(script))

    def test_python_without_osdbg(self):
        python = self.python('["osdbg", 3, 11, "/opt/nova", false]')
        script = self.program(f'#!{python}\n')
        line = self.refuse(script)
        self.assertIn('/opt/nova', line)
        self.assertIn(f'{python} -m pip install osdbg', line)
        self.assertEqual(script, self.find(script, inject=True)[0])

    def test_python_that_talks(self):
        for lines in (
            ('hello', 'from sitecustomize', '["osdbg", 3, 11, "/a b", true]'),
            ('["osdbg", 3, 11, "/a b", true]', 'and good bye'),
        ):
            self.find(self.python(*lines))
            python = self.python(*(x.replace('true', 'false') for x in lines))
            self.assertIn('/a b is where this runs', self.refuse(python))

    def test_python_that_says_nothing(self):
        self.assertIn('does not work', self.refuse(self.python('hello')))

    def test_real_python_with_a_sitecustomize(self):
        (self.directory / 'sitecustomize.py').write_text(
            'print("hello", end="")'
        )
        link = self.directory / 'python3'
        link.symlink_to(sys.executable)
        path = f'{self.directory}{os.pathsep}{fresh.ROOT}'
        with mock.patch.dict(os.environ, PYTHONPATH=path):
            self.find(str(link), 'x.py')

    def test_relative_interpreter(self):
        python = self.python('["osdbg", 3, 11, "/usr", true]')
        script = self.program('#!./python3\n')
        before = os.getcwd()
        os.chdir(self.directory)
        try:
            self.assertEqual('./python3', self.find('./python3', 'x')[0])
            self.find(script)
        finally:
            os.chdir(before)
        self.find(python)

    def test_pythons_by_name(self):
        # What is none would be asked to run a line of Python.
        for name in (
            'python',
            'python3',
            'python3.13t',
            'python3.11-dbg',
            'pypy3.10',
        ):
            path = self.program('#!/bin/sh\nexit 1\n', name)
            self.assertIn('does not work', self.refuse(path))
        for name in ('python-myservice', 'python3-config', 'pythonapp'):
            path = self.program('#!/bin/sh\nexit 1\n', name)
            self.assertEqual(path, self.find(path, '-I')[0])

    def test_not_executable(self):
        path = self.program('pass\n', 'svc.py', mode=0o644)
        line = self.refuse(path)
        self.assertIn(f'chmod +x {path}', line)
        self.assertIn(f'osdbg run -- python {path}', line)
        with mock.patch.dict(os.environ, PATH=str(self.directory)):
            self.assertIn(f'chmod +x {path}', self.refuse('svc.py'))
        before = os.getcwd()
        os.chdir(self.directory)
        try:
            self.assertIn('chmod +x svc.py', self.refuse('svc.py'))
            os.chmod(path, 0o755)
            self.assertIn('type ./svc.py', self.refuse('svc.py'))
        finally:
            os.chdir(before)
        self.assertIn('no program on the PATH', self.refuse('svc.py'))

    def test_env_passes_the_flags_of_python(self):
        for words, flag in (
            ('-S python3.11 -S', '-S'),
            ('-Spython3.11 -I', '-I'),
            ('--split-string=python3.11 -E', '-E'),
            ('-S -u LANG --unset=LC_ALL -- A=b python3.11 -E', '-E'),
            ('-vS --chdir /tmp python3.11 -I', '-I'),
            ('-S -uLANG python3.11 -I', '-I'),
        ):
            with self.subTest(words):
                self.assertIn(f'Python with {flag}', self.env(words))

    def test_env_that_drops_ours(self):
        for words in (
            '-S -i python3.11',
            '-iS python3.11',
            '-S - python3.11',
            '-S --ignore-environment python3.11',
            '-S -u PYTHONPATH python3.11',
            '-S --unset PYTHONPATH python3.11',
            '-S PYTHONPATH=/x python3.11',
        ):
            with self.subTest(words):
                self.assertIn('by which osdbg gets', self.env(words))
        self.assertIn('env -i drops', self.refuse('env', '-i', 'nova-api'))

    def env(self, words):
        """Return what is said about a script that env(1) runs."""
        self.python('["osdbg", 3, 11, "/usr", true]', name='python3.11')
        path = f'{self.directory}:/usr/bin:/bin'
        with mock.patch.dict(os.environ, PATH=path):
            return self.refuse(self.program(f'#!/usr/bin/env {words}\n'))

    def test_env_that_does_not(self):
        python = self.python('["osdbg", 3, 11, "/usr", true]')
        path = f'{self.directory}:/usr/bin:/bin'
        with mock.patch.dict(os.environ, PATH=path):
            for words in ('python3', '-S python3 -u', '-S A=b python3', '-S'):
                self.find(self.program(f'#!/usr/bin/env {words}\n'))
        self.find('env', 'A=b', python, 'x.py', '-I')

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

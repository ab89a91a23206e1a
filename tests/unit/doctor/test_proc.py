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
import subprocess
import sys
import tempfile
import unittest

from osdbg.doctor import proc


class TestProc(unittest.TestCase):
    def start(self, *words, **environ):
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
        )
        self.addCleanup(process.communicate)
        process.stdout.readline()
        return process.pid

    def python(self, *words, **environ):
        code = 'print(flush=True); import sys; sys.stdin.read()'
        return self.start(sys.executable, *words, '-c', code, **environ)

    def test_of_a_python(self):
        pid = self.python('-u', MARK='1')
        self.assertTrue(proc.exists(pid))
        self.assertTrue(proc.is_python(pid))
        self.assertEqual('-u', proc.words(pid)[1])
        self.assertEqual('1', proc.environ(pid)['MARK'])
        self.assertEqual(os.geteuid(), proc.user(pid))

    def test_of_another_program(self):
        pid = self.start('sh', '-c', 'echo; read x')
        self.assertFalse(proc.is_python(pid))
        self.assertEqual('sh', proc.name(pid))

    def test_of_none(self):
        self.assertFalse(proc.exists(999999999))
        self.assertEqual([], proc.words(999999999))
        self.assertIsNone(proc.environ(999999999))
        self.assertEqual('', proc.program(999999999))
        self.assertEqual(-1, proc.user(999999999))

    def test_name_of_a_script(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, 'nova-thing')
            path.write_text('print(flush=True); open(0).read()')
            pid = self.start(sys.executable, '-u', str(path))
            self.assertEqual('nova-thing', proc.name(pid))
            self.assertEqual([pid], proc.named('nova-thing'))

    def test_import_path(self):
        with tempfile.TemporaryDirectory() as directory:
            pid = self.python(PYTHONPATH=directory)
            self.assertEqual(directory, proc.import_path(pid)[0])
            self.assertTrue(proc.can_import(pid, 'stestr'))
            self.assertFalse(proc.can_import(pid, 'no_such_module'))
            package = pathlib.Path(directory, 'no_such_module')
            package.mkdir()
            (package / '__init__.py').touch()
            self.assertTrue(proc.can_import(pid, 'no_such_module'))

    def test_inside(self):
        self.assertEqual('/proc/7/root/etc/x', proc.inside(7, '/etc/x'))
        self.assertEqual('/proc/7/cwd/x', proc.inside(7, 'x'))


class TestRegular(unittest.TestCase):
    def test_a_file(self):
        self.assertTrue(proc.regular(__file__))

    def test_what_is_none(self):
        with tempfile.TemporaryDirectory() as directory:
            pipe = os.path.join(directory, 'pipe')
            os.mkfifo(pipe)
            for path in (pipe, directory, '/dev/zero', '/nowhere'):
                self.assertIsNone(proc.regular(path))

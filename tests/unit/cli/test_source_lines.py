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

"""Lines of source are those that the process has read, or none."""

import os
import signal
import tempfile
import time
import unittest

from osdbg.cli import source_lines


class SourcesTest(unittest.TestCase):
    def test_file_that_has_changed(self):
        sources = source_lines.Sources(os.getpid())
        self.assertIn('Licensed', sources.line(__file__, 1))
        with tempfile.NamedTemporaryFile('w', suffix='.py') as file:
            file.write('newer than the process')
            file.flush()
            self.assertEqual('', sources.line(file.name, 1))
            old = time.time() - 10**6
            os.utime(file.name, (old, old))
            sources = source_lines.Sources(os.getpid())
            self.assertIn('newer', sources.line(file.name, 1))

    def test_no_file(self):
        sources = source_lines.Sources(os.getpid())
        for name in ('<string>', '/nowhere/at/all.py', 'a\0b', ''):
            self.assertEqual('', sources.line(name, 1))

    def test_what_would_never_end(self):
        with tempfile.TemporaryDirectory() as directory:
            pipe = os.path.join(directory, 'pipe.py')
            os.mkfifo(pipe)
            old = time.time() - 10**6
            os.utime(pipe, (old, old))
            signal.alarm(20)
            self.addCleanup(signal.alarm, 0)
            sources = source_lines.Sources(os.getpid())
            for name in (pipe, '/dev/zero', directory):
                self.assertEqual('', sources.line(name, 1))

    def test_encoding_and_ends_of_lines(self):
        source = '# coding: latin-1\r\n"é \x0c"\r\nlast'.encode('latin-1')
        lines = source_lines._lines(source)
        self.assertEqual(['# coding: latin-1\n', '"é \x0c"\n', 'last'], lines)
        self.assertEqual([], source_lines._lines(b'# coding: nonsense'))

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

"""Files are replaced as a whole, or not at all."""

import os
import pathlib
import signal
import stat
import tempfile
import unittest

from osdbg import exceptions
from osdbg.ide import files


class FilesTestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.path = self.directory / 'file'

    def mode(self):
        return stat.S_IMODE(self.path.stat().st_mode)

    def refused(self, call, *arguments):
        with self.assertRaises(exceptions.OsdbgError) as caught:
            call(*map(str, arguments))
        line = str(caught.exception)
        self.assertIn(str(self.directory), line)
        self.assertNotIn('\n', line)
        return line


class ReadTest(FilesTestCase):
    def test_as_it_is(self):
        self.path.write_bytes('é\r\n\ufeff'.encode())
        self.assertEqual('é\r\n\ufeff', files.read(str(self.path)))

    def test_none(self):
        self.assertEqual('', files.read(str(self.path)))

    def test_no_text(self):
        self.path.write_bytes(b'one\ntwo \xff')
        self.assertIn(
            'line 2: it is no UTF-8', self.refused(files.read, self.path)
        )

    def test_a_directory(self):
        line = self.refused(files.read, self.directory)
        self.assertIn('directory', line.lower())

    def test_too_long(self):
        with open(self.path, 'wb') as file:
            file.truncate(5 * 1024 * 1024)
        self.assertIn('more than', self.refused(files.read, self.path))

    def test_what_would_never_end(self):
        os.mkfifo(self.path)
        signal.alarm(20)
        self.addCleanup(signal.alarm, 0)
        for path in ('/dev/zero', str(self.path)):
            self.assertIn('ordinary', str(self.refused_file(path)))

    def refused_file(self, path):
        with self.assertRaises(exceptions.OsdbgError) as caught:
            files.read(path)
        return caught.exception


class WriteTest(FilesTestCase):
    def test_new_and_its_directories(self):
        self.path = self.directory / 'a' / 'b' / 'file'
        before = os.umask(0o027)
        self.addCleanup(os.umask, before)
        files.write(str(self.path), 'text\r\n')
        self.assertEqual(b'text\r\n', self.path.read_bytes())
        self.assertEqual(0o640, self.mode())

    def test_permissions_stay(self):
        self.path.write_text('before')
        for mode in (0o600, 0o664, 0o755):
            with self.subTest(oct(mode)):
                self.path.chmod(mode)
                files.write(str(self.path), 'after')
                self.assertEqual(mode, self.mode())

    @unittest.skipUnless(os.geteuid() == 0, 'only root can give files away')
    def test_the_owner_stays(self):
        self.path.write_text('before')
        os.chown(self.path, 1234, 4321)
        files.write(str(self.path), 'after')
        found = self.path.stat()
        self.assertEqual((1234, 4321), (found.st_uid, found.st_gid))

    def test_a_link_is_followed(self):
        self.path.write_text('before')
        link = self.directory / 'link'
        link.symlink_to('file')
        files.write(str(link), 'after')
        self.assertTrue(link.is_symlink())
        self.assertEqual('after', self.path.read_text())

    def test_whoever_reads_has_the_old_one_or_the_new_one(self):
        self.path.write_text('before')
        with open(self.path) as reader:
            files.write(str(self.path), 'after')
            self.assertEqual('before', reader.read())
        self.assertEqual(['file'], os.listdir(self.directory))

    def test_what_cannot_be_written_leaves_nothing(self):
        self.path.write_text('before')
        self.refused(files.write, self.path, 'no UTF-8: \udcff')
        self.assertEqual('before', self.path.read_text())
        self.assertEqual(['file'], os.listdir(self.directory))

    def test_a_directory_in_the_way(self):
        self.refused(files.write, self.directory, 'text')
        self.path.write_text('before')
        self.refused(files.write, self.path / 'below', 'text')

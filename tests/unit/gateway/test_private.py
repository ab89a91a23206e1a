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

"""The place that only this user can enter."""

import os
import stat
import tempfile
import unittest
from unittest import mock
import uuid

from osdbg import exceptions
from osdbg.gateway import private


class TestPrivate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = os.path.join(folder.name, 'home')
        os.mkdir(self.home)
        places = [
            '/nonexistent/osdbg',
            f'{self.home}/.osdbg',
            f'{folder.name}/osdbg-{os.geteuid()}',
        ]
        patch = mock.patch.object(private, '_places', lambda uid: places)
        patch.start()
        self.addCleanup(patch.stop)
        self.name = f'osdbg-unit-{uuid.uuid4().hex}'

    def listen(self):
        sock = private.listen(self.name)
        if sock is not None:
            self.addCleanup(sock.close)
        return sock

    def test_nobody_else_can_enter(self):
        found = private.directory()
        self.assertEqual(os.path.join(self.home, '.osdbg'), found)
        self.assertEqual(0o700, stat.S_IMODE(os.stat(found).st_mode))
        self.assertEqual(found, private.directory())

    def test_what_others_can_enter_is_passed_over(self):
        os.mkdir(os.path.join(self.home, '.osdbg'), 0o755)
        self.assertEqual(
            f'osdbg-{os.geteuid()}', os.path.basename(private.directory())
        )

    def test_a_link_is_passed_over(self):
        target = os.path.join(self.home, 'target')
        os.mkdir(target, 0o700)
        os.symlink(target, os.path.join(self.home, '.osdbg'))
        self.assertNotIn(self.home, private.directory())

    def test_none_is_left(self):
        os.mkdir(os.path.join(self.home, '.osdbg'), 0o755)
        parent = os.path.dirname(self.home)
        os.mkdir(os.path.join(parent, f'osdbg-{os.geteuid()}'), 0o777)
        os.chmod(os.path.join(parent, f'osdbg-{os.geteuid()}'), 0o777)
        with self.assertRaisesRegex(
            exceptions.GatewayUnavailable, 'only you can enter'
        ):
            private.directory()

    def test_one_gateway(self):
        first = self.listen()
        self.assertIsNone(self.listen())
        first.close()  # as one that is killed
        self.assertTrue(os.path.exists(private.address(self.name)))
        second = self.listen()
        self.assertIsNotNone(second)
        path = second.getsockname()
        private.leave(path)  # as the first, had it been slow to end
        self.assertTrue(os.path.exists(path))
        second.close()
        private.leave(path)
        self.assertFalse(os.path.exists(path))

    def test_it_is_found_wherever_it_is(self):
        os.mkdir(os.path.join(self.home, '.osdbg'), 0o755)
        aside = self.listen()
        os.chmod(os.path.join(self.home, '.osdbg'), 0o700)
        self.assertIn(aside.getsockname(), private.addresses(self.name))
        self.assertNotEqual(aside.getsockname(), private.address(self.name))

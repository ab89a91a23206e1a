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

"""What the environment says, and what was taken out of it."""

import unittest

from osdbg import option_table
from osdbg import settings
from osdbg import sources


class TestEnvironment(unittest.TestCase):
    def test_off(self):
        for environ in (
            {},
            {'OS_REMOTE_DEBUG__PORT': ' '},
            {'OS_REMOTE_DEBUG__HOST': 'x y', 'PORT': '5678'},
            {'OS_REMOTE_DEBUG__ACTIVATE': 'on_init'},
        ):
            with self.subTest(environ):
                self.assertIsNone(sources.read_environ(environ))

    def test_a_unix_socket_needs_no_port(self):
        found = sources.read_environ({'OS_REMOTE_DEBUG__HOST': 'unix:@debug'})
        self.assertEqual('unix:@debug', found.address)

    def test_on(self):
        found = sources.read_environ(
            {
                'OS_REMOTE_DEBUG__PORT': '5678',
                'OS_REMOTE_DEBUG__WORKERS': 'first',
            }
        )
        self.assertIsNotNone(found)
        self.assertEqual((5678, 'first'), (found.port, found.workers))
        self.assertEqual(
            'the environment variable OS_REMOTE_DEBUG__PORT',
            found.sources['port'],
        )

    def test_taken_out_of_the_environment(self):
        self.addCleanup(sources._taken.clear)
        environ = {'OS_REMOTE_DEBUG__PORT': '7000', 'HOME': '/root'}
        sources.take_environ(environ)
        self.assertEqual({'HOME': '/root'}, environ)
        self.assertTrue(sources.taken())
        self.assertEqual(7000, sources.read_environ(environ).port)
        # What is set since then wins.
        environ['OS_REMOTE_DEBUG__PORT'] = '7001'
        self.assertEqual(7001, sources.read_environ(environ).port)

    def test_weakest_port(self):
        self.addCleanup(sources._fallback.clear)
        self.assertFalse(sources.asked({}))
        environ = {sources.DEFAULT_PORT: '5678'}
        sources.take_environ(environ)
        self.assertEqual({}, environ)
        self.assertTrue(sources.asked({}))
        self.assertEqual(5678, sources.read_environ({}).port)
        environ['OS_REMOTE_DEBUG__PORT'] = '7001'
        self.assertEqual(7001, sources.read_environ(environ).port)

    def test_every_option_is_found(self):
        environ = {
            settings.env_name(s.name): 'x' for s in option_table.SETTINGS
        }
        self.assertEqual(
            [s.name for s in option_table.SETTINGS],
            list(sources.from_environ(environ)),
        )

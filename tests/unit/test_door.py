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

import unittest
from unittest import mock

from osdbg import door
from osdbg import settings


class TestDoor(unittest.TestCase):
    def setUp(self):
        self.now = 100.0
        patch = mock.patch.object(door.waiting, 'monotonic', lambda: self.now)
        patch.start()
        self.addCleanup(patch.stop)

    def door(self, **options):
        return door.Door(settings.Settings(options))

    def test_as_the_options_say(self):
        for activate, opened in (('on_attach', True), ('on_demand', False)):
            found = self.door(activate=activate)
            self.assertEqual((opened, None), (found.opened, found.left))

    def test_it_closes_by_itself(self):
        found = self.door(open_seconds=5.0)
        self.assertEqual((True, 5), (found.opened, found.left))
        self.now += 4
        self.assertEqual((True, 1), (found.opened, found.left))
        self.now += 2
        self.assertEqual((False, 0), (found.opened, found.left))

    def test_opened_for_ever(self):
        found = self.door(open_seconds=5.0)
        found.set(True, 0)
        self.now += 99
        self.assertEqual((True, None), (found.opened, found.left))

    def test_the_news_are_told_once(self):
        found = self.door(activate='on_demand', open_seconds=5.0)
        self.assertEqual({}, found.news())
        found.switch(True, None)
        self.assertEqual({'open': True, 'left': 5}, found.news())
        self.assertEqual({}, found.news())
        found.switch(True, None)
        self.assertEqual({}, found.news())
        found.switch(True, 9)
        self.assertEqual({'open': True, 'left': 9}, found.news())
        found.switch(False, None)
        found.begin_again()
        self.assertEqual((False, {}), (found.opened, found.news()))

    def test_other_options_are_obeyed_only_if_they_are_about_it(self):
        found = self.door(activate='on_demand')
        found.switch(True, None)
        found.adopt(settings.Settings({'activate': 'on_demand', 'port': 1}))
        self.assertTrue(found.opened)
        found.adopt(settings.Settings({'activate': 'on_attach'}))
        found.adopt(settings.Settings({'activate': 'on_demand'}))
        self.assertFalse(found.opened)

    def test_closed_before(self):
        found = self.door(open_seconds=5.0)
        found.set(False, 5)
        self.assertEqual((False, None), (found.opened, found.left))

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

import functools
import gc
import operator
import types
import unittest
import weakref

from osdbg import objects


class Kind:
    pass


class Child(Kind):
    @property  # type: ignore[misc]
    def __class__(self):
        raise AssertionError('it was asked what it is')


class InstancesTest(unittest.TestCase):
    def test_of_a_class_and_those_below_it(self):
        kept = [Kind(), Child()]
        found = list(objects.referred(objects.instances(Kind)))
        self.assertEqual(set(map(id, kept)), set(map(id, found)))

    def test_of_no_class(self):
        self.assertEqual([], objects.instances(None))

    def test_one_that_has_gone(self):
        kept = [Kind()]
        found = objects.instances(Kind)
        kept.clear()
        self.assertEqual([], list(objects.referred(found)))

    def test_something_of_each(self):
        codes = functools.partial(map, operator.attrgetter('__code__'))
        found = objects.instances(types.FunctionType, codes)
        self.assertIn(objects.instances.__code__, found)

    def test_nothing_is_kept(self):
        self.addCleanup(gc.enable)
        gc.disable()
        kept = Kind()
        gone = weakref.ref(kept)
        found = objects.instances(Kind)
        del kept
        # Only a circle would need a collection.
        self.assertIsNone(gone())
        del found

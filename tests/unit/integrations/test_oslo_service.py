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

import asyncio
import copy
import inspect
import pickle
import unittest

import osdbg


class Service:
    """As ``oslo_service.service.Service``: calls no ``super()``."""

    def start(self):
        return ['service']


class Cooperative(Service):
    def start(self):
        return ['cooperative', *super().start()]


class Plain(osdbg.RemoteDebugMixin, Service):
    pass


class Last(Service, osdbg.RemoteDebugMixin):
    pass


class Own(osdbg.RemoteDebugMixin, Service):
    def start(self, *more, ready=False):
        """Start it."""
        return ['own', *more, ready]


class Both(Plain, Cooperative):
    pass


class BothLast(Cooperative, Last):
    pass


class TestMixin(unittest.TestCase):
    def test_whoever_defines_start(self):
        for cls, said in (
            (Plain, ['service']),
            (Last, ['service']),
            (Both, ['cooperative', 'service']),
            (BothLast, ['cooperative', 'service']),
        ):
            with self.subTest(cls.__name__):
                self.assertEqual(said, cls().start())

    def test_its_own_start(self):
        self.assertEqual(['own', 1, True], Own().start(1, ready=True))
        self.assertEqual('Start it.', Own.start.__doc__)
        signature = inspect.signature(Own.start)
        self.assertEqual(['self', 'more', 'ready'], [*signature.parameters])

    def test_patched_base(self):
        original = Service.start
        self.addCleanup(setattr, Service, 'start', original)
        Service.start = lambda self: ['patched']
        self.assertEqual(['patched'], Plain().start())

    def test_armed_once(self):
        self.assertIs(Plain.start, vars(Plain)['start'])

        class Child(Plain):
            pass

        self.assertNotIn('start', vars(Child))

    def test_other_kinds_of_start(self):
        class Static(osdbg.RemoteDebugMixin):
            @staticmethod
            def start():
                return 'static'

        class OfClass(osdbg.RemoteDebugMixin):
            @classmethod
            def start(cls):
                return cls.__name__

        class Property(osdbg.RemoteDebugMixin):
            @property
            def start(self):
                return lambda: 'property'

        class Async(osdbg.RemoteDebugMixin):
            async def start(self):
                return 'async'

        self.assertEqual('static', Static().start())
        self.assertEqual('OfClass', OfClass().start())
        self.assertEqual('property', Property().start())
        self.assertTrue(inspect.iscoroutinefunction(Async.start))
        self.assertEqual('async', asyncio.run(Async().start()))

    def test_abstract_start_stays_abstract(self):
        import abc

        class Base(abc.ABC):
            @abc.abstractmethod
            def start(self):
                """Start it."""

        class Half(osdbg.RemoteDebugMixin, Base):
            pass

        with self.assertRaises(TypeError):
            Half()

    def test_conf_that_is_not_ready(self):
        class Early(osdbg.RemoteDebugMixin, Service):
            @property
            def conf(self):
                raise RuntimeError('not before start')

        self.assertEqual(['service'], Early().start())
        copy.copy(Early())

    def test_pickles_as_without(self):
        service = Own()
        service.state = [1]
        for made in (
            *map(copy.copy, [service]),
            copy.deepcopy(service),
            *(
                pickle.loads(pickle.dumps(service, protocol))
                for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
            ),
        ):
            self.assertEqual([1], made.state)
            self.assertIs(Own, type(made))

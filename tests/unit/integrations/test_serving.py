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
import contextvars
import unittest

from osdbg import activities
from osdbg import chosen
from osdbg import harmless
from osdbg.integrations import serving
from tests.unit.integrations.noting import attached
from tests.unit.integrations.noting import NotingBackend


class ServingTestCase(unittest.TestCase):
    def setUp(self):
        self.backend = NotingBackend()
        self.agent = attached(self.backend)
        self.request = activities.WsgiRequest({'PATH_INFO': '/a'})
        self.addCleanup(chosen.forget)
        self.addCleanup(harmless._said.clear)

    def serving(self, on_exception=False, **more):
        return serving.Serving(self.agent, self.request, on_exception, **more)


class ServingTest(ServingTestCase):
    def test_who_is_served(self):
        served = self.serving()
        for _ in range(3):
            with served:
                self.assertIs(self.request, activities.current.get())
            self.assertIsNone(activities.current.get())
        self.assertEqual([('trace', None)] * 3, self.backend.asked)

    def test_one_inside_of_another(self):
        outer = activities.Activity('outer')
        with serving.Serving(self.agent, outer, False):
            with self.serving():
                self.assertIs(self.request, activities.current.get())
            self.assertIs(outer, activities.current.get())

    def test_nobody_is_attached(self):
        self.agent.debugger.attached = False
        chosen.only(path='/b')
        with self.assertRaises(LookupError), self.serving(on_exception=True):
            self.assertIs(self.request, activities.current.get())
            raise LookupError
        self.assertEqual([], self.backend.asked)

    def test_exceptions(self):
        for on_exception in (True, False):
            for exc in (
                LookupError('x'),
                StopIteration(),
                StopAsyncIteration(),
                GeneratorExit(),
                SystemExit(),
                asyncio.CancelledError(),
            ):
                self.backend.asked.clear()
                with self.assertRaises(type(exc)) as caught:
                    with self.serving(on_exception):
                        raise exc
                self.assertIs(exc, caught.exception)
                told = on_exception and isinstance(exc, LookupError)
                self.assertEqual(
                    [('exception', exc)] if told else [],
                    self.backend.asked[1:],
                )

    def test_what_cannot_stop_is_not_traced(self):
        served = self.serving()
        for criteria, spared in (
            ({'path': '/a'}, False),
            ({'path': '/b'}, True),
            ({'path': '/b', 'marked': True}, True),
            # Middleware may find out that it is.
            ({'path': '/b', 'request_id': 'req-1'}, False),
            ({'project_id': 'p'}, False),
            ({'header': 'X-Project-Id: p'}, False),
        ):
            chosen.only(**criteria)
            for _ in range(2):
                self.backend.asked.clear()
                with served:
                    pass
                expected = ('spare',) if spared else ('trace', self.request)
                self.assertEqual([expected], self.backend.asked, criteria)

    def test_one_that_is_chosen_goes_on_after_another(self):
        chosen.only(path='/outer')
        outer = activities.WsgiRequest({'PATH_INFO': '/outer'})
        with serving.Serving(self.agent, outer, False), self.serving():
            pass
        expected = [('trace', outer), ('spare',), ('trace', outer)]
        self.assertEqual(expected, self.backend.asked)

    def test_another_is_chosen_at_that_moment(self):
        self.backend.spare_this_thread = chosen.only
        chosen.only(path='/b')
        with self.serving():
            pass
        self.assertEqual([('trace', self.request)], self.backend.asked)

    def test_what_has_no_token_is_not_traced(self):
        self.addCleanup(chosen._Filter.tokens.clear)
        chosen.by_token('X-Mine', 'secret')
        # Nor whatever else a client asks for.
        for criteria in ({}, {'project_id': 'p'}):
            chosen.only(**criteria)
            for value in ('secret', 'other'):
                self.backend.asked.clear()
                self.request = activities.WsgiRequest({'HTTP_X_MINE': value})
                with self.serving(alone=False):
                    pass
                spared = value == 'other'
                expected = ('spare',) if spared else ('trace', self.request)
                self.assertEqual([expected], self.backend.asked)

    def test_it_stops_where_one_that_is_not_chosen_has_raised(self):
        chosen.only(path='/b')
        with self.assertRaises(LookupError) as caught, self.serving(True):
            raise LookupError
        self.assertEqual(
            [('spare',), ('exception', caught.exception)], self.backend.asked
        )

    def test_a_backend_that_fails(self):
        self.backend = NotingBackend(fails=True)
        self.agent = attached(self.backend)
        with self.assertLogs('osdbg') as caught:
            for path in ('/a', '/b'):
                chosen.only(path=path)
                with self.assertRaises(KeyError), self.serving(True):
                    self.assertIs(self.request, activities.current.get())
                    raise KeyError
        self.assertIsNone(activities.current.get())
        # The same is said once.
        said = [record.getMessage() for record in caught.records]
        self.assertEqual(len(said), len(set(said)), said)
        self.assertIn(
            "osdbg failed (LookupError('the debugger has failed') in "
            'osdbg.integrations.serving.Serving._trace); the service goes '
            'on: please report it',
            said,
        )

    def test_it_ends_in_another_context(self):
        # As a coroutine does that garbage collection finds.
        served = self.serving()
        contextvars.copy_context().run(served.__enter__)
        served.__exit__(None, None, None)
        self.assertEqual(set(), harmless._said)
        self.assertIsNone(activities.current.get())

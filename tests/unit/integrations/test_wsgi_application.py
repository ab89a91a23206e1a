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

import copy
import re
import unittest

from osdbg import activities
from osdbg import agent
from osdbg import chosen
from osdbg.integrations import serving
from osdbg.integrations import wsgi
from osdbg.integrations import wsgi_application
from osdbg import settings


class Body:
    """Whatever a server may ask of a body, and only once."""

    marker = 'seen'

    def __init__(self, parts):
        self.parts = parts
        self.closed = 0

    def __iter__(self):
        yield from self.parts

    def close(self):
        self.closed += 1


class TestWatchedBody(unittest.TestCase):
    def setUp(self):
        self.agent = agent.Agent(settings.Settings({'port': 5678}))
        self.request = activities.WsgiRequest({'PATH_INFO': '/'})

    def watch(self, body):
        served = serving.Serving(self.agent, self.request, True)
        return wsgi_application.WatchedBody(served, body)

    def test_passes_everything_on(self):
        body = Body([b'1', b'2'])
        watched = self.watch(body)
        self.assertEqual('seen', watched.marker)
        self.assertIsInstance(watched, Body)
        self.assertEqual([b'1', b'2'], list(watched))
        watched.close()
        self.assertEqual(1, body.closed)

    def test_closes_only_what_can_be_closed(self):
        self.assertFalse(hasattr(self.watch(iter([])), 'close'))

    def test_next_without_iter(self):
        self.assertEqual(b'1', next(self.watch(Body([b'1']))))

    def test_raises_what_was_raised(self):
        error = LookupError('x')

        def parts():
            yield b'1'
            raise error

        watched = self.watch(parts())
        self.assertEqual(b'1', next(watched))
        with self.assertRaises(LookupError) as caught:
            next(watched)
        self.assertIs(error, caught.exception)
        with self.assertRaises(StopIteration):
            next(watched)

    def test_knows_its_request_in_each_part(self):
        seen = []

        def parts():
            for part in (b'1', b'2'):
                seen.append(activities.current.get())
                yield part

        for _ in self.watch(parts()):
            self.assertIsNone(activities.current.get())
        self.assertEqual([self.request] * 2, seen)


class TestDebuggedApplication(unittest.TestCase):
    def wrap(self, app, **stops):
        return wsgi_application.DebuggedApplication(app, None, stops)

    def matches(self, environ, **stops):
        texts = {name: stop for name, stop in stops.items()}
        read = {
            stop.name: wsgi._read(stop, texts[stop.name], 'here')
            for stop in wsgi.STOPS
            if stop.name in texts
        }
        request = activities.WsgiRequest(environ)
        return self.wrap(None, **read)._osdbg_is_asked_for(request)

    def test_attributes(self):
        class App:
            version = 3

        self.assertEqual(3, self.wrap(App()).version)
        with self.assertRaises(AttributeError):
            self.wrap(App()).nothing

    def test_attributes_that_are_set(self):
        class App:
            debug = False

            def __call__(self, environ, start_response):
                return self.serve(environ)

            def serve(self, environ):
                return ['bare']

        app = App()
        wrapped = self.wrap(app)
        inner = wrapped.serve
        wrapped.serve = lambda environ: ['around', *inner(environ)]
        wrapped.debug = True
        self.assertTrue(app.debug)
        self.assertEqual(['around', 'bare'], wrapped({}, None))
        del wrapped.serve
        del wrapped.debug
        self.assertEqual(['bare'], wrapped({}, None))
        self.assertFalse(app.debug)
        with self.assertRaises(AttributeError):
            del wrapped.debug

    def test_copy(self):
        class App:
            pass

        app = App()
        wrapped = copy.copy(self.wrap(app))
        self.assertIsInstance(wrapped, wsgi_application.DebuggedApplication)
        self.assertIs(app, wrapped._osdbg_app)

    def test_compiled_path(self):
        pattern = re.compile('^/V3', re.IGNORECASE)
        for path, expected in (('/v3/auth', True), ('/v2', False)):
            found = self.matches({'PATH_INFO': path}, break_on_path=pattern)
            self.assertIs(expected, found, path)

    def test_what_is_no_text(self):
        for stop in (
            {'break_on_path': re.compile(b'/')},
            {'break_on_path': b'/'},
            {'break_on_path': 3},
            {'break_on_request_id': b'req-1'},
        ):
            with self.assertLogs('osdbg') as caught:
                self.assertFalse(
                    self.matches({'PATH_INFO': '/3'}, **stop), stop
                )
            (record,) = caught.records
            self.assertRegex(
                record.getMessage(), 'is not valid: expected a string'
            )

    def test_path(self):
        environ = {'SCRIPT_NAME': '/compute', 'PATH_INFO': '/v2.1/servers'}
        for path in ('^/compute/v2', 'servers$', 'e/v'):
            self.assertTrue(self.matches(environ, break_on_path=path), path)
        for path in ('^/v2', 'servers/$'):
            self.assertFalse(self.matches(environ, break_on_path=path), path)
        self.assertFalse(self.matches({}, break_on_path='/'))
        self.assertFalse(self.matches(environ))

    def test_request_id(self):
        for name in activities._WSGI_IDS:
            for value, expected in (('req-1', True), ('req-12', False)):
                found = self.matches(
                    {name: value}, break_on_request_id='req-1'
                )
                self.assertIs(expected, found, name)
        self.assertFalse(self.matches({}, break_on_request_id='req-1'))

    def test_bad_regular_expression(self):
        with self.assertLogs('osdbg') as caught:
            self.assertFalse(
                self.matches({'PATH_INFO': '/'}, break_on_path='*')
            )
        (record,) = caught.records
        self.assertRegex(
            record.getMessage(),
            r'break_on_path = \* \(from here\) is not valid: expected a reg',
        )


class TestChoose(unittest.TestCase):
    """Which requests may stop, as a paste file says."""

    def setUp(self):
        self.addCleanup(chosen._Filter.tokens.clear)
        chosen._Filter.tokens.clear()
        self.addCleanup(activities.current.set, None)

    def stops_with(self, **environ):
        activities.current.set(activities.WsgiRequest(environ))
        return chosen.may_stop()

    def test_neither(self):
        wsgi.choose({}, 'here', asked=False)
        self.assertFalse(chosen.is_on())
        self.assertTrue(self.stops_with())

    def test_both(self):
        options = {'only_header': 'X-Osdbg', 'only_token': 'secret'}
        wsgi.choose(options, 'here', asked=True)
        self.assertTrue(chosen.is_on())
        self.assertTrue(self.stops_with(HTTP_X_OSDBG='secret'))
        self.assertFalse(self.stops_with(HTTP_X_OSDBG='Secret'))
        self.assertFalse(self.stops_with())

    def test_what_cannot_be_read_stops_nobody(self):
        token = next(each for each in wsgi.STOPS if each.name == 'only_token')
        with self.assertLogs('osdbg') as caught:
            self.assertIsNone(wsgi._read(token, b'hidden', 'one who errs'))
            wsgi.choose({}, 'one who errs', asked=True)
        self.assertNotIn('hidden', str(caught.output))
        self.assertFalse(self.stops_with(HTTP_X_OSDBG='hidden'))

    def test_of_no_encoding(self):
        options = {'only_header': 'X-Osdbg', 'only_token': '\udce9'}
        wsgi.choose(options, 'here', asked=True)
        self.assertFalse(self.stops_with())

    def test_more_than_one_pipeline(self):
        for token in ('one', 'two'):
            options = {'only_header': 'X-Osdbg', 'only_token': token}
            wsgi.choose(options, 'here', asked=True)
            self.assertTrue(self.stops_with(HTTP_X_OSDBG=token))
        self.assertTrue(self.stops_with(HTTP_X_OSDBG='one'))

    def test_a_half_stops_nobody(self):
        for name in ('only_header', 'only_token'):
            with self.subTest(name), self.assertLogs('osdbg') as caught:
                # In other words than before: each is said once.
                wsgi.choose({name: 'x'}, f'a file with {name}', True)
                for value in ('x', '', 'None'):
                    found = self.stops_with(HTTP_X=value, HTTP_=value)
                    self.assertFalse(found, value)
            (record,) = caught.records
            self.assertRegex(
                record.getMessage(),
                f'a file with {name} needs both .*: set both, or neither$',
            )

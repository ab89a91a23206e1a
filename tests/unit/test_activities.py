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

"""Frames tell what they serve, and are asked for nothing that runs code."""

import functools
import sys
import threading
import unittest

from osdbg import activities
from osdbg import frames


class Evil:
    """Whatever it is asked, it runs code of the service."""

    def __getattribute__(self, name):
        raise AssertionError(f'it was asked for {name}')

    def __eq__(self, other):
        raise AssertionError('it was compared')

    def __hash__(self):
        raise AssertionError('it was hashed')

    def __bool__(self):
        raise AssertionError('it was asked whether it is true')


class WsgiRequestTest(unittest.TestCase):
    def request(self, **environ):
        return activities.WsgiRequest(environ)

    def test_title(self):
        request = self.request(
            REQUEST_METHOD='GET',
            SCRIPT_NAME='/v3',
            PATH_INFO='/auth/tokens',
            HTTP_X_OPENSTACK_REQUEST_ID='req-global',
            **{'openstack.request_id': 'req-local'},
        )
        self.assertEqual('/v3/auth/tokens', request.path)
        self.assertEqual('GET /v3/auth/tokens req-local', request.title)

    def test_of_nothing(self):
        request = self.request()
        self.assertEqual(('', ''), (request.title, request.path))
        self.assertEqual([], list(request.request_ids()))
        self.assertIsNone(request.project_id)
        self.assertIsNone(request.header('x'))

    def test_ids(self):
        environ = {
            name: f'req-{number}'
            for number, name in enumerate(activities._WSGI_IDS)
        }
        found = list(self.request(**environ).request_ids())
        self.assertEqual([f'req-{n}' for n in range(5)], found)

    def test_empty_ids_are_none(self):
        request = self.request(
            HTTP_X_REQUEST_ID='req-1', **{'openstack.request_id': ''}
        )
        self.assertEqual(['req-1'], list(request.request_ids()))

    def test_projects(self):
        self.assertEqual('a', self.request(HTTP_X_TENANT_ID='a').project_id)
        both = self.request(HTTP_X_TENANT_ID='a', HTTP_X_PROJECT_ID='b')
        self.assertEqual('b', both.project_id)

    def test_headers(self):
        request = self.request(
            HTTP_X_OSDBG='one', CONTENT_TYPE='text/plain', CONTENT_LENGTH='3'
        )
        self.assertEqual('one', request.header('x-osdbg'))
        # Of these two the names are as CGI has them.
        self.assertEqual('text/plain', request.header('content-type'))
        self.assertEqual('3', request.header('content-length'))

    def test_what_is_no_string(self):
        class Text(str):
            __slots__ = ()

        for value in (None, 5, b'bytes', Text('text'), Evil()):
            names = ('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO')
            names += (*activities._WSGI_IDS, *activities._WSGI_PROJECTS)
            request = self.request(**dict.fromkeys(names, value))
            self.assertEqual(('', ''), (request.title, request.path))
            self.assertEqual([], list(request.request_ids()))
            self.assertIsNone(request.project_id)
            self.assertIsNone(request.header('x-request-id'))


class AsgiRequestTest(unittest.TestCase):
    def request(self, *headers, **scope):
        return activities.AsgiRequest({'headers': list(headers), **scope})

    def test_title(self):
        headers = [(b'x-request-id', b'req-1'), (b'x-project-id', b'p')]
        request = self.request(*headers, type='http', method='PUT', path='/a')
        self.assertEqual('PUT /a req-1', request.title)
        self.assertEqual('p', request.project_id)

    def test_websockets_have_no_method(self):
        request = self.request(type='websocket', path='/console')
        self.assertEqual('websocket /console', request.title)

    def test_both_ids(self):
        request = self.request(
            (b'x-request-id', b'req-2'), (b'x-openstack-request-id', b'req-1')
        )
        self.assertEqual(['req-1', 'req-2'], list(request.request_ids()))

    def test_without_headers(self):
        for scope in ({}, {'headers': None}, {'headers': []}):
            request = activities.AsgiRequest(scope)
            self.assertIsNone(request.header('x'))
            self.assertIsNone(request.project_id)
            self.assertEqual(('', ''), (request.title, request.path))

    def test_bytes_are_latin_1(self):
        request = self.request((b'x-name', b'J\xfcrgen'), (b'x-raw', b'\xff'))
        self.assertEqual('Jürgen', request.header('x-name'))
        self.assertEqual('\xff', request.header('x-raw'))
        self.assertIsNone(request.header('x-näme'))

    def test_the_first_counts(self):
        request = self.request((b'x', b'1'), (b'x', b'2'))
        self.assertEqual('1', request.header('x'))

    def test_headers_that_are_none(self):
        for headers in (
            [(b'x', 'text')],
            [(b'x', 5)],
            [('x', b'1')],
            [(b'x',)],
            [b'x', None, 5, Evil()],
            [(Evil(), Evil())],
            5,
            'text',
            Evil(),
        ):
            request = activities.AsgiRequest({'headers': headers})
            self.assertIsNone(request.header('x'))

    def test_headers_that_can_be_read_once(self):
        headers = iter([(b'x', b'1')])
        activities.AsgiRequest({'headers': headers}).header('x')
        # The application must find them.
        self.assertEqual([(b'x', b'1')], list(headers))


class RpcCallTest(unittest.TestCase):
    def test_title(self):
        context = {'request_id': 'req-1', 'global_request_id': 'req-2'}
        call = activities.RpcCall('build', context)
        self.assertEqual('RPC build req-1', call.title)
        self.assertEqual(['req-1', 'req-2'], list(call.request_ids()))
        self.assertEqual('RPC ping', activities.RpcCall('ping', {}).title)

    def test_projects(self):
        names = activities._CONTEXT_PROJECTS
        for number, name in enumerate(names):
            context = dict.fromkeys(names[number:], 'later')
            context[name] = 'first'
            found = activities.RpcCall('x', context).project_id
            self.assertEqual('first', found, name)
        self.assertIsNone(activities.RpcCall('x', {}).project_id)

    def test_it_has_no_url(self):
        call = activities.RpcCall('x', {})
        self.assertIsNone(call.path)
        self.assertIsNone(call.header('x'))
        self.assertFalse(call.marked)
        self.assertTrue(activities.RpcCall('x', {}, marked=True).marked)


def built(source, module, **names):
    """Return what a module of that name would have."""
    namespace = {'__name__': module, 'getframe': sys._getframe, **names}
    exec(source, namespace)
    return namespace


class OfTest(unittest.TestCase):
    """What a function of a library says it is busy with."""

    def title(self, frame):
        found = activities.of([frame])
        self.assertEqual(found is not None, activities.tells(frame))
        return None if found is None else found.title

    def test_eventlet_wsgi(self):
        source = """
class HttpProtocol:
    def handle_one_response(self):
        return getframe()
"""
        module = built(source, 'eventlet.wsgi')
        for base in ('HttpProtocol', 'Child'):
            kind = module['HttpProtocol']
            protocol = type(base, (kind,), {})()
            protocol.environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/a'}
            frame = protocol.handle_one_response()
            self.assertEqual('GET /a', self.title(frame))
        # A connection on which no request has come.
        del protocol.environ
        frame = protocol.handle_one_response()
        self.assertIsNone(activities.of([frame]))

    def test_rpc(self):
        source = """
def _do_dispatch(self, endpoint, method, ctxt, args):
    return getframe()
"""
        dispatch = built(source, 'oslo_messaging.rpc.dispatcher')[
            '_do_dispatch'
        ]
        for context, expected in (
            ({'request_id': 'req-1'}, 'RPC build req-1'),
            ({'request_id': None}, 'RPC build'),
            (Evil(), 'RPC build'),
        ):
            frame = dispatch(None, None, 'build', context, {})
            self.assertEqual(expected, self.title(frame))
        frame = dispatch(None, None, Evil(), {}, {})
        self.assertIsNone(activities.of([frame]))

    def test_periodic_task(self):
        source = """
def run_periodic_tasks(self, context, raise_on_error=False):
    task_name = 'update'
    if raise_on_error:
        full_task_name = 'Manager.update'
    return getframe()
"""
        run = built(source, 'oslo_service.periodic_task')['run_periodic_tasks']
        for full, expected in ((False, 'update'), (True, 'Manager.update')):
            frame = run(None, None, full)
            self.assertEqual(f'periodic task {expected}', self.title(frame))

    def test_looping_call(self):
        source = """
class LoopingCallBase:
    def __init__(self, f):
        self.f = f
class FixedIntervalLoopingCall(LoopingCallBase):
    def _run_loop(self):
        return getframe()
    _run_once = _start = _run_loop
"""

        def function():
            pass

        for module in (
            'oslo_service.loopingcall',
            'oslo_service.backend._threading.loopingcall',
        ):
            kind = built(source, module)['FixedIntervalLoopingCall']
            for called, name in (
                (function, function.__qualname__),
                (self.test_rpc, 'OfTest.test_rpc'),
            ):
                frame = kind(called)._run_loop()
                self.assertEqual(f'looping call {name}', self.title(frame))
            for called in (functools.partial(function), Evil(), None):
                frame = kind(called)._run_loop()
                self.assertIsNone(activities.of([frame]))
        elsewhere = built(source, 'service.loops')['FixedIntervalLoopingCall']
        self.assertIsNone(self.title(elsewhere(function)._run_loop()))

    def test_the_same_names_elsewhere(self):
        for module, name in activities._KNOWN:
            source = f'def {name}(method, ctxt): return getframe()'
            frame = built(source, f'{module}.other')[name]('x', {})
            self.assertIsNone(self.title(frame))

    def test_applications(self):
        def wsgi(self, environ, start_response):
            return sys._getframe()

        def asgi(scope, receive, send):
            return sys._getframe()

        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/a'}
        self.assertEqual('GET /a', self.title(wsgi(None, environ, None)))
        for kind in ('http', 'websocket'):
            frame = asgi({'type': kind, 'path': '/b'}, None, None)
            self.assertEqual(f'{kind} /b', self.title(frame))

    def test_who_only_looks_like_one(self):
        def wsgi(environ):
            return sys._getframe()

        def asgi(scope):
            return sys._getframe()

        class Environ(dict):
            pass

        request = {'REQUEST_METHOD': 'GET'}
        for environ in (None, {}, {'PATH': '/bin'}, Environ(request), Evil()):
            frame = wsgi(environ)
            self.assertTrue(activities.tells(frame))
            self.assertIsNone(activities.of([frame]))
        for scope in ({'type': 'lifespan'}, {}, {'type': Evil()}, Evil()):
            self.assertIsNone(activities.of([asgi(scope)]))

    def test_an_argument_and_not_any_variable(self):
        def local():
            environ = {'REQUEST_METHOD': 'GET'}
            return sys._getframe(), environ

        def deleted(environ):
            del environ
            return sys._getframe()

        self.assertFalse(activities.tells(local()[0]))
        frame = deleted({'REQUEST_METHOD': 'GET'})
        self.assertIsNone(activities.of([frame]))

    def test_the_innermost_counts(self):
        def application(environ):
            deeper = environ.pop('deeper', None)
            return [*(application(deeper) if deeper else ()), sys._getframe()]

        chain = application(
            {
                'REQUEST_METHOD': 'GET',
                'deeper': {'REQUEST_METHOD': 'PUT', 'deeper': {}},
            }
        )
        self.assertEqual('PUT', activities.of(chain).title)
        self.assertIsNone(activities.of([]))

    def test_of_a_native_thread(self):
        begun, enough = threading.Event(), threading.Event()

        def application(environ):
            begun.set()
            enough.wait(30)

        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/native'}
        thread = threading.Thread(target=application, args=(environ,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(enough.set)
        self.assertTrue(begun.wait(30))
        top = frames.others()[thread.ident]
        found = activities.of(frame for frame, _ in frames.stack(top))
        self.assertEqual('GET /native', found.title)

    def test_globals_that_run_code(self):
        class Names(dict):
            def get(self, name, default=None):
                raise AssertionError(name)

        names = Names(__name__=Evil(), getframe=sys._getframe)
        exec('def run_periodic_tasks(): return getframe()', names)
        frame = dict.__getitem__(names, 'run_periodic_tasks')()
        self.assertFalse(activities.tells(frame))
        self.assertIsNone(activities.of([frame]))

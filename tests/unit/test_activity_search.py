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

from osdbg import activity_search
from osdbg import frames
from tests.unit.evil import Evil


def built(source, module, **names):
    """Return what a module of that name would have."""
    namespace = {'__name__': module, 'getframe': sys._getframe, **names}
    exec(source, namespace)
    return namespace


class OfTest(unittest.TestCase):
    """What a function of a library says it is busy with."""

    def title(self, frame):
        found = activity_search.of([frame])
        self.assertEqual(found is not None, activity_search.tells(frame))
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
        self.assertIsNone(activity_search.of([frame]))

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
        self.assertIsNone(activity_search.of([frame]))

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
                self.assertIsNone(activity_search.of([frame]))
        elsewhere = built(source, 'service.loops')['FixedIntervalLoopingCall']
        self.assertIsNone(self.title(elsewhere(function)._run_loop()))

    def test_the_same_names_elsewhere(self):
        for module, name in activity_search._KNOWN:
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
            self.assertTrue(activity_search.tells(frame))
            self.assertIsNone(activity_search.of([frame]))
        for scope in ({'type': 'lifespan'}, {}, {'type': Evil()}, Evil()):
            self.assertIsNone(activity_search.of([asgi(scope)]))

    def test_an_argument_and_not_any_variable(self):
        def local():
            environ = {'REQUEST_METHOD': 'GET'}
            return sys._getframe(), environ

        def deleted(environ):
            del environ
            return sys._getframe()

        self.assertFalse(activity_search.tells(local()[0]))
        frame = deleted({'REQUEST_METHOD': 'GET'})
        self.assertIsNone(activity_search.of([frame]))

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
        self.assertEqual('PUT', activity_search.of(chain).title)
        self.assertIsNone(activity_search.of([]))

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
        found = activity_search.of(frame for frame, _ in frames.stack(top))
        self.assertEqual('GET /native', found.title)

    def test_globals_that_run_code(self):
        class Names(dict):
            def get(self, name, default=None):
                raise AssertionError(name)

        names = Names(__name__=Evil(), getframe=sys._getframe)
        exec('def run_periodic_tasks(): return getframe()', names)
        frame = dict.__getitem__(names, 'run_periodic_tasks')()
        self.assertFalse(activity_search.tells(frame))
        self.assertIsNone(activity_search.of([frame]))

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

"""Whether the code that runs is part of a chosen request."""

import asyncio
import contextvars
import re
import threading
import unittest

from osdbg import activities
from osdbg import activity_search
from osdbg import chosen
from tests.unit import fresh

ENVIRON = {
    'REQUEST_METHOD': 'GET',
    'SCRIPT_NAME': '/compute',
    'PATH_INFO': '/v2.1/servers',
    'HTTP_X_PROJECT_ID': 'p1',
    'HTTP_X_OSDBG': 'me',
    'openstack.request_id': 'req-1',
    'openstack.global_request_id': 'req-2',
}
CRITERIA = ('request_id', 'path', 'project_id', 'header', 'marked')


def application(environ, call):
    """Serve a request, where nobody has said what is served."""
    return call()


class ChosenTestCase(unittest.TestCase):
    def setUp(self):
        self.addCleanup(chosen._Filter.tokens.clear)
        self.addCleanup(chosen.forget)
        chosen._Filter.tokens.clear()

    def serve(self, activity, call, *args, **kwargs):
        """Call something as part of a request."""

        def run():
            activities.current.set(activity)
            return call(*args, **kwargs)

        return contextvars.copy_context().run(run)

    def here(self, environ=ENVIRON, **criteria):
        request = activities.WsgiRequest(environ)
        found = self.serve(request, chosen.here, **criteria)
        # The same without the context.
        self.assertIs(
            found, application(environ, lambda: chosen.here(**criteria))
        )
        return found


class HereTest(ChosenTestCase):
    def test_without_criteria(self):
        for criteria in ({}, dict.fromkeys(CRITERIA)):
            with self.assertRaisesRegex(TypeError, 'needs a criterion: type'):
                chosen.here(**criteria)

    def test_another_criterion(self):
        with self.assertRaises(TypeError):
            chosen.here(user='me')

    def test_where_nothing_is_served(self):
        for criteria in (
            {'request_id': ''},
            {'path': ''},
            {'project_id': ''},
            {'header': ''},
            {'marked': True},
            {'marked': False},
        ):
            self.assertFalse(chosen.here(**criteria), criteria)

    def test_ids(self):
        for request_id in ('req-1', 'req-2'):
            self.assertTrue(self.here(request_id=request_id))
        for request_id in ('req-', 'req-12', ''):
            self.assertFalse(self.here(request_id=request_id))

    def test_path(self):
        for path in ('^/compute/v2', 'servers$', 'e/v', ''):
            self.assertTrue(self.here(path=path), path)
        self.assertTrue(self.here(path=re.compile('SERVERS', re.I)))
        for path in ('^/v2', 'servers/$'):
            self.assertFalse(self.here(path=path), path)

    def test_a_wrong_regular_expression(self):
        for activity in (None, activities.WsgiRequest(ENVIRON)):
            with self.assertRaises(re.error):
                self.serve(activity, chosen.here, path='*')

    def test_project(self):
        self.assertTrue(self.here(project_id='p1'))
        self.assertFalse(self.here(project_id='p'))
        self.assertFalse(self.here({'REQUEST_METHOD': 'GET'}, project_id='p'))

    def test_header(self):
        for header in ('X-Osdbg', 'x-osdbg:me', ' X-OSDBG :  me '):
            self.assertTrue(self.here(header=header), header)
        for header in ('X-Osdbg: Me', 'X-Osdbg:', 'X-Other', 'X-Other: me'):
            self.assertFalse(self.here(header=header), header)

    def test_header_of_an_asgi_application(self):
        request = activities.AsgiRequest({'headers': [(b'x-osdbg', b'me')]})
        for header in ('X-Osdbg', ' X-OSDBG :  me '):
            self.assertTrue(self.serve(request, chosen.here, header=header))
        self.assertFalse(self.serve(request, chosen.here, header='X'))

    def test_header_with_a_colon_in_it(self):
        environ = {**ENVIRON, 'HTTP_REFERER': 'http://host:1/'}
        self.assertTrue(self.here(environ, header='Referer: http://host:1/'))

    def test_an_empty_header(self):
        environ = {**ENVIRON, 'HTTP_X_EMPTY': ''}
        for header in ('X-Empty', 'X-Empty:'):
            self.assertTrue(self.here(environ, header=header), header)

    def test_all_have_to_hold(self):
        right = {
            'request_id': 'req-1',
            'path': '^/compute',
            'project_id': 'p1',
            'header': 'x-osdbg',
            'marked': False,
        }
        self.assertEqual(set(CRITERIA), set(right))
        self.assertTrue(self.here(**right))
        wrong = dict.fromkeys(right, 'wrong') | {'marked': True}
        for name, value in wrong.items():
            self.assertFalse(self.here(**{**right, name: value}), name)

    def test_what_has_no_url(self):
        call = activities.RpcCall('x', {'request_id': 'req-1'})
        self.assertTrue(self.serve(call, chosen.here, request_id='req-1'))
        for criteria in ({'path': ''}, {'header': 'x'}):
            self.assertFalse(self.serve(call, chosen.here, **criteria))

    def test_in_a_native_thread(self):
        found = []

        def run():
            found.append(chosen.here(path='^/compute'))
            application(
                ENVIRON, lambda: found.append(chosen.here(path='^/compute'))
            )

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        self.assertEqual([False, True], found)

    def test_in_tasks(self):
        async def application(scope):
            await asyncio.sleep(0)
            return chosen.here(path='2$')

        async def main():
            scopes = [{'type': 'http', 'path': f'/{n}'} for n in range(4)]
            return await asyncio.gather(*map(application, scopes))

        self.assertEqual([False, False, True, False], asyncio.run(main()))

    def test_more_functions_than_are_remembered(self):
        search = activity_search
        most = search._MOST_FUNCTIONS
        self.addCleanup(setattr, search, '_MOST_FUNCTIONS', most)
        search._MOST_FUNCTIONS = 5
        for number in range(20):
            names = {'here': chosen.here}
            exec(f'def f(): return here(path="{number}")', names)
            environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': f'/{number}'}
            self.assertTrue(application(environ, names['f']))
            self.assertLess(len(search._silent) + len(search._telling), 10)


class OnlyTest(ChosenTestCase):
    def may_stop(self, **environ):
        return self.serve(activities.WsgiRequest(environ), chosen.may_stop)

    def test_on_and_off(self):
        self.assertFalse(chosen.is_on())
        said = chosen.only(path='^/a', project_id='p')
        self.assertIn("path='^/a', project_id='p' only", said)
        self.assertTrue(chosen.is_on())
        self.assertTrue(self.may_stop(PATH_INFO='/a', HTTP_X_PROJECT_ID='p'))
        self.assertFalse(self.may_stop(PATH_INFO='/a'))
        self.assertFalse(chosen.may_stop())
        self.assertEqual('stops in all requests', chosen.only())
        self.assertFalse(chosen.is_on())
        self.assertTrue(self.may_stop(PATH_INFO='/b'))
        self.assertTrue(chosen.may_stop())

    def test_what_is_wrong_changes_nothing(self):
        chosen.only(path='^/a')
        for criteria, error in (
            ({'user': 'me'}, TypeError),
            ({'path': '*'}, re.error),
            ({'path': None}, TypeError),
        ):
            with self.assertRaises(error):
                chosen.only(**criteria)
        self.assertTrue(self.may_stop(PATH_INFO='/a'))
        self.assertFalse(self.may_stop(PATH_INFO='/b'))

    def test_is_over_when_the_client_leaves(self):
        chosen.by_token('X', 'secret')
        chosen.only(path='^/a')
        chosen.forget()
        self.assertTrue(self.may_stop(HTTP_X='secret', PATH_INFO='/b'))
        # What the configuration says goes on.
        self.assertFalse(self.may_stop(PATH_INFO='/a'))


class TokenTest(ChosenTestCase):
    def may_stop(self, **environ):
        return self.serve(activities.WsgiRequest(environ), chosen.may_stop)

    def test_who_bears_it(self):
        chosen.by_token('X-Osdbg', 'secret')
        self.assertTrue(chosen.is_on())
        self.assertTrue(self.may_stop(HTTP_X_OSDBG='secret'))
        for value in ('Secret', 'secret ', 'secrets', '', 's', 'sécret', None):
            self.assertFalse(self.may_stop(HTTP_X_OSDBG=value), value)
        self.assertFalse(self.may_stop())
        self.assertFalse(chosen.may_stop())

    def test_one_that_nobody_can_have(self):
        for token in (None, ''):
            chosen.by_token('X-Osdbg', token)
            self.assertTrue(chosen.is_on())
            for value in ('', 'None', 'x', None):
                self.assertFalse(self.may_stop(HTTP_X_OSDBG=value), value)

    def test_is_no_ascii(self):
        chosen.by_token('X-Osdbg', 'geheimnißvoll')
        # Servers take each byte for a character.
        sent = 'geheimnißvoll'.encode().decode('latin-1')
        self.assertTrue(self.may_stop(HTTP_X_OSDBG=sent))
        self.assertFalse(self.may_stop(HTTP_X_OSDBG='geheimnisvoll'))
        # What no server can have sent.
        self.assertFalse(self.may_stop(HTTP_X_OSDBG='\u20ac\ud800'))

    def test_beside_what_the_client_asks_for(self):
        chosen.by_token('X', 'secret')
        chosen.only(path='^/a')
        self.assertTrue(self.may_stop(HTTP_X='secret', PATH_INFO='/a'))
        self.assertFalse(self.may_stop(HTTP_X='secret', PATH_INFO='/b'))
        self.assertFalse(self.may_stop(PATH_INFO='/a'))

    def test_an_asgi_application(self):
        chosen.by_token('X-Osdbg', 'secret')
        for headers, expected in (
            ([(b'x-osdbg', b'secret')], True),
            ([(b'x-osdbg', b'other')], False),
            ([], False),
        ):
            request = activities.AsgiRequest({'headers': headers})
            found = self.serve(request, chosen.may_stop)
            self.assertIs(expected, found)

    def test_calls_that_serve_one_that_bears_it(self):
        for token in ('secret', None):
            chosen.by_token('X', token)
            for marked in (True, False):
                call = activities.RpcCall('build', {}, marked=marked)
                self.assertIs(marked, self.serve(call, chosen.may_stop))

    def test_here_may_ask_for_it(self):
        marked = activities.RpcCall('build', {}, marked=True)
        # A condition of one who does not know that no token is asked for.
        self.assertTrue(self.serve(marked, chosen.here, marked=True))
        self.assertFalse(self.here(marked=True))
        chosen.by_token('X-Osdbg', 'me')
        self.assertTrue(self.here(marked=True))
        self.assertFalse(self.here(marked=False))


CONTEXT = """
try:
    from oslo_context import context
except ImportError:
    print('OK')
    raise SystemExit
import threading
from osdbg import activities
from osdbg import activity_search
from osdbg import chosen

here = chosen.here
assert chosen.current() is None

class Mine(context.RequestContext):
    pass

class Strange:
    # In the place of one.
    request_id = 'req-1'

for kind in (context.RequestContext, Mine):
    own = kind(request_id='req-1', global_request_id='req-2', project_id='p')
    assert here(request_id='req-1') and here(request_id='req-2')
    assert here(project_id='p', request_id='req-1')
    assert not here(request_id='req-3') and not here(project_id='q')
    assert not here(path='') and not here(header='x')
    assert here(marked=False) and not here(marked=True)

# What is known of the request itself is another's word.
activities.current.set(activities.WsgiRequest({'HTTP_X_PROJECT_ID': 'q'}))
assert here(project_id='q') and here(project_id='p')
assert here(request_id='req-1')
activities.current.set(None)

# None of it is another thread's.
found = []
thread = threading.Thread(target=lambda: found.append(chosen.current()))
thread.start()
thread.join()
assert found == [None], found

class Evil:
    def __eq__(self, other):
        raise RuntimeError('it was compared')

own.request_id = own.project_id = Evil()
assert not here(request_id='req-1') and here(request_id='req-2')
assert not here(project_id='p')

context._request_store.context = Strange()
assert chosen.current() is None
assert not here(request_id='req-1')
print('OK')
"""


class ContextTest(fresh.FreshTestCase):
    def test_of_oslo_context(self):
        self.assert_ok(CONTEXT)

    def test_one_that_is_just_being_imported(self):
        self.assert_ok("""
            import sys, types
            from osdbg import chosen

            sys.modules['oslo_context.context'] = None
            assert chosen.current() is None
            module = types.ModuleType('oslo_context.context')
            sys.modules['oslo_context.context'] = module
            assert chosen.current() is None
            assert not chosen.here(request_id='req-1')
            print('OK')
            """)

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

"""A request or a call says who it is, and runs no code of the service."""

import unittest

from osdbg import activities
from tests.unit.evil import Evil


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

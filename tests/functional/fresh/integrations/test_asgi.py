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


from tests.functional.harness import free_port
from tests.unit import fresh

ATTACHED = """
import asyncio
from osdbg import activities
from osdbg import this_process
from osdbg.integrations import asgi
from tests.unit.integrations.noting import NotingBackend

seen = []

async def app(scope, receive, send):
    seen.append(activities.current.get())
    await asyncio.sleep(0)
    seen.append(activities.current.get())
    if scope.get('path') == '/fail':
        raise LookupError('x')
    return scope, receive, send

wrapped = asgi.wrap(app, break_on_exception=True)
assert wrapped is not app
backend, debugger = NotingBackend(), this_process.agent().debugger

def call(scope):
    seen.clear()
    backend.asked.clear()
    return asyncio.run(wrapped(scope, 1, 2))

http = {'type': 'http', 'method': 'GET', 'path': '/a'}
lifespan = {'type': 'lifespan'}
# Nobody is attached.
assert call(http) == (http, 1, 2) and seen == [None, None], seen
debugger.backend, debugger.attached = backend, True
assert call(http) == (http, 1, 2)
assert [one.title for one in seen] == ['GET /a'] * 2, seen
assert backend.asked == [('trace', None)], backend.asked
# Those are no requests.
for scope in (lifespan, {}):
    assert call(scope) == (scope, 1, 2)
    assert seen == [None, None] and not backend.asked, scope
websocket = {'type': 'websocket', 'path': '/b'}
call(websocket)
assert seen[0].title == 'websocket /b'
try:
    call(dict(http, path='/fail'))
except LookupError as exc:
    expected = [('trace', None), ('exception', exc)]
    assert backend.asked == expected, backend.asked
else:
    raise AssertionError('it has swallowed what was raised')

async def many():
    titles = []
    async def one(number):
        await wrapped(dict(http, path=f'/{number}'), None, None)
        assert activities.current.get() is None
    await asyncio.gather(*map(one, range(5)))

asyncio.run(many())
debugger.attached = False
print('OK')
"""


class AttachedTest(fresh.FreshTestCase):
    def test_requests(self):
        self.assert_ok(ATTACHED, OS_REMOTE_DEBUG__PORT=str(free_port()))

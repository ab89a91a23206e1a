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

"""A stand-in for oslo.messaging: as much of it as is hooked into.

The real one is in ``tests/openstack``, where it is nova's.
"""

from tests.functional.fresh import armed

LIBRARY = '''
import types

class ExpectedException(Exception):
    pass

class NoSuchMethod(Exception):
    pass

class UnsupportedVersion(Exception):
    pass

class _BaseCallContext:
    def _make_message(self, ctxt, method, args):
        return {'method': method, 'args': args}

class RPCDispatcher:
    def dispatch(self, incoming):
        message = incoming.message
        return getattr(self, message['method'])(**message['args'])

    def serve(self):
        activity = activities.current.get()
        return activity and (activity.title, activity.marked)

    def ask(self):
        return _BaseCallContext()._make_message({}, 'serve', {})

    def fail(self, kind):
        raise kind('x')

def load(name, *contents):
    module = types.ModuleType(f'oslo_messaging.rpc.{name}')
    for each in contents:
        setattr(module, each.__name__, each)
    sys.modules[module.__name__] = module
    return module

def call(method, marked=None, context={'request_id': 'req-x'}, **args):
    message = {'method': method, 'args': args}
    if marked is not None:
        message['osdbg_marked'] = marked
    incoming = types.SimpleNamespace(message=message, ctxt=context)
    return RPCDispatcher().dispatch(incoming)

def attached(answer):
    agent().debugger.attached = answer

from osdbg import activities
from osdbg import chosen
from osdbg import integrations

load('client', _BaseCallContext)
load(
    'dispatcher', RPCDispatcher,
    ExpectedException, NoSuchMethod, UnsupportedVersion
)
classes = (_BaseCallContext, RPCDispatcher)
originals = [dict(vars(each)) for each in classes]
integrations.enable('oslo_messaging')
'''


class RpcTestCase(armed.ArmedTestCase):
    def assert_armed(self, program, **more):
        # init() has enabled it, and it would wait for an import of them.
        forget = 'from osdbg import integrations\nintegrations.disable()\n'
        super().assert_armed(
            forget + LIBRARY + program + "print('OK')\n", **more
        )


class TestServer(RpcTestCase):
    def test_is_the_activity_while_a_client_is_attached(self):
        self.assert_armed('''
assert call('serve') is None
attached(True)
assert call('serve') == ('RPC serve req-x', False)
assert call('serve', marked=True) == ('RPC serve req-x', True)
assert call('serve', marked='true', context=None) == ('RPC serve', False)
assert activities.current.get() is None
attached(False)
assert call('serve', marked=True) is None
''')

    def test_is_over_when_it_has_failed(self):
        self.assert_armed('''
attached(True)
for kind in (ValueError, ExpectedException, KeyboardInterrupt):
    try:
        call('fail', kind=kind)
    except kind as exc:
        assert exc.args == ('x',)
    assert activities.current.get() is None
''')

    def test_what_is_shown(self):
        self.assert_armed('''
shown = []
agent().post_mortem.show = shown.append
for kind in (
    ExpectedException, NoSuchMethod, UnsupportedVersion, LookupError
):
    for answer in (False, True):
        attached(answer)
        try:
            call('fail', kind=kind)
        except kind:
            pass
assert [type(exc) for exc in shown] == [LookupError]
''')

    def test_failure_of_ours(self):
        self.assert_armed('''
lines = []
from osdbg import journal
journal.write = lambda *words: lines.append(words)
attached(True)
agent().debugger.trace_this_thread = None
assert call('serve') == ('RPC serve req-x', False)
((_, text, *_),) = lines
assert 'please report it' in text, lines
''')


class TestClient(RpcTestCase):
    def test_marked(self):
        self.assert_armed('''
PLAIN = {'method': 'serve', 'args': {}}
MARKED = {**PLAIN, 'osdbg_marked': True}

def ask(activity):
    token = activities.current.set(activity)
    try:
        return _BaseCallContext()._make_message({}, 'serve', {})
    finally:
        activities.current.reset(token)

bearer = activities.WsgiRequest({'HTTP_X_OSDBG': 'secret'})
assert ask(None) == ask(bearer) == PLAIN
chosen.by_token('X-OSDBG', 'secret')
assert ask(None) == PLAIN
assert ask(activities.WsgiRequest({'HTTP_X_OSDBG': 'guess'})) == PLAIN
assert ask(bearer) == MARKED

# The stack is not searched: who has the token checked says what it serves.
def application(environ):
    return ask(None)

get = {'REQUEST_METHOD': 'GET'}
assert application({**get, 'HTTP_X_OSDBG': 'secret'}) == PLAIN
''')

    def test_from_server_to_server(self):
        self.assert_armed('''
attached(True)
assert call('ask', marked=True)['osdbg_marked'] is True
assert 'osdbg_marked' not in call('ask')
''')


class TestUndo(RpcTestCase):
    def test_undone(self):
        self.assert_armed('''
assert [dict(vars(each)) for each in classes] != originals
integrations.disable()
assert [dict(vars(each)) for each in classes] == originals
''')

    def test_unknown_version(self):
        self.assert_armed('''
integrations.disable()
lines = []
from osdbg import bootstrap
bootstrap.complain = lines.append
del RPCDispatcher.dispatch
integrations.enable('oslo_messaging')
assert len(lines) == 1 and 'RPC calls' in lines[0], lines
assert dict(vars(_BaseCallContext)) == originals[0]
''')

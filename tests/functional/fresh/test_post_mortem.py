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

"""When the agent watches green threads."""

from tests.functional.fresh import armed

# As if a client were attached: the gateway's orders are obeyed as they come.
WATCHED = '''
from eventlet import greenthread
from osdbg import settings
original = greenthread.GreenThread._resolve_links

def watched():
    return greenthread.GreenThread._resolve_links is not original

def attached(answer):
    agent().orders.obey(channel, {'attached': answer})

class channel:
    send = staticmethod(lambda **message: None)
'''


class TestPostMortem(armed.ArmedTestCase):
    def environ(self, **more):
        more.setdefault('OS_REMOTE_DEBUG__BREAK_ON_EXCEPTION', 'true')
        return super().environ(**more)

    def test_from_attach_to_detach(self):
        self.assert_armed(
            WATCHED
            + '''
assert not watched()
attached(True)
assert watched()
attached(False)
assert not watched()
attached(True)
agent().orders.end()
assert not watched()
print('OK')
'''
        )

    def test_options_that_are_read_later(self):
        self.assert_armed(
            WATCHED
            + '''
attached(True)
assert not watched()
os.environ['OS_REMOTE_DEBUG__BREAK_ON_EXCEPTION'] = 'true'
osdbg.init()
assert watched()
os.environ['OS_REMOTE_DEBUG__BREAK_ON_EXCEPTION'] = 'false'
osdbg.init()
assert not watched()
print('OK')
''',
            OS_REMOTE_DEBUG__BREAK_ON_EXCEPTION='false',
        )

    def test_not_in_a_child(self):
        self.assert_armed(
            WATCHED
            + '''
attached(True)
assert child(watched) == 0
assert watched()
print('OK')
'''
        )

    def test_eventlet_that_is_loaded_later(self):
        self.assert_armed(
            '''
class channel:
    send = staticmethod(lambda **message: None)
agent().orders.obey(channel, {'attached': True})
assert 'eventlet' not in sys.modules
from eventlet import greenthread
from osdbg import deaths
resolve_links = greenthread.GreenThread._resolve_links
assert resolve_links.__code__.co_filename == deaths.__file__
print('OK')
'''
        )

    def test_nothing_to_show(self):
        self.assert_armed(
            WATCHED
            + '''
agent().post_mortem.show(LookupError())
attached(True)
agent().post_mortem.show(LookupError())
print('OK')
'''
        )

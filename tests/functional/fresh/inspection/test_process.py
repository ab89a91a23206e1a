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


from tests.unit import fresh

# What is imported for the first time when somebody looks.
PROGRAM = '''
import os, sys
import osdbg.agent
from osdbg import settings
from osdbg.inspection import process
import importlib, importlib.util
options = settings.Settings({'port': 5678, 'workers': 'first'})
process.look(options)  # what a backend needs was imported by init()
before = set(sys.modules)
told = process.look(options)
assert told['options'].items() >= {'port': '5678', 'workers': 'first'}.items()
assert told['patched'] == [] and told['server'] == {}, told
assert told['namespaces'].keys() == {'mnt', 'net', 'pid'}, told
assert told['python']['executable'] == sys.executable
assert abs(told['clock']['jumped']) < 1, told
assert told['amqp'] == [] and told['watchdog'] == {}, told
taken = {'email', 'importlib.metadata', 'logging.handlers', 'asyncio'}
assert not taken & set(sys.modules), taken & set(sys.modules)
assert set(sys.modules) == before, set(sys.modules) - before
print('OK')
'''
PATCHED = '''
import eventlet
eventlet.monkey_patch()
import _thread
from osdbg import settings
from osdbg.inspection import process
told = process.look(settings.Settings({'port': 5678}))
assert 'threading' in told['patched'], told
print('OK')
'''


class TestLook(fresh.FreshTestCase):
    def test_a_plain_process(self):
        self.assert_ok(PROGRAM)

    def test_a_patched_process(self):
        self.assert_ok(PATCHED)

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

"""Whatever a service makes of ServiceManager, it can still be made."""

from tests.unit import fresh

HEAD = '''
import gc
from osdbg import integrations
integrations.enable('cotyledon')
import cotyledon

def made(cls):
    cotyledon.ServiceManager._process_runner_already_created = False
    return cls()

def arms(manager):
    hooks = manager._hooks['new_worker']
    return [h for h in hooks if type(h).__module__.startswith('osdbg.')]
'''
KINDS = '''
class Equal(cotyledon.ServiceManager):
    def __eq__(self, other):
        return self is other

class Hooked(cotyledon.ServiceManager):
    def __init__(self):
        super().__init__()
        self.mine = []

    def register_hooks(self, *args, **kwargs):
        self.mine.append(kwargs)
        super().register_hooks(*args, **kwargs)

for cls in (cotyledon.ServiceManager, Equal, Hooked):
    manager = made(cls)
    (arm,) = arms(manager)
    assert arm.on
    integrations.disable()
    assert not arm.on
    integrations.enable('cotyledon')
assert manager.mine == []
print('OK')
'''
CONF = '''
from cotyledon import oslo_config_glue
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf([], default_config_files=[])
manager = made(cotyledon.ServiceManager)
oslo_config_glue.setup(manager, conf)
(arm,) = arms(manager)
assert arm.conf is conf
print('OK')
'''
UNKNOWN = '''
def register_hooks(manager):
    pass
cotyledon.ServiceManager.register_hooks = register_hooks
manager = made(cotyledon.ServiceManager)
assert not arms(manager)
integrations.disable()
print('OK')
'''
LAUNCH = '''
from unittest import mock
from osdbg import bootstrap
manager = made(cotyledon.ServiceManager)
with mock.patch.object(manager, '_wait_forever'), \\
        mock.patch('cotyledon._utils.spawn'), \\
        mock.patch.object(bootstrap, 'launch') as launch:
    manager.run()
    assert launch.call_count == 1
print('OK')
'''


class TestCotyledon(fresh.FreshTestCase):
    def test_any_manager(self):
        self.assert_ok(HEAD + KINDS)

    def test_notes_the_configuration(self):
        self.assert_ok(HEAD + CONF)

    def test_a_manager_is_a_launcher(self):
        self.assert_ok(HEAD + LAUNCH)

    def test_unknown_version(self):
        done = fresh.run(HEAD + UNKNOWN)
        self.assertEqual((0, 'OK\n'), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('call osdbg.init(CONF) in its workers', done.stderr)

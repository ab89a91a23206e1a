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
import unittest

from osdbg.integrations import base
from tests.unit import fresh


class Host:
    def work(self):
        return 'original'

    def rest(self):
        return 'original'


class Ours(base.Integration):
    def install(self, host):
        self.replace(host, 'work', lambda host: 'ours')
        self.replace(host, 'rest', lambda host: 'ours')


class Broken(base.Integration):
    def install(self, host):
        raise AttributeError('no such class')


class TestIntegration(unittest.TestCase):
    def setUp(self):
        self.host = type('Host', (), dict(vars(Host)))

    def said(self):
        host = self.host()
        return host.work(), host.rest()

    def test_do_and_undo(self):
        originals = dict(vars(self.host))
        integration = Ours()
        integration.loaded(self.host)
        self.assertEqual(('ours', 'ours'), self.said())
        integration.undo()
        self.assertEqual(originals, dict(vars(self.host)))
        integration.undo()

    def test_twice(self):
        originals = dict(vars(self.host))
        integration = Ours()
        integration.loaded(self.host)
        integration.loaded(self.host)
        integration.undo()
        self.assertEqual(originals, dict(vars(self.host)))

    def test_leaves_what_others_have_put_there_since(self):
        integration = Ours()
        integration.loaded(self.host)
        self.host.work = lambda host: 'theirs'
        integration.undo()
        self.assertEqual(('theirs', 'original'), self.said())

    def test_unknown_version_of_a_host(self):
        with self.assertLogs('osdbg', 'WARNING') as logs:
            Broken().loaded(Host)
        (line,) = logs.output
        self.assertIn('no such class', line)
        self.assertIn('osdbg.init(CONF)', line)


class TestParsed(fresh.FreshTestCase):
    def test_without_oslo_config(self):
        self.assert_ok('''
            import sys
            from osdbg.integrations import base
            assert base.parsed(None) is None
            assert 'oslo_config' not in sys.modules
            print('OK')
        ''')

    def test_global_conf_once_it_was_called(self):
        self.assert_ok('''
            from oslo_config import cfg
            from osdbg.integrations import base
            assert base.parsed(None) is None
            cfg.CONF([], default_config_files=[])
            assert base.parsed(None) is cfg.CONF
            assert base.parsed({'not': 'a ConfigOpts'}) is cfg.CONF
            own = cfg.ConfigOpts()
            assert base.parsed(own) is own
            print('OK')
        ''')

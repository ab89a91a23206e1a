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

"""The paste filter reads its options where they are, and refuses the rest."""

import socket
import unittest

from osdbg.integrations import paste
from osdbg.integrations import wsgi
from osdbg import option_table
from tests.unit import fresh

HEAD = '''
import logging, os, sys, tempfile
logging.basicConfig(format='%(message)s', stream=sys.stderr)
from oslo_config import cfg
import osdbg
from osdbg.integrations.paste import filter_factory

def app(environ, start_response):
    return []

def write(**options):
    file = tempfile.NamedTemporaryFile('w', suffix='.conf', delete=False)
    with file:
        file.write('[remote_debug]\\n')
        file.writelines(f'{n} = {v}\\n' for n, v in options.items())
    return file.name

def port():
    status = osdbg.status()
    return status and int(status.address.rpartition(':')[2])

GLOBAL = {'__file__': '/etc/api-paste.ini', 'here': '/etc'}
'''
OFF = '''
for global_conf in (GLOBAL, {}, None):
    made = filter_factory(global_conf, break_on_exception='true')(app)
    assert made is app
assert 'osdbg.agent' not in sys.modules
assert 'paste.deploy' not in sys.modules
print('OK')
'''
RANKS = '''
config = write(port={file}, name='file')
words = ['--remote_debug-port', '{line}'] if {line} else []
osdbg.register_cli_opts(cfg.CONF)
cfg.CONF(words, project='api', default_config_files=[config])
made = filter_factory(GLOBAL, port='{section}', name=' ')(app)
assert made is not app
assert port() == {expected}, port()
assert osdbg.status().name == 'file'
# Who reads the options later finds the same.
assert osdbg.init(cfg.CONF) is osdbg.status()
assert port() == {expected}, port()
os.unlink(config)
print('OK')
'''
PRIVATE = '''
config = write(port={file})
conf = {{'oslo_config_file': config, 'oslo_config_project': 'other'}}
in_section, in_default = {section}, {default}
made = filter_factory(
    {{**GLOBAL, **(conf if in_default else {{}})}},
    **(conf if in_section else {{}})
)(app)
assert made is not app
assert port() == {file}
assert 'remote_debug' not in cfg.CONF
os.unlink(config)
print('OK')
'''
OVERRULED = '''
osdbg.register_cli_opts(cfg.CONF)
cfg.CONF(['--remote_debug-port={line}'], default_config_files=[])
config = write(port={file})
filter_factory(
    GLOBAL, oslo_config_project='other', oslo_config_file=config
)(app)
assert port() == {line}, port()
os.unlink(config)
print('OK')
'''
ITS_OWN = '''
from osdbg.this_process import agent
made = filter_factory(GLOBAL, port='{port}', break_on_exception='true')(app)
assert made._osdbg_on_exception
assert not agent().settings.break_on_exception
os.environ['OS_REMOTE_DEBUG__BREAK_ON_EXCEPTION'] = 'true'
made = filter_factory(GLOBAL, port='{port}')(app)
assert not made._osdbg_on_exception
assert agent().settings.break_on_exception
print('OK')
'''
TWICE = '''
factories = [filter_factory(GLOBAL, port='{port}') for _ in range(2)]
first, second = [factory(app) for factory in factories]
assert first is not second and app not in (first, second)
assert len(os.listdir('/proc/self/task')) == 2
print('OK')
'''
WITHOUT_OSLO = '''
import sys
sys.modules['oslo_config'] = None
from osdbg import bootstrap
from osdbg.integrations.paste import filter_factory
lines = []
bootstrap.complain = lines.append
app = object()
assert filter_factory({}, prot='5678')(app) is app
assert 'prot' in lines[0]
try:
    filter_factory({}, prot='5678', required='true')(app)
except SystemExit as exc:
    assert 'prot' in exc.code
    print('OK')
'''
BAD = '''
for _ in range(2):
    assert filter_factory(GLOBAL, **{options})(app) is app
print('OK')
'''


class TestFilter(fresh.FreshTestCase):
    def setUp(self):
        self.ports = []
        for _ in range(4):
            with socket.create_server(('127.0.0.1', 0)) as server:
                self.ports.append(server.getsockname()[1])

    def rank(self, expected, line=0, **environ):
        file, section = self.ports[:2]
        program = RANKS.format(
            file=file, section=section, line=line, expected=expected
        )
        self.assert_ok(HEAD + program, **environ)

    def refused(self, **options):
        done = fresh.run(HEAD + BAD.format(options=options))
        self.assertEqual('OK', done.stdout.strip(), done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        return done.stderr.strip()

    def test_off(self):
        self.assert_ok(HEAD + OFF)

    def test_section_over_file(self):
        self.rank(self.ports[1])

    def test_environment_over_section(self):
        port = self.ports[2]
        self.rank(port, OS_REMOTE_DEBUG__PORT=str(port))

    def test_command_line_over_all(self):
        self.rank(
            self.ports[3],
            line=self.ports[3],
            OS_REMOTE_DEBUG__PORT=str(self.ports[2]),
        )

    def test_configuration_of_its_own(self):
        for section, default in ((True, False), (False, True)):
            self.assert_ok(
                HEAD
                + PRIVATE.format(
                    file=self.ports[0], section=section, default=default
                )
            )

    def test_command_line_over_that(self):
        file, line = self.ports[:2]
        program = OVERRULED.format(file=file, line=line)
        self.assert_ok(HEAD + program, OS_REMOTE_DEBUG__PORT='1')

    def test_two_pipelines_one_agent(self):
        self.assert_ok(HEAD + TWICE.format(port=self.ports[0]))

    def test_exceptions_that_leave_the_application(self):
        self.assert_ok(HEAD + ITS_OWN.format(port=self.ports[0]))

    def test_bad_value(self):
        self.assertEqual(
            'osdbg is off: [remote_debug] port = 99999 (from '
            '/etc/api-paste.ini) is not valid: expected a port number from 1 '
            'to 65535, such as 5678',
            self.refused(port='99999'),
        )

    def test_unknown_option(self):
        self.assertEqual(
            '[remote_debug] prot (from /etc/api-paste.ini) is not an option '
            'of osdbg: write one of port, host',
            self.refused(prot='5678'),
        )

    def test_configuration_that_is_not_there(self):
        self.assertRegex(
            self.refused(
                oslo_config_project='nova', oslo_config_file='/no/such'
            ),
            'does without the configuration /etc/api-paste.ini names: .*/no/',
        )

    def test_without_oslo_config(self):
        self.assert_ok(WITHOUT_OSLO)

    def test_required(self):
        for options in ({'prot': '5678'}, {'port': 'x'}):
            options['required'] = 'true'
            done = fresh.run(HEAD + BAD.format(options=options))
            self.assertEqual(1, done.returncode)
            self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)


class TestKnown(unittest.TestCase):
    def test_names(self):
        names = [*option_table.BY_NAME, *(stop.name for stop in wsgi.STOPS)]
        self.assertLessEqual({*names}, {*paste._KNOWN})
        # Told once, and of the filter's section it is the filter's own.
        self.assertEqual(len(paste._KNOWN), len({*paste._KNOWN}))
        both = {name for name in names if names.count(name) > 1}
        self.assertEqual({'break_on_exception'}, both)

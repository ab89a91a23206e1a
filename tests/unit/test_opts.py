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

"""The options through a real oslo.config: files, environment, words."""

import contextlib
from importlib import metadata
import io
import itertools
import os
import pickle
import subprocess
import sys
import tempfile
import unittest

from oslo_config import cfg

from osdbg import exceptions
from osdbg import option_table
from osdbg import opts
from osdbg import settings

PORT = 'OS_REMOTE_DEBUG__PORT'


def nova_opts() -> list[cfg.Opt]:
    """Build the two options nova registered until 2025.1."""
    return [
        cfg.HostAddressOpt('host', help='Debug host (IP or name).'),
        cfg.PortOpt('port', help='Debug port to connect to.'),
    ]


class Base(unittest.TestCase):
    def setUp(self):
        self.conf = cfg.ConfigOpts()
        self.environ = dict(os.environ)
        self.addCleanup(os.environ.update, self.environ)
        self.addCleanup(os.environ.clear)
        for name in self.environ:
            if name.startswith('OS_REMOTE_DEBUG__'):
                del os.environ[name]

    def parse(self, *words: str, text: str = '', **options) -> None:
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[remote_debug]\n' + text)
            file.flush()
            self.file = file.name
            self.conf(
                list(words),
                project='osdbg-test',
                default_config_files=[file.name],
                default_config_dirs=[],
                **options,
            )

    def refused(self) -> exceptions.InvalidOption:
        with self.assertRaises(exceptions.InvalidOption) as caught:
            opts.read(self.conf)
        return caught.exception


class TestTable(Base):
    def test_list_opts_is_the_table(self):
        [(group, listed)] = opts.list_opts()
        self.assertEqual(option_table.GROUP, group.name)
        self.assertEqual(
            [(s.name, s.help) for s in option_table.SETTINGS],
            [(opt.name, opt.help) for opt in listed],
        )

    def test_defaults_agree_with_oslo(self):
        opts.register_opts(self.conf)
        for setting in option_table.SETTINGS:
            with self.subTest(setting.name):
                value = self.conf.remote_debug[setting.name]
                if isinstance(value, list):
                    value = tuple(value)
                self.assertEqual(setting.default, value)

    def test_sample_file(self):
        try:
            metadata.version('oslo.config')
        except metadata.PackageNotFoundError:
            self.skipTest('oslo-config-generator is broken on this Python')
        program = (
            'from oslo_config import generator; import sys;'
            'sys.exit(generator.main())'
        )
        done = subprocess.run(
            [sys.executable, '-c', program, '--namespace', 'osdbg'],
            check=True,
            capture_output=True,
            text=True,
        )
        self.assertIn('[remote_debug]', done.stdout)
        self.assertIn('(port value)', done.stdout)
        self.assertIn('#name = <program name>', done.stdout)
        for setting in option_table.SETTINGS:
            self.assertIn(f'\n#{setting.name} =', done.stdout)

    def test_configuration_survives_pickling(self):
        opts.register_opts(self.conf)
        self.parse(text='port = 5678\n')
        try:
            dumped = pickle.dumps(self.conf)
        except Exception:
            self.skipTest('this oslo.config cannot be pickled at all')
        self.assertEqual(5678, opts.read(pickle.loads(dumped)).port)


class TestRead(Base):
    def test_off(self):
        self.assertIsNone(opts.read(self.conf))
        self.parse(text='host = 127.0.0.2\nworkers = x\n')
        self.assertIsNone(opts.read(self.conf))
        self.assertIsNone(opts.read(None))

    def test_registered_before_parsing(self):
        opts.register_opts(self.conf)
        self.parse(text='port = 5678\nwait_timeout = 2\n')
        found = opts.read(self.conf)
        self.assertEqual((5678, 2.0), (found.port, found.wait_timeout))
        self.assertEqual('127.0.0.1', found.host)

    def test_registered_after_parsing(self):
        self.parse(text='port = 5678\npath_mappings = /a=/b,/c=/d\n')
        found = opts.read(self.conf)
        self.assertEqual(5678, found.port)
        self.assertEqual((('/a', '/b'), ('/c', '/d')), found.path_mappings)
        self.assertEqual(self.file, found.sources['port'])

    def test_a_unix_socket_needs_no_port(self):
        self.parse(text='host = unix:/run/debug\n')
        found = opts.read(self.conf)
        self.assertEqual('unix:/run/debug', found.address)
        self.assertTrue(found.on)

    def test_on_demand_needs_no_port(self):
        self.parse(text='activate = on_demand\n')
        self.assertTrue(opts.read(self.conf).on)

    def test_empty_counts_as_unset(self):
        self.parse(text='port =\nhost =\n')
        os.environ[PORT] = ''
        self.assertIsNone(opts.read(self.conf))

    def test_environment_without_oslo(self):
        os.environ[PORT] = '5678'
        self.assertEqual(5678, opts.read(None).port)

    def test_environment_of_an_unparsed_conf(self):
        os.environ[PORT] = '5678'
        self.assertEqual(5678, opts.read(self.conf).port)

    def test_environment_when_conf_ignores_it(self):
        os.environ[PORT] = '5678'
        self.parse(text='port = 1\n', use_env=False)
        self.assertEqual(5678, opts.read(self.conf).port)

    def test_override_outranks_the_environment(self):
        os.environ[PORT] = '5678'
        opts.register_opts(self.conf)
        self.parse()
        self.conf.set_override('port', 4444, option_table.GROUP)
        self.assertEqual(4444, opts.read(self.conf).port)

    def test_default_set_by_the_service(self):
        self.parse()
        opts.register_opts(self.conf)
        self.conf.set_default('port', 4444, option_table.GROUP)
        self.assertEqual(4444, opts.read(self.conf).port)

    def test_read_twice(self):
        self.parse(text='port = 5678\n')
        self.assertEqual(5678, opts.read(self.conf).port)
        self.assertEqual(5678, opts.read(self.conf).port)


class TestWords(Base):
    def test_both_spellings(self):
        for words in (
            ['--remote_debug-host', '::1', '--remote_debug-port', '5678'],
            ['--remote_debug-host=::1', '--remote_debug-port=5678'],
        ):
            with self.subTest(words):
                self.conf = cfg.ConfigOpts()
                opts.register_cli_opts(self.conf)
                self.parse(*words)
                found = opts.read(self.conf)
                self.assertEqual(('::1', 5678), (found.host, found.port))

    def test_precedence(self):
        word = '--remote_debug-port=3'
        for words, environ, port in (
            ([word], '2', 3),
            ([], '2', 2),
            ([word], '', 3),
            ([], '', 1),
        ):
            for use_env in (True, False):
                with self.subTest(words=words, environ=environ, env=use_env):
                    os.environ[PORT] = environ
                    if not environ:
                        del os.environ[PORT]
                    self.conf = cfg.ConfigOpts()
                    opts.register_cli_opts(self.conf)
                    self.parse(*words, text='port = 1\n', use_env=use_env)
                    self.assertEqual(port, opts.read(self.conf).port)

    def test_abbreviated_word_before_the_words_of_another_program(self):
        os.environ[PORT] = '2'
        opts.register_cli_opts(self.conf)
        self.conf.register_cli_opt(cfg.MultiStrOpt('run', positional=True))
        self.parse('--remote_debug-p', '3', '--', '--remote_debug-port=4')
        self.assertEqual(3, opts.read(self.conf).port)

    def test_registering_words_too_late_is_said(self):
        self.parse()
        with self.assertRaises(cfg.ArgsAlreadyParsedError):
            opts.register_cli_opts(self.conf)


class TestBadValues(Base):
    BAD = (
        ('port', '99999', 'port number'),
        ('activate', 'never', 'on_attach'),
        ('workers', 'x', 'numbers'),
        ('path_mappings', '/a', 'local=remote'),
        ('required', 'maybe', 'true or false'),
        ('wait_timeout', '-1', 'seconds'),
        ('log_dir', '$nothing', 'nothing'),
    )

    def assert_says(self, option, value, expected, source):
        error = self.refused()
        self.assertEqual((option, source), (error.option, error.source))
        self.assertIn(error.value, (value, '?'))
        self.assertIn(expected, error.expected)

    def test_in_a_file(self):
        for before, (option, value, expected) in itertools.product(
            (True, False), self.BAD
        ):
            with self.subTest(option, registered_before=before):
                self.conf = cfg.ConfigOpts()
                if before:
                    opts.register_opts(self.conf)
                port = '' if option == 'port' else 'port = 5678\n'
                self.parse(text=f'{port}{option} = {value}\n')
                source = self.file if option != 'log_dir' else 'oslo.config'
                self.assert_says(option, value, expected, source)

    def test_in_the_environment(self):
        for option, value, expected in self.BAD[:-1]:
            with self.subTest(option):
                name = settings.env_name(option)
                os.environ.update({PORT: '5678', name: value})
                self.conf = cfg.ConfigOpts()
                opts.register_opts(self.conf)
                self.parse()
                source = f'the environment variable {name}'
                self.assert_says(option, value, expected, source)
                del os.environ[name]

    def test_on_the_command_line(self):
        opts.register_cli_opts(self.conf)
        self.parse('--remote_debug-port', '99999')
        self.assert_says('port', '99999', '65535', 'the command line')

    def test_required_is_readable_beside_them(self):
        self.parse(text='port = x\nrequired = true\nworkers = x\n')
        self.assertTrue(opts.required(self.conf))

    def test_required_never_raises(self):
        self.assertFalse(opts.required(self.conf))
        self.parse(text='required = maybe\n')
        self.assertFalse(opts.required(self.conf))
        os.environ['OS_REMOTE_DEBUG__REQUIRED'] = 'yes'
        self.assertTrue(opts.required(self.conf))
        self.assertTrue(opts.required(None))


class TestNova(Base):
    """Nova's own registration and ours, in every order."""

    def nova(self):
        self.conf.register_cli_opts(nova_opts(), group=option_table.GROUP)

    def nova_with_a_group(self):
        group = cfg.OptGroup(option_table.GROUP, title='debugger options')
        self.conf.register_group(group)
        self.conf.register_cli_opts(nova_opts(), group=group)

    def ours(self):
        opts.register_opts(self.conf)

    def our_words(self):
        opts.register_cli_opts(self.conf)

    def test_every_order(self):
        steps = (
            self.nova,
            self.nova_with_a_group,
            self.ours,
            self.our_words,
        )
        for order in itertools.permutations(steps):
            with self.subTest([step.__name__ for step in order]):
                self.conf = cfg.ConfigOpts()
                for step in order:
                    step()
                self.parse('--remote_debug-port', '5678')
                found = opts.read(self.conf)
                self.assertEqual(('127.0.0.1', 5678), (found.host, found.port))
                self.assertEqual('the command line', found.sources['port'])

    def test_nova_first_and_ours_after_parsing(self):
        self.nova_with_a_group()
        self.parse('--remote_debug-host=::1', '--remote_debug-port=5678')
        found = opts.read(self.conf)
        self.assertEqual(('::1', 5678), (found.host, found.port))

    def test_parsed_a_second_time(self):
        self.parse(text='port = 1\n')
        self.assertEqual(1, opts.read(self.conf).port)
        self.conf.clear()
        self.nova()
        self.parse('--remote_debug-port=5678')
        self.assertEqual(5678, opts.read(self.conf).port)

    def test_nova_reads_what_it_expects(self):
        self.ours()
        self.nova()
        self.parse('--remote_debug-host', '::1', '--remote_debug-port', '80')
        group = self.conf.remote_debug
        self.assertEqual(('::1', 80), (group.host, group.port))

    def test_port_0_is_valid_for_nova_alone(self):
        self.nova()
        self.parse('--remote_debug-port=0')
        self.assertEqual('0', self.refused().value)

    def test_an_option_of_another_type(self):
        self.conf.register_opt(cfg.StrOpt('port'), group=option_table.GROUP)
        self.parse(text='port = 5678\n')
        self.assertEqual(5678, opts.read(self.conf).port)

    def test_help_shows_each_word_once(self):
        self.ours()
        self.nova()
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            with self.assertRaises(SystemExit):
                self.parse('--help')
        words = '--remote_debug-port REMOTE_DEBUG_PORT\n'
        self.assertEqual(1, shown.getvalue().count(words), shown.getvalue())

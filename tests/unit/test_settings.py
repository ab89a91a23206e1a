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

"""The options of a service, their parsing, and what is refused."""

import unittest

from osdbg import exceptions
from osdbg import option_table
from osdbg import program
from osdbg import settings
from osdbg import sources

GOOD = [
    ('host', 'localhost', 'localhost'),
    ('host', ' ::1 ', '::1'),
    ('host', 'unix:/run/debug', 'unix:/run/debug'),
    ('host', ' unix:@debug', 'unix:@debug'),
    ('host', 'unix:/' + 106 * 'x', 'unix:/' + 106 * 'x'),
    ('port', '1', 1),
    ('port', ' 65535', 65535),
    ('backend', 'ptvsd', 'ptvsd'),
    ('activate', 'on_demand', 'on_demand'),
    ('wait_for_client', 'True', True),
    ('wait_for_client', 'yes', True),
    ('wait_for_client', 'OFF', False),
    ('wait_for_client', '0', False),
    ('wait_timeout', '1.5', 1.5),
    ('wait_timeout', '0', 0.0),
    ('workers', 'all', 'all'),
    ('workers', 'first', 'first'),
    ('workers', '0, 02', '0,2'),
    ('eventlet', 'ignore', 'ignore'),
    ('path_mappings', '', ()),
    ('path_mappings', '/a=/b, c = d', (('/a', '/b'), ('c', 'd'))),
    ('allowed_users', 'me, you,', ('me', 'you')),
    ('name', 'my service', 'my service'),
]
BAD = [
    ('host', '', 'host name or an address'),
    ('host', 'one two', 'host name or an address'),
    *(
        ('host', host, 'unix:@NAME, where that is at most 107 bytes long')
        for host in (
            'unix:',
            'unix:debug',
            'unix:/',
            'unix:@',
            'unix:/a\0',
            'unix:/' + 107 * 'x',
            'unix:/' + 54 * 'é',
        )
    ),
    ('port', '0', 'from 1 to 65535'),
    ('port', '65536', 'from 1 to 65535'),
    ('port', 'x', 'from 1 to 65535'),
    ('activate', 'never', 'one of on_attach, on_init, on_demand'),
    ('suspend', 'maybe', 'true or false'),
    ('wait_timeout', '-1', 'seconds'),
    ('wait_timeout', 'nan', 'seconds'),
    ('wait_timeout', 'inf', 'seconds'),
    ('workers', 'x', 'all, first, or numbers'),
    ('workers', '1,', 'all, first, or numbers'),
    ('workers', '-1', 'all, first, or numbers'),
    ('eventlet', 'full', 'one of isolate, unpatch_thread, ignore'),
    ('path_mappings', '/a', 'local=remote'),
    ('path_mappings', '/a=', 'local=remote'),
    ('path_mappings', '=/b', 'local=remote'),
]


def resolved(**texts: str) -> settings.Settings:
    return sources.resolve({n: (t, 'a test') for n, t in texts.items()})


class TestRows(unittest.TestCase):
    def test_settings_has_an_attribute_for_each_row_in_order(self):
        rows = [setting.name for setting in option_table.SETTINGS]
        self.assertEqual(rows, list(settings.Settings.__annotations__))

    def test_defaults_are_themselves_valid(self):
        settings.check(settings.Settings())

    def test_environment_names(self):
        self.assertEqual(
            'OS_REMOTE_DEBUG__WAIT_FOR_CLIENT',
            settings.env_name('wait_for_client'),
        )


class TestParse(unittest.TestCase):
    def test_good(self):
        for name, text, value in GOOD:
            with self.subTest(f'{name} = {text}'):
                found = settings.parse(
                    option_table.BY_NAME[name], text, 'here'
                )
                self.assertEqual(value, found)
                self.assertIs(type(value), type(found))

    def test_bad(self):
        for name, text, expected in BAD:
            with self.subTest(f'{name} = {text}'):
                with self.assertRaises(exceptions.InvalidOption) as caught:
                    settings.parse(option_table.BY_NAME[name], text, 'here')
                error = caught.exception
                self.assertEqual(
                    (name, text, 'here'),
                    (error.option, error.value, error.source),
                )
                self.assertIn(expected, error.expected)


class TestCheck(unittest.TestCase):
    def test_ready(self):
        settings.check(
            resolved(
                port='5678',
                backend='ptvsd',
                activate='on_init',
                wait_for_client='1',
                wait_timeout='3',
                suspend='1',
                workers='0,2',
                eventlet='unpatch_thread',
                log_dir='/tmp',
                name='x',
                required='1',
            )
        )

    def test_a_user_that_is_not_there(self):
        settings.check(resolved(allowed_users=f'root,{2**31 - 3}'))
        with self.assertRaisesRegex(
            exceptions.InvalidOption, 'no-such-user .*getent passwd'
        ):
            settings.check(resolved(allowed_users='root,no-such-user'))

    def test_loopback(self):
        for host in ('127.0.0.1', '127.1.2.3', '::1', 'LocalHost'):
            with self.subTest(host):
                settings.check(resolved(host=host))

    def test_not_loopback(self):
        for host in ('0.0.0.0', '::', '10.0.0.1', '127.evil', '127.0.0.1.x'):
            with self.subTest(host):
                with self.assertRaises(exceptions.InvalidOption) as caught:
                    settings.check(resolved(host=host, port='4444'))
                message = str(caught.exception)
                self.assertIn(f'host = {host} (from a test)', message)
                self.assertIn('ssh -L 4444:127.0.0.1:4444 HOST', message)

    def test_not_loopback_but_allowed(self):
        settings.check(resolved(host='0.0.0.0', allow_remote='true'))

    def test_unix(self):
        settings.check(resolved(host='unix:/run/debug'))
        with self.assertRaises(exceptions.InvalidOption) as caught:
            settings.check(
                resolved(host='unix:/run/debug', direction='connect')
            )
        self.assertIn('which direction = connect calls', str(caught.exception))

    def test_tls(self):
        files = {name: f'/etc/{name}' for name in settings.TLS}
        settings.check(resolved(**files))
        settings.check(resolved(host='10.0.0.1', allow_remote='1', **files))
        del files['tls_key']
        for more, name, expected in (
            ({}, 'tls_cert', 'expected tls_key beside it'),
            ({'tls_key': 'key'}, 'tls_key', 'absolute path'),
            ({'host': 'unix:@x'}, 'tls_cert', 'nobody else can open unix:@x'),
            ({'direction': 'connect'}, 'tls_cert', 'it is the IDE'),
        ):
            with self.subTest(more):
                with self.assertRaises(exceptions.InvalidOption) as caught:
                    settings.check(resolved(**files, **more))
                self.assertEqual(name, caught.exception.option)
                self.assertIn(expected, str(caught.exception))


class TestSettings(unittest.TestCase):
    def test_a_unix_socket_turns_it_on_and_has_no_port(self):
        for more in ({}, {'port': '1'}, {'activate': 'on_demand'}):
            found = resolved(host='unix:/run/debug', **more)
            self.assertTrue(found.on)
            self.assertIsNone(found.port)
            self.assertEqual('unix:/run/debug', found.address)
        self.assertFalse(resolved(host='127.0.0.1').on)

    def test_takes_worker(self):
        for workers, taken in (
            ('all', [0, 1, 2, 3]),
            ('first', [0]),
            ('0,2', [0, 2]),
            ('12', []),
        ):
            with self.subTest(workers):
                found = resolved(workers=workers)
                self.assertEqual(
                    taken, [n for n in range(4) if found.takes_worker(n)]
                )

    def test_address(self):
        for host, address in (
            ('127.0.0.1', '127.0.0.1:5678'),
            ('localhost', 'localhost:5678'),
            ('::1', '[::1]:5678'),
        ):
            with self.subTest(host):
                found = resolved(host=host, port='5678')
                self.assertEqual(address, found.address)

    def test_name_defaults_to_the_program(self):
        self.assertEqual(program.name(), settings.Settings().name)
        self.assertEqual('mine', resolved(name='mine').name)

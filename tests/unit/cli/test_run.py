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
import argparse
import os
import unittest

from osdbg.cli import run
from osdbg import exceptions
from osdbg import option_table
from osdbg import sources


def parse(*words):
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    return parser.parse_args(words)


class TestRun(unittest.TestCase):
    def setUp(self):
        # The options of the machine that the tests run on do not count.
        kept = {n: v for n, v in os.environ.items() if 'REMOTE_DEBUG' in n}
        for name in kept:
            del os.environ[name]
        self.addCleanup(os.environ.update, kept)

    def test_every_option_of_the_table_is_a_flag(self):
        values = {
            'activate': 'on_init',
            'backend': 'ptvsd',
            'eventlet': 'ignore',
            'host': '127.0.0.3',
            'log_dir': '/var/log',
            'name': 'api',
            'port': '7000',
            'wait_timeout': '3',
            'workers': '0,2',
        }
        for setting in option_table.SETTINGS:
            flag = '--' + setting.name.replace('_', '-')
            words = [flag, *filter(None, [values.get(setting.name)])]
            if len(words) == 1 and setting.kind != 'boolean':
                words.append('1')
            arguments = parse(*words, 'true')
            text = getattr(arguments, setting.name)
            self.assertEqual(values.get(setting.name, text), text)
            self.assertEqual(['true'], arguments.words)
            self.assertIsNotNone(text, flag)

    def test_variables(self):
        given = parse('--port=7000', '--wait-for-client', '--', 'x')
        self.assertEqual(
            {
                'OS_REMOTE_DEBUG__PORT': '7000',
                'OS_REMOTE_DEBUG__WAIT_FOR_CLIENT': 'true',
            },
            run.variables(given),
        )

    def test_default_port_is_the_weakest(self):
        self.assertEqual(
            {sources.DEFAULT_PORT: '5678'}, run.variables(parse('x'))
        )
        os.environ['OS_REMOTE_DEBUG__PORT'] = '7000'
        self.addCleanup(os.environ.pop, 'OS_REMOTE_DEBUG__PORT')
        self.assertEqual({}, run.variables(parse('x')))

    def test_bad_values_are_refused_before_anything_runs(self):
        for words in (
            ('--port=0',),
            ('--backend=gdb',),
            ('--host=0.0.0.0',),
            ('--max-stop-seconds=soon',),
        ):
            with self.assertRaises(exceptions.OsdbgError):
                run.variables(parse(*words, 'x'))

    def test_arguments_of_the_command_are_its_own(self):
        arguments = parse('--port=1', '--', 'nova-api', '--port=2', '--', '-h')
        self.assertEqual('1', arguments.port)
        self.assertEqual(
            ['nova-api', '--port=2', '--', '-h'],
            arguments.words[-4:],
        )

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

import os
import subprocess
import sys
import tempfile
import unittest

from osdbg.doctor import case
from osdbg.doctor import server

PROCESS = {'name': 'svc', 'worker': 0, 'pid': 1}
KEYS: dict[str, object] = dict.fromkeys(case._KEYS, {})


def checks(**told):
    patient = case.Patient(1, PROCESS, {**KEYS, 'server': told})
    return [each.check.name for each in server.examine(case.Case([patient]))]


class TestArmed(unittest.TestCase):
    def test_servers(self):
        for told, expected in (
            ({}, []),
            ({'name': 'uwsgi', 'options': {'threads': '2'}}, []),
            ({'name': 'uwsgi', 'options': {'harakiri': '9'}}, ['harakiri']),
            ({'name': 'gunicorn', 'options': {}}, []),
            (
                {'name': 'gunicorn', 'options': {'timeout': '30'}},
                ['gunicorn-timeout'],
            ),
            ({'name': 'mod_wsgi'}, ['mod-wsgi']),
        ):
            with self.subTest(told=told):
                self.assertEqual(expected, checks(**told))


class TestOptions(unittest.TestCase):
    """Those of a uWSGI, of which only the command line is looked at."""

    def options(self, *words):
        process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                'print(flush=True); open(0).read()',
                *words,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        process.stdout.readline()
        return server._uwsgi_options(process.pid)

    def test_words(self):
        found = self.options('--master', '--threads', '4', '--http=:80')
        self.assertEqual(
            {'master': 'true', 'threads': '4', 'http': ':80'}, found
        )

    def test_ini(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'a.ini')
            with open(path, 'w') as file:
                file.write('[uwsgi]\nenable-threads = true\n# threads = 9\n')
            for words in ((path,), ('--ini', path), (f'--ini={path}',)):
                found = self.options(*words)
                self.assertEqual('true', found['enable-threads'])
                self.assertNotIn('threads', found)

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
import pathlib
import shlex
import subprocess
import tempfile
import unittest

from osdbg.cli import debug_port
from osdbg.cli import far_end
from osdbg import exceptions


class FarEndTestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        path = os.environ['PATH']
        self.addCleanup(os.environ.__setitem__, 'PATH', path)
        os.environ['PATH'] = f'{self.directory}:{path}'
        for tool in ('ssh', 'docker', 'kubectl'):
            self.install(tool, '#!/bin/sh\n')

    def install(self, name, text):
        path = pathlib.Path(self.directory, name)
        path.write_text(text)
        path.chmod(0o755)

    def command(self, *words):
        parser = argparse.ArgumentParser()
        debug_port.add_arguments(parser)
        far_end.add_arguments(parser)
        return far_end.command(parser.parse_args(words))

    def refused(self, *words):
        with self.assertRaises(exceptions.OsdbgError) as caught:
            self.command(*words)
        return str(caught.exception)


class TestCommand(FarEndTestCase):
    def test_none_for_this_host(self):
        self.assertIsNone(self.command('nova-api'))

    def test_ssh_has_one_word_for_its_shell(self):
        *words, there = self.command('--ssh', '-p 22 nova@far', 'a b')
        self.assertEqual(['ssh', '-T', '-p', '22', 'nova@far'], words)
        found = shlex.split(there)
        self.assertEqual(['sh', '-c'], found[:2])
        self.assertEqual(['osdbg', 'bridge', 'a b'], found[3:])

    def test_what_the_other_end_is_told(self):
        files = [f'--{name}=/{name}' for name in debug_port.FILES]
        given = ['--connect', 'unix:/x', *files, '--user', 'nova']
        words = self.command('--kubectl', 'pod', *given)
        self.assertEqual(
            'bridge --connect unix:/x --cert /cert --key /key --ca /ca '
            '--user nova',
            ' '.join(words[words.index('bridge') :]),
        )

    def test_the_user_is_for_docker_alone(self):
        words = self.command('--docker', 'box', '--user', 'nova')
        self.assertEqual(
            ['docker', 'exec', '-i', '--user', 'nova', 'box', 'sh'], words[:7]
        )
        self.assertEqual(['osdbg', 'bridge'], words[-2:])

    def test_where_a_pod_is(self):
        words = self.command('--kubectl', 'pod', '-n', 'a', '-c', 'b')
        self.assertEqual(
            'kubectl exec -i pod --namespace a --container b -- sh',
            ' '.join(words[:10]),
        )
        self.assertIn('type --kubectl POD', self.refused('-c', 'b'))

    def test_what_cannot_be_read(self):
        self.assertIn('names nothing', self.refused('--ssh', ' '))
        self.assertIn('cannot be read', self.refused('--docker', '"'))

    def test_the_tool_is_missing(self):
        os.environ['PATH'] = '/nowhere'
        said = self.refused('--docker', 'box')
        self.assertEqual('docker is no program on the PATH: install it', said)


class TestScript(FarEndTestCase):
    """What sh does at the other end."""

    def run_there(self, *words):
        command = self.command('--docker', 'the box', *words)
        return subprocess.run(
            command[command.index('sh') :],
            capture_output=True,
            text=True,
            env={'PATH': os.environ['PATH']},
        )

    def test_it_becomes_osdbg(self):
        self.install('osdbg', '#!/bin/sh\nprintf "%s." "$@"; exit 3\n')
        done = self.run_there("it's $HOME")
        self.assertEqual((3, ''), (done.returncode, done.stderr))
        self.assertEqual("bridge.it's $HOME.", done.stdout)

    def test_it_is_called_in_another_way(self):
        self.install('sudo', '#!/bin/sh\nprintf "%s." "$@"\n')
        done = self.run_there('--remote-osdbg', 'sudo -u nova osdbg')
        self.assertEqual('-u.nova.osdbg.bridge.', done.stdout)

    def test_there_is_none(self):
        done = self.run_there('--remote-osdbg', '"/it\'s/$HOME/osdbg"')
        self.assertEqual((127, ''), (done.returncode, done.stdout))
        self.assertEqual(
            "osdbg bridge: the box has no /it's/$HOME/osdbg on its PATH: "
            'install it there, or type --remote-osdbg and where it is\n',
            done.stderr,
        )

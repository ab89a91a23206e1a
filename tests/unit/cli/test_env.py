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

"""``osdbg env``, read by what it is written for."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import unittest
from unittest import mock

from osdbg.cli import env as env_
from osdbg.cli import main
from osdbg import environment

NASTY = 'a $HOME `id` 50% %h %% "q" \'s\' \\n ; # = é'
NAME = 'OS_REMOTE_DEBUG__NAME'


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    env_.add_arguments(parser)
    return parser.parse_args([])


def env(*words: str) -> tuple[int, str, str]:
    """Return the exit code, what was printed, and what was complained."""
    out, err = io.StringIO(), io.StringIO()
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('OS_REMOTE_DEBUG', 'OSDBG', 'PYTHONPATH'))
    }
    with mock.patch.dict(os.environ, clean, clear=True):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main(['env', *words])
    return code, out.getvalue(), err.getvalue()


class EnvTestCase(unittest.TestCase):
    def printed(self, *words: str) -> str:
        code, out, err = env(*words)
        self.assertEqual((0, ''), (code, err))
        return out

    def refused(self, *words: str) -> str:
        code, out, err = env(*words)
        self.assertEqual((1, ''), (code, out))
        self.assertEqual(1, err.count('\n'))
        return err


class TestEnvFile(EnvTestCase):
    def test_lines(self) -> None:
        self.assertEqual(
            f'PYTHONPATH={environment.SITE}\n'
            'OS_REMOTE_DEBUG__PORT=99\n'
            'OS_REMOTE_DEBUG__WORKERS=0,2\n',
            self.printed('--port', '99', '--workers', '0,2'),
        )

    def test_default_port(self) -> None:
        self.assertIn('\nOSDBG_DEFAULT_PORT=5678\n', self.printed())

    def test_follow_exec(self) -> None:
        self.assertIn('\nOSDBG_FOLLOW_EXEC=1\n', self.printed('--follow-exec'))

    def test_what_is_read_alike_by_all(self) -> None:
        name = 'a $HOME 50% "q" # é'
        self.assertIn(f'{NAME}={name}\n', self.printed('--name', name))

    def test_what_is_read_differently_is_refused(self) -> None:
        for name in (' a', 'a ', '"a"', "'a", 'a\\b', 'a\nb', 'a\tb'):
            self.assertIn('--systemd', self.refused('--name', name))

    def test_bad_option(self) -> None:
        self.assertIn('port = 0', self.refused('--port', '0'))


class TestSystemd(EnvTestCase):
    def test_quoting(self) -> None:
        # systemd.exec(5), "Environment="; systemd.unit(5), "Specifiers".
        self.assertEqual(
            '[Service]\n'
            f'Environment="PYTHONPATH={environment.SITE}"\n'
            'Environment="OS_REMOTE_DEBUG__PORT=99"\n'
            f'Environment="{NAME}=a $x 50%% \\"q\\" \\\\ \\n"\n',
            self.printed(
                '--systemd', '--port', '99', '--name', 'a $x 50% "q" \\ \n'
            ),
        )


class TestUwsgi(EnvTestCase):
    def test_lines(self) -> None:
        self.assertEqual(
            f'env = PYTHONPATH={environment.SITE}\n'
            'env = OS_REMOTE_DEBUG__PORT=99\n'
            f'env = {NAME}=50%% "q" $x\n'
            'enable-threads = true\n',
            self.printed('--uwsgi', '--port', '99', '--name', '50% "q" $x'),
        )

    def test_what_uwsgi_would_change_is_refused(self) -> None:
        for name in ('a$(HOME)', '@(file)', ' a', 'a ', 'a\nb'):
            self.assertIn('uWSGI', self.refused('--uwsgi', '--name', name))


class TestKubernetes(EnvTestCase):
    def test_list(self) -> None:
        self.assertEqual(
            'env:\n'
            '- name: PYTHONPATH\n'
            f'  value: "{environment.SITE}"\n'
            '- name: OS_REMOTE_DEBUG__PORT\n'
            '  value: "99"\n'
            f'- name: {NAME}\n'
            '  value: "$$(HOME) $$$$ \\"q\\" \\n é"\n',
            self.printed(
                *('--kubernetes', '--port', '99'),
                *('--name', '$(HOME) $$ "q" \n é'),
            ),
        )


class TestShell(EnvTestCase):
    def test_a_shell_reads_it(self) -> None:
        for before, after in ((None, ''), ('/b c', ':/b c')):
            environ = {'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8'}
            if before is not None:
                environ['PYTHONPATH'] = before
            text = self.printed('--shell', '--name', NASTY + '\nb')
            done = subprocess.run(
                ['sh', '-c', f'{text}\nenv -0'],
                env=environ,
                check=True,
                capture_output=True,
            )
            found = dict(
                line.split('=', 1)
                for line in done.stdout.decode().split('\0')
                if line
            )
            self.assertEqual(NASTY + '\nb', found[NAME])
            self.assertEqual(environment.SITE + after, found['PYTHONPATH'])


class TestJson(EnvTestCase):
    def test_object(self) -> None:
        found = json.loads(self.printed('--json', '--name', NASTY))
        self.assertEqual(NASTY, found[NAME])
        self.assertEqual(environment.SITE, found['PYTHONPATH'])

    def test_path_that_is_set_here_is_kept(self) -> None:
        with mock.patch.dict(os.environ, PYTHONPATH='/a:/b'):
            variables = env_._variables(parse())
        self.assertEqual(f'{environment.SITE}:/a:/b', variables['PYTHONPATH'])

    def test_what_is_set_here_counts(self) -> None:
        out = io.StringIO()
        inherited = {'OS_REMOTE_DEBUG__PORT': '77'}
        with mock.patch.dict(os.environ, inherited):
            with contextlib.redirect_stdout(out):
                self.assertEqual(0, main.main(['env', '--json']))
        found = json.loads(out.getvalue())
        self.assertEqual('77', found['OS_REMOTE_DEBUG__PORT'])
        self.assertNotIn('OSDBG_DEFAULT_PORT', found)

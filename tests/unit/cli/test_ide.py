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

"""What may be typed, and where the project is taken to be."""

import argparse
import contextlib
import io
import os
import unittest

from osdbg.cli import ide
from osdbg import exceptions


def parse(*words):
    parser = argparse.ArgumentParser()
    ide.add_arguments(parser)
    return parser.parse_args(words)


class ArgumentsTest(unittest.TestCase):
    def test_paths_are_of_here(self):
        found = parse('vscode', '--map', 'a=/b', '--map', '~/c=/d=e').map
        self.assertEqual(
            [
                (os.path.abspath('a'), '/b'),
                (os.path.expanduser('~/c'), '/d=e'),
            ],
            found,
        )

    def test_refused(self):
        for words in (
            ['emacs', '--map', '/a'],
            ['emacs', '--map', '=/a'],
            ['emacs', '--port', '0'],
            ['emacs', '--port', 'x'],
            ['notepad'],
            [],
        ):
            with self.subTest(words):
                with contextlib.redirect_stderr(io.StringIO()):
                    with self.assertRaises(SystemExit):
                        parse(*words)

    def test_what_does_not_go_together(self):
        for words, typed in (
            (['zed', 'api', '--port', '5678'], 'write --name api'),
            (['zed', '--host', '10.0.0.1'], 'takes a --port'),
            (['zed', '--port', '1', '--source', '.'], 'write --map'),
            (['zed', '--source', '/nowhere'], 'is no directory'),
        ):
            with self.subTest(words):
                with self.assertRaisesRegex(exceptions.OsdbgError, typed):
                    ide.run(parse(*words))


class ProjectTest(unittest.TestCase):
    def test_project(self):
        for words, expected in (
            (['vscode'], os.getcwd()),
            (['vscode', '--output', '/p/.vscode/launch.json'], '/p'),
            (['vscode', '--output', '/p/launch.json'], None),
            (['zed', '--output', '/p/.vscode/launch.json'], None),
        ):
            with self.subTest(words):
                self.assertEqual(expected, ide._project(parse(*words)))

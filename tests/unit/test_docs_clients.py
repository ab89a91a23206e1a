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

"""The pages of the clients show what ``osdbg ide`` writes.

``python -m tests.unit.test_docs_clients`` writes it anew.
"""

import contextlib
import io
import os
import pathlib
import tempfile
import unittest

from osdbg.cli import main
from osdbg.ide import clients

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / 'doc' / 'source'
WRITTEN = PAGES / 'clients' / 'written'
PAGE = {
    'pycharm': PAGES / 'user' / 'pycharm.rst',
    'pydev': PAGES / 'user' / 'pydev.rst',
}
WORDS = '--port 5678 --name nova-api --map ~/src/nova=/opt/stack/nova'
HOME = '/home/me'


def page(name):
    """Return the page of a client."""
    return PAGE.get(name, PAGES / 'clients' / f'{name}.rst')


def written(name):
    """Return the file with what is written for a client."""
    ends = {
        'emacs': 'el',
        'helix': 'toml',
        'nvim': 'lua',
        'pycharm': 'xml',
        'pycharm-dap': 'xml',
        'pydev': 'ini',
    }
    return WRITTEN / f'{name}.{ends.get(name, "json")}'


def printed(name):
    """Return what the command prints, typed in ``~/src/nova``."""
    with tempfile.TemporaryDirectory() as home:
        here = pathlib.Path(home).resolve() / 'src' / 'nova'
        here.mkdir(parents=True)
        home = str(here.parents[1])
        words = ['ide', name, '--print', *WORDS.replace('~', home).split()]
        before = os.getcwd()
        os.chdir(here)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                with contextlib.redirect_stderr(io.StringIO()) as hints:
                    code = main.main(words)
        finally:
            os.chdir(before)
        assert code == 0, (name, hints.getvalue())
        return said.getvalue().replace(home, HOME)


class WrittenTest(unittest.TestCase):
    maxDiff = None

    def test_is_what_is_printed(self):
        for name in clients.CLIENTS:
            with self.subTest(client=name):
                self.assertEqual(
                    written(name).read_text(),
                    printed(name),
                    'type python -m tests.unit.test_docs_clients',
                )

    def test_is_on_a_page(self):
        for name in clients.CLIENTS:
            with self.subTest(client=name):
                text = page(name).read_text()
                self.assertIn(f'written/{written(name).name}\n', text)
                self.assertIn(f'osdbg ide {name} {WORDS}\n', text)

    def test_nothing_else_is_there(self):
        self.assertEqual(
            {written(name).name for name in clients.CLIENTS},
            set(os.listdir(WRITTEN)),
        )


if __name__ == '__main__':
    for client in clients.CLIENTS:
        written(client).write_text(printed(client))

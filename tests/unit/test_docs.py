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

"""What the documentation has people type: it is run, or at least exists.

A block of code is the content of a file that a test runs. If it is not, all of
it is commands that our parsers take, or options that a service takes; or
"``.. Not run: REASON``" is above it in the source of the page.
"""

from collections.abc import Iterator
import configparser
import contextlib
import io
import json
import pathlib
import re
import shlex
from typing import NamedTuple
import unittest

from osdbg.cli import main
from osdbg import option_table
from osdbg import settings

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / 'doc' / 'source'
RUNNABLE = ('python', 'ini', 'bash', 'console', 'json')
# Programs that are not ours, and why no test types what a page has of them.
NOT_RUN = {
    'cd': 'the directories are the reader\'s',
    'curl': 'the service is the reader\'s',
    'docker': 'it takes a container',
    'export': 'the shell is the reader\'s',
    'kill': 'the process is the reader\'s',
    'kubectl': 'it takes a cluster',
    'mkdir': 'the directories are the reader\'s',
    'my-service': 'it is the reader\'s',
    'nc': 'the service is the reader\'s; test_remote_pdb uses it',
    'python3': 'the environment is the reader\'s',
    'rm': 'the directories are the reader\'s',
    'socat': 'the service is the reader\'s; test_remote_pdb uses it',
    'ssh': 'it takes another machine; test_bridge has one of its own',
    'systemctl': 'it takes systemd',
    'tee': 'the directories are root\'s',
    '.': 'the environment is the reader\'s',
}
DIRECTIVE = re.compile(
    r'(?:^ *\.\. Not run: (?P<excuse>(?:.+\n)+)\n)?'
    r'^(?P<indent> *)(?:\d\. )?'
    r'\.\. (?P<name>code-block|literalinclude):: (?P<argument>\S+)\n'
    r'(?P<body>(?:(?P=indent) +\S.*\n|\n)*)',
    re.MULTILINE,
)
TYPED = re.compile(r'^ +[$#] (.+)$', re.MULTILINE)
INLINE = re.compile(r'``(osdbg [^`]+)``')
ENDS = ('|', '>', '>>', '<', '</dev/null', '&&', '...')


class Block(NamedTuple):
    name: str
    argument: str
    excuse: str
    body: str


def pages() -> list[pathlib.Path]:
    return sorted(DOCS.rglob('*.rst'))


def blocks(page: pathlib.Path) -> Iterator[Block]:
    for found in DIRECTIVE.finditer(page.read_text()):
        parts = found.group('name', 'argument', 'excuse', 'body')
        yield Block(*(part or '' for part in parts))


def commands(body: str) -> Iterator[list[str]]:
    """Return the words of each command that is typed in a console."""
    body = re.sub(r'(\\|\|)\n *', r'\1 ', body).replace('\\ ', ' ')
    for line in TYPED.findall(body):
        words = line.replace('$(which osdbg)', 'osdbg')
        words = shlex.split(words, comments=True)
        yield words[1:] if words[0] == 'sudo' else words


def until_the_shell(words: list[str]) -> list[str]:
    ends = [number for number, word in enumerate(words) if word in ENDS]
    return words[: min(ends)] if ends else words


def refused(words: list[str]) -> str:
    """Return what our parsers say of what follows ``osdbg``, if they do."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        try:
            main._parse(until_the_shell(words))
        except SystemExit as exc:
            return told.getvalue() if exc.code else ''
    return ''


def wrong_extra(words: list[str]) -> str:
    """Return an extra that is not in setup.cfg, of those pip is told of."""
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    named = re.findall(r'\[([\w,]+)\]', ' '.join(words))
    extras = ','.join(named).split(',') if named else []
    return ' '.join(set(extras) - set(config['extras']))


def wrong_command(words: list[str]) -> str:
    """Return what is wrong with a command in a console, if anything is."""
    program = words[0].rpartition('/')[2]
    if program == 'osdbg':
        return refused(words[1:])
    if program == 'pip':
        return wrong_extra(words)
    return '' if program in NOT_RUN else f'{program} is not in NOT_RUN'


def are_options(body: str) -> bool:
    """Tell whether a file has our options and nothing else.

    :raises: KeyError, InvalidOption
    """
    text = '\n'.join(line.strip() for line in body.splitlines())
    if not text.strip().startswith('['):
        text = f'[{option_table.GROUP}]\n{text}'
    file = configparser.ConfigParser(interpolation=None, strict=False)
    file.read_string(text)
    if file.sections() != [option_table.GROUP]:
        return False
    table = {setting.name: setting for setting in option_table.SETTINGS}
    for name, value in file[option_table.GROUP].items():
        settings.parse(table[name], value, 'the page')
    return True


def is_tested(name: str) -> bool:
    """Tell whether a test, or what a test runs, has a file."""
    path = pathlib.PurePosixPath(name)
    ways = [
        rf'\b{path.name}\b',
        rf'\bimport {path.stem}\b',
        rf'\b{path.stem}:\w',
    ]
    if path.parent.name == 'written':
        # Files of test_docs_clients.py, which makes their names.
        ways = ["'written'"]
    named = re.compile('|'.join(ways))
    texts = [
        file.read_text()
        for file in [*ROOT.glob('tests/**/*.py'), *DOCS.glob('examples/*')]
        if file.is_file() and file != pathlib.Path(__file__)
    ]
    return any(map(named.search, texts))


class TestBlocks(unittest.TestCase):
    def test_blocks_are_run_or_say_why_not(self):
        for page in pages():
            for block in blocks(page):
                with self.subTest(page.name, block=block.body[:70]):
                    if block.name == 'literalinclude':
                        self.assertTrue(is_tested(block.argument))
                    elif block.argument in RUNNABLE:
                        self.check(block)

    def check(self, block):
        if block.argument == 'json':
            json.loads(block.body)
        if block.argument == 'console':
            typed = list(commands(block.body))
            self.assertTrue(typed, 'nothing is typed there')
            for words in typed:
                self.assertEqual('', wrong_command(words))
        elif not block.excuse:
            self.assertEqual('ini', block.argument, 'Not run: why?')
            self.assertTrue(are_options(block.body), 'Not run: why?')

    def test_examples_are_shown_and_run(self):
        shown = ''.join(page.read_text() for page in pages())
        for example in (DOCS / 'examples').iterdir():
            if example.is_file():
                with self.subTest(example.name):
                    self.assertTrue(is_tested(example.name))
                    if example.name not in ('hello.py', 'paste_app.py'):
                        self.assertIn(f'examples/{example.name}\n', shown)


class TestText(unittest.TestCase):
    def test_pages_are_short(self):
        for page in pages():
            # What contributors look things up in.
            if page.name != 'architecture.rst':
                with self.subTest(page.name):
                    length = len(page.read_text().splitlines())
                    self.assertLessEqual(length, 150)

    def test_commands_in_the_text_exist(self):
        for page in [*pages(), *ROOT.glob('*.rst')]:
            for text in INLINE.findall(page.read_text()):
                words = text.split()[1:]
                if words[0] == 'audit:' or words[0].isupper():
                    continue
                with self.subTest(page.name, text=text):
                    self.assertIn(words.pop(0), (*main.COMMANDS, '--help'))
                    for flag in until_the_command(words):
                        self.assertTrue(is_flag(text.split()[1], flag))

    def test_options_in_the_text_exist(self):
        table = {setting.name: setting for setting in option_table.SETTINGS}
        for page in [*pages(), *ROOT.glob('*.rst')]:
            named = re.findall(
                r'``(?:\[remote_debug\]\s+)?(\w+) = ([^`]+)``',
                page.read_text(),
            )
            for name, value in named:
                if name in table and '...' not in value:
                    with self.subTest(page.name, option=name, value=value):
                        settings.parse(table[name], value, 'the page')

    def test_options_of_the_group_in_the_text_exist(self):
        names = {setting.name for setting in option_table.SETTINGS}
        for page in [*pages(), *ROOT.glob('*.rst')]:
            pattern = r'``\[remote_debug\]\s+([a-z_]+)'
            with self.subTest(page.name):
                named = set(re.findall(pattern, page.read_text()))
                self.assertLessEqual(named, names)


def until_the_command(words: list[str]) -> list[str]:
    """Return the flags that are osdbg's, and not those of what it runs."""
    words = words[: words.index('--')] if '--' in words else words
    return [word.partition('=')[0] for word in words if word[:2] == '--']


def is_flag(command: str, flag: str) -> bool:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        with contextlib.suppress(SystemExit):
            main._parse([command, '--help'])
    return re.search(rf'(?<!-){flag}\b(?!-)', told.getvalue()) is not None


class TestTheTest(unittest.TestCase):
    """What is wrong is found."""

    def words(self, line):
        (words,) = commands(f'   $ {line}\n')
        return words

    def test_commands(self):
        for right in (
            'osdbg ps --watch | grep nova',
            'sudo $(which osdbg) open --for 3m',
            '/opt/bin/osdbg run --port 1 -- nova-api --wrong',
            "pip install 'osdbg[cli,pdb]'",
            'ssh HOST',
        ):
            self.assertEqual('', wrong_command(self.words(right)))
        for wrong in (
            'osdbg ps --wacht',
            'osdbg sp',
            "pip install 'osdbg[cli,pbd]'",
            'rm-all',
        ):
            self.assertNotEqual('', wrong_command(self.words(wrong)))

    def test_a_command_of_two_lines(self):
        page = (
            '   $ osdbg open \\\n         --for 3m |\n      cat\n   opened\n'
        )
        (words,) = commands(page)
        self.assertEqual('osdbg open --for 3m | cat'.split(), words)

    def test_options(self):
        self.assertTrue(are_options('  [remote_debug]\n  port = 5678\n'))
        self.assertTrue(are_options('  port = 5678\n'))
        self.assertFalse(are_options('  [DEFAULT]\n  port = 5678\n'))
        with self.assertRaises(KeyError):
            are_options('  [remote_debug]\n  prot = 5678\n')

    def test_a_flag(self):
        self.assertTrue(is_flag('ps', '--watch'))
        self.assertFalse(is_flag('ps', '--wat'))

    def test_a_file(self):
        self.assertTrue(is_tested('/examples/hello.py'))
        self.assertFalse(is_tested('/examples/neverland.py'))

    def test_a_block_and_its_excuse(self):
        page = (
            '.. Not run: it\n   cannot.\n\n.. code-block:: ini\n\n   a = b\n'
        )
        (found,) = DIRECTIVE.finditer(page)
        self.assertEqual('it\n   cannot.\n', found['excuse'])
        self.assertEqual('\n   a = b\n', found['body'])

#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""The pictures of terminals: each is there, of a command that is, and used."""

import pathlib
import re
import unittest
import xml.etree.ElementTree

from doc import recordings
from doc.recordings import picture
from doc.recordings import scenes
from osdbg.cli import main

ROOT = pathlib.Path(__file__).parents[2]
MOST_BYTES = 150_000


def pages():
    for path in [ROOT / 'README.rst', *ROOT.glob('doc/source/**/*.rst')]:
        yield path.read_text()


class TestRecordings(unittest.TestCase):
    def test_commands_exist(self):
        for words, _ in scenes.SCENES.values():
            self.assertIn(words[0], main.COMMANDS)

    def test_pictures_are_of_scenes(self):
        found = {path.stem for path in recordings.PICTURES.glob('*.svg')}
        self.assertEqual(set(scenes.SCENES), found)

    def test_pictures_are_of_their_commands(self):
        """Without a line number, which moves: take them anew then and when."""
        for name, (words, _) in scenes.SCENES.items():
            text = (recordings.PICTURES / f'{name}.svg').read_text()
            svg = xml.etree.ElementTree.fromstring(text)
            shown = ''.join(svg.itertext()).replace('\xa0', ' ')
            typed = ' '.join(['$ osdbg', *words])
            self.assertIn(
                re.sub(r':\d+', '', typed), re.sub(r':\d+', '', shown), name
            )

    def test_pictures_need_no_network_and_are_small(self):
        for path in recordings.PICTURES.glob('*.svg'):
            text = path.read_text()
            self.assertNotRegex(text, r'@font-face|url\((?!#)|href', path.name)
            self.assertLess(path.stat().st_size, MOST_BYTES, path.name)

    def test_pages_show_them(self):
        used = {
            name
            for page in pages()
            for name in re.findall(r'images/(\w+)\.svg', page)
        }
        self.assertEqual(set(scenes.SCENES), used)


class TestDraw(unittest.TestCase):
    def draw(self, output):
        svg = picture.draw('it', 'osdbg it', output)
        parsed = xml.etree.ElementTree.fromstring(svg)
        texts = parsed.iter('{http://www.w3.org/2000/svg}text')
        return svg, [''.join(t.itertext()).strip('\n') for t in texts]

    def test_colours(self):
        svg, texts = self.draw('\x1b[31mred\x1b[0m plain\r\n')
        self.assertIn('red', texts)
        self.assertNotIn('\x1b', svg)

    def test_what_a_terminal_breaks(self):
        _, texts = self.draw('a ' * picture.COLUMNS)
        rows = [text for text in texts if text.startswith('a')]
        self.assertEqual(2, len(rows))
        self.assertEqual(2 * picture.COLUMNS, sum(map(len, rows)))

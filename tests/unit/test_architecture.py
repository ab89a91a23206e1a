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

"""Knowledge flows one way, and each outside name is known in one place."""

import ast
from collections.abc import Iterator
from pathlib import Path
import unittest

ROOT = Path(__file__).parents[2]
LICENCE = 'Licensed under the Apache License, Version 2.0'

# Low to high: a room may import from its own level and from those before it.
LEVELS = (
    (
        'addresses',
        'environment',
        'exceptions',
        'objects',
        'option_table',
        'patching',
        'program',
        'replaced',
        'settings',
        'sources',
        'values',
    ),
    ('frames', 'signals', 'waiting', 'watchdog'),
    ('thread_table',),
    ('threads',),
    ('door',),
    ('calls', 'greenlets'),
    ('activities', 'deaths', 'heartbeats', 'hubs'),
    ('activity_search',),
    ('chosen', 'parked'),
    ('vigil',),
    ('evaluation', 'isolation', 'journal', 'opts'),
    ('harmless', 'reading', 'stops'),
    ('gateway', 'backends'),
    ('audit', 'debugger', 'greeting', 'inspection', 'progress'),
    ('agent', 'contact', 'orders', 'post_mortem', 'prompter'),
    ('this_process',),
    ('arming', 'bootstrap', 'breakpoints'),
    ('cli', 'doctor', 'integrations', 'ide', '_site'),
    ('__main__',),
)
RANK = {room: rank for rank, rooms in enumerate(LEVELS) for room in rooms}

# Who may name what: the beginning of a module's name, and of the files' paths.
OWNERS = {
    'amqp': ('heartbeats.py',),
    'kombu': (),
    'oslo_': ('opts.py', 'integrations/', 'cli/demo'),
    'eventlet': ('patching.py', 'greenlets.py', 'deaths.py', 'cli/demo'),
    'greenlet': ('patching.py', 'greenlets.py', 'deaths.py'),
    'debugpy': ('backends/_debugpy',),
    'pydevd': ('backends/_debugpy', 'backends/_pydevd', 'greenlets.py'),
    '_pydev': ('backends/_debugpy', 'backends/_pydevd', 'greenlets.py'),
    'remote_pdb': ('backends/_remote_pdb',),
}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob('*.py'))


def imports(path: Path) -> Iterator[str]:
    """Name every module a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f'{node.module}.{alias.name}'


class TestArchitecture(unittest.TestCase):
    def test_knowledge_flows_one_way(self):
        for path in sources('osdbg'):
            room = path.relative_to(ROOT / 'osdbg').parts[0].partition('.')[0]
            if room == '__init__':
                continue
            self.assertIn(room, RANK, f'{path}: a room without a level')
            for name in imports(path):
                if name.startswith('osdbg.'):
                    other = name.split('.')[1]
                    self.assertLessEqual(
                        RANK[other], RANK[room], f'{path} imports {name}'
                    )

    def test_outside_names_have_owners(self):
        for path in sources('osdbg'):
            place = path.relative_to(ROOT / 'osdbg').as_posix()
            for name in imports(path):
                for outside, owners in OWNERS.items():
                    if name.startswith(outside):
                        self.assertTrue(
                            place.startswith(owners), f'{path}: {name}'
                        )

    def test_no_file_is_named_like_library_code_to_pydevd(self):
        taken = 'threading queue socket io codecs weakref linecache dis'
        names = {path.stem for path in sources('osdbg', 'tests')}
        self.assertEqual(set(), names.intersection(taken.split()))

    def test_licence(self):
        for path in (*sources('osdbg', 'tests', 'doc'), ROOT / 'setup.py'):
            if text := path.read_text():
                self.assertIn(LICENCE, text[:400], path)

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

"""Who can debug whom, and where."""

import unittest

from osdbg.ide import clients
from osdbg.ide import mappings
from osdbg.ide import targets

PROCESS = {
    'name': 'api',
    'backend': 'debugpy',
    'protocol': 'dap',
    'dials': False,
    'host': '127.0.0.1',
    'port': 5678,
    'tls': False,
}
PYCHARM = {'backend': 'pydevd_pycharm', 'protocol': 'pydevd', 'dials': True}
PYDEV = {'backend': 'pydevd', 'protocol': 'pydevd', 'dials': True}
PDB = {'backend': 'remote_pdb', 'protocol': 'pdb'}


class RefusalTest(unittest.TestCase):
    def refusal(self, client, **more):
        client = clients.CLIENTS[client]()
        return targets.refusal(client, {**PROCESS, **more})

    def test_who_can(self):
        for client, more in (
            *(
                (c, {})
                for c in clients.CLIENTS
                if c not in ('pycharm', 'pydev')
            ),
            ('pycharm', PYCHARM),
            ('pydev', PYDEV),
            ('vscode', {'backend': 'another', 'dials': True}),
        ):
            with self.subTest(client):
                self.assertEqual('', self.refusal(client, **more))

    def test_who_cannot_is_told_what_to_type(self):
        for client, more, typed in (
            (
                'pycharm',
                {},
                'osdbg ide vscode api, or set [remote_debug] '
                'backend = pydevd_pycharm',
            ),
            ('vscode', PYCHARM, 'osdbg ide pycharm api, or set'),
            ('vscode', PYDEV, 'osdbg ide pydev api, or set'),
            ('pycharm', PYDEV, 'osdbg ide pydev api, or set'),
            ('zed', PDB, 'osdbg attach api'),
            ('nvim', {'dials': True}, 'one of vscode, pycharm, pydev, zed'),
        ):
            with self.subTest(client):
                self.assertIn(typed, self.refusal(client, **more))

    def test_a_terminal_does_not_obey(self):
        line = self.refusal('pycharm', name='a\x1b[2Jb')
        self.assertNotIn('\x1b', line)


class OfTest(unittest.TestCase):
    def of(self, **more):
        target = targets.of({**PROCESS, **more})
        return target.host, target.port, target.listens

    def test_addresses(self):
        for more, expected in (
            ({}, ('127.0.0.1', 5678, False)),
            ({'host': '0.0.0.0'}, ('127.0.0.1', 5678, False)),  # noqa: S104
            ({'host': '::'}, ('::1', 5678, False)),
            ({'host': '10.0.0.1'}, ('10.0.0.1', 5678, False)),
            ({'host': '10.0.0.1', 'dials': True}, ('10.0.0.1', 5678, True)),
            ({'host': 'unix:/x', 'port': 0}, ('127.0.0.1', 5678, False)),
        ):
            with self.subTest(more):
                self.assertEqual(expected, self.of(**more))

    def test_what_to_type_first(self):
        for more, typed in (
            ({}, ''),
            ({'host': 'unix:/x', 'port': 0}, 'ssh -L 5678:/x HOST'),
            ({'tls': True}, 'osdbg bridge --connect HOST:5678 --cert'),
        ):
            first = targets.of({**PROCESS, **more}).first
            self.assertTrue(first.startswith(typed), first)
            self.assertEqual(bool(typed), bool(first))


class ByHandTest(unittest.TestCase):
    def test_names(self):
        for arguments, name in (
            (('127.0.0.1', 5678, 'api'), 'osdbg: api'),
            (('127.0.0.1', 5678, ''), 'osdbg: port 5678'),
            (('unix:/x', None, ''), 'osdbg: unix:/x'),
            (('127.0.0.1', 5678, 'a\nb'), 'osdbg: a\\nb'),
        ):
            with self.subTest(name):
                plan = targets.by_hand(*arguments, [])
                self.assertEqual([name], [t.name for t in plan.targets])

    def test_paths(self):
        given = mappings.written([('/a', '/b'), ('/c', '/b/deep')])
        plan = targets.by_hand('127.0.0.1', 5678, '', given)
        self.assertEqual(
            ['/b/deep/', '/b/'], [m.remote for m in plan.targets[0].mappings]
        )

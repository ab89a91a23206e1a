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

"""What clients have in common."""

import unittest

from osdbg.ide import base
from osdbg.ide import clients
from osdbg.ide import mappings
from tests.unit.ide import parts


class TargetTest(unittest.TestCase):
    def test_slug(self):
        for name, slug in (
            ('osdbg: nova-api', 'osdbg-nova-api'),
            ('osdbg: a/b c.d', 'osdbg-a-b-c.d'),
            ('osdbg: ../..', 'osdbg-..-..'),
            ('osdbg: é', 'osdbg'),
        ):
            target = base.Target(name, 'localhost', 1)
            self.assertEqual(slug, target.slug())

    def test_main_is_what_the_service_is_called_by(self):
        first, second = parts.MAPPINGS
        ours = mappings.Mapping('osdbg', '/osdbg/', '/site/osdbg/')
        for service, expected in (
            ('nova-api', first),
            ('six-api', second),
            ('x', ours),
        ):
            target = base.Target(
                f'osdbg: {service}',
                'localhost',
                1,
                mappings=(ours, *parts.MAPPINGS),
            )
            self.assertEqual(expected, target.main())
        self.assertIsNone(parts.COMPUTE.main())


class ClientsTest(unittest.TestCase):
    def test_every_client_writes_again_what_it_has_written(self):
        for name, kind in clients.CLIENTS.items():
            with self.subTest(name):
                client = kind('/p')
                for _, some in client.files([parts.API, parts.COMPUTE]):
                    done = client.edit('', some)
                    self.assertTrue(done.endswith('\n'))
                    self.assertEqual(done, client.edit(done, some))
                self.assertTrue(client.hint([parts.API]))

    def test_only_what_is_below_the_project_is_called_so(self):
        client = clients.CLIENTS['vscode']('/p')
        for path, spelled in (
            ('/p/a/', '${workspaceFolder}/a/'),
            ('/p2/a/', '/p2/a/'),
            ('/p/', '${workspaceFolder}/'),
        ):
            self.assertEqual(spelled, client.spell(path))

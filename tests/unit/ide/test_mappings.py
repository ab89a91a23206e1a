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

"""Where packages are found, in the layouts that people have."""

import os
import pathlib
import tempfile
import unittest

from osdbg.ide import mappings

SITE = '/var/lib/kolla/venv/lib/python3.12/site-packages'


class MappingsTestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name).resolve()

    def make(self, *files):
        for file in files:
            path = self.home / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def find(self, *sources, given=(), shared=True, **packages):
        places = {
            name.replace('__', '.'): [place]
            for name, place in packages.items()
        }
        return mappings.find(
            places,
            [os.path.abspath(self.home / source) for source in sources],
            mappings.written(given),
            shared,
        )

    def here(self, *parts):
        return os.path.join(str(self.home), *parts)


class FindTest(MappingsTestCase):
    def assert_mapped(self, found, name, local):
        (mapping,) = [m for m in found.mapped if m.package == name]
        self.assertEqual(self.here(local) + '/', mapping.local)
        self.assertEqual(f'{SITE}/{name.replace(".", "/")}/', mapping.remote)

    def test_layouts(self):
        for source, file in (
            ('nova', 'nova/nova/__init__.py'),  # a checkout
            ('nova/nova', 'nova/nova/__init__.py'),  # the package
            ('', 'nova/nova/__init__.py'),  # what holds checkouts
            ('x', 'x/src/nova/__init__.py'),
            ('y', 'y/z/src/nova/__init__.py'),
        ):
            with self.subTest(source):
                self.make(file)
                found = self.find(source, nova=f'{SITE}/nova')
                self.assert_mapped(found, 'nova', os.path.dirname(file))

    def test_many_checkouts(self):
        self.make(
            'nova/nova/__init__.py',
            'oslo.messaging/oslo_messaging/__init__.py',
            'oslo.config/oslo_config/__init__.py',
        )
        found = self.find(
            '',
            nova=f'{SITE}/nova',
            oslo_messaging=f'{SITE}/oslo_messaging',
            eventlet=f'{SITE}/eventlet',
        )
        self.assert_mapped(
            found, 'oslo_messaging', 'oslo.messaging/oslo_messaging'
        )
        self.assert_mapped(found, 'nova', 'nova/nova')
        self.assertEqual(['eventlet'], found.missing)

    def test_namespace_packages(self):
        self.make('paste/paste/deploy/__init__.py')
        found = self.find('paste', paste__deploy=f'{SITE}/paste/deploy')
        self.assert_mapped(found, 'paste.deploy', 'paste/paste/deploy')

    def test_a_module(self):
        self.make('six/six.py')
        found = self.find('six', six=f'{SITE}/six.py')
        expected = mappings.Mapping(
            'six', self.here('six/six.py'), f'{SITE}/six.py'
        )
        self.assertEqual([expected], found.mapped)

    def test_a_script(self):
        self.make('tools/serve.py')
        found = mappings.find(
            {'__main__': ['/opt/serve.py']}, [self.here('tools')]
        )
        expected = mappings.Mapping(
            'serve.py', self.here('tools/serve.py'), '/opt/serve.py'
        )
        self.assertEqual([expected], found.mapped)

    def test_what_is_in_a_package_and_called_as_if_it_were_not(self):
        self.make('tests/__init__.py', 'tests/app.py')
        found = self.find('tests', app='/opt/app.py')
        self.assertEqual(['app'], [m.package for m in found.mapped])

    def test_a_directory_is_no_package(self):
        self.make('nova/README.rst', 'queue/x.py')
        found = self.find('', nova=f'{SITE}/nova', queue=f'{SITE}/queue')
        self.assertEqual(['nova', 'queue'], found.missing)

    def test_no_copies(self):
        self.make(
            'build/lib/nova/__init__.py',
            'build/nova/__init__.py',
            '.tox/nova/__init__.py',
        )
        found = self.find('', nova=f'{SITE}/nova')
        self.assertEqual(['nova'], found.missing)

    def test_found_in_both(self):
        self.make('a/nova/__init__.py', 'nova/nova/__init__.py')
        found = self.find('', nova=f'{SITE}/nova')
        self.assert_mapped(found, 'nova', 'nova/nova')
        self.assertEqual({'nova': [self.here('a/nova')]}, found.doubles)
        found = self.find('a', 'nova', nova=f'{SITE}/nova')
        self.assert_mapped(found, 'nova', 'nova/nova')

    def test_a_name_with_python_before(self):
        self.make(
            'a/novaclient/__init__.py',
            'python-novaclient/novaclient/__init__.py',
        )
        found = self.find('', novaclient=f'{SITE}/novaclient')
        self.assert_mapped(found, 'novaclient', 'python-novaclient/novaclient')

    def test_the_most_specific_first(self):
        self.make('a/x/__init__.py', 'a/y/z/__init__.py')
        found = self.find('a', x='/opt/x', y__z='/opt/long/y/z')
        self.assertEqual(['y.z', 'x'], [m.package for m in found.mapped])


class SameTest(MappingsTestCase):
    def setUp(self):
        super().setUp()
        self.make('nova/nova/__init__.py')
        (self.home / 'stack').symlink_to('nova')

    def test_the_same_path(self):
        for shared in (True, False):
            found = self.find(
                'nova', shared=shared, nova=self.here('nova/nova')
            )
            self.assertEqual((['nova'], []), (found.same, found.mapped))

    def test_a_link_counts_only_if_both_see_it(self):
        remote = self.here('stack/nova')
        found = self.find('nova', nova=remote)
        self.assertEqual((['nova'], []), (found.same, found.mapped))
        found = self.find('nova', shared=False, nova=remote)
        self.assertEqual([remote + '/'], [m.remote for m in found.mapped])


class GivenTest(MappingsTestCase):
    def test_it_wins(self):
        self.make('nova/nova/__init__.py')
        found = self.find(
            'nova',
            given=[('/me/nova/', '/opt/stack/nova')],
            nova='/opt/stack/nova/nova',
            novaclient='/opt/stack/nova-client/novaclient',
        )
        self.assertEqual(
            [mappings.Mapping('', '/me/nova/', '/opt/stack/nova/')],
            found.mapped,
        )
        self.assertEqual(['nova'], found.covered)
        self.assertEqual(['novaclient'], found.missing)

    def test_slashes(self):
        for pair, expected in (
            (('/a', '/b'), ('/a/', '/b/')),
            (('/a/', '/b//'), ('/a/', '/b/')),
            (('/a.py', '/b.py'), ('/a.py', '/b.py')),
        ):
            (found,) = mappings.written([pair])
            self.assertEqual(expected, (found.local, found.remote))

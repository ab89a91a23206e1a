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

"""Where packages come from, asked without running their code."""

import importlib
import json
import os
import pathlib
import sys
import tempfile
import types
import unittest

from osdbg.inspection import imports
from osdbg import settings


class Lazy(types.ModuleType):
    """A module that does not want to be asked."""

    def __getattribute__(self, name):
        raise AssertionError('its code was run')


class Text(str):
    def __eq__(self, other):
        raise AssertionError('its code was run')

    __hash__ = str.__hash__


class LookTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = pathlib.Path(directory.name).resolve()
        before = dict(sys.modules)
        self.addCleanup(self.forget, before)

    def forget(self, before):
        for name in list(sys.modules):
            if name not in before:
                del sys.modules[name]

    def make(self, *files):
        for file in files:
            path = self.top / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def imported(self, *names):
        """Import modules that were made; return what is told of all."""
        sys.path.insert(0, str(self.top))
        self.addCleanup(sys.path.remove, str(self.top))
        importlib.invalidate_caches()
        for name in names:
            importlib.import_module(name)
        return self.look()

    def look(self, **options):
        told = imports.look(settings.Settings(options))
        json.dumps(told)
        return told['packages']

    def added(self, module, **attributes):
        vars(types.ModuleType)['__dict__'].__get__(module).update(attributes)
        sys.modules['probe'] = module
        return self.look().get('probe')

    def test_packages_and_modules(self):
        self.make('probe/__init__.py', 'probe/inner.py', 'alone.py')
        told = self.imported('probe.inner', 'alone')
        self.assertEqual([str(self.top / 'probe')], told['probe'])
        self.assertEqual([str(self.top / 'alone.py')], told['alone'])
        self.assertNotIn('probe.inner', told)

    def test_namespaces(self):
        self.make('probe/deep/one/__init__.py', 'probe/two.py')
        told = self.imported('probe.deep.one', 'probe.two')
        self.assertEqual(
            [str(self.top / 'probe/deep/one')], told['probe.deep.one']
        )
        self.assertEqual([str(self.top / 'probe/two.py')], told['probe.two'])
        self.assertNotIn('probe', told)
        self.assertNotIn('probe.deep', told)

    def test_a_package_in_several_places_is_a_namespace(self):
        module = types.ModuleType('probe')
        told = self.added(
            module, __file__='/a/probe/__init__.py', __path__=['/a', '/b']
        )
        self.assertIsNone(told)

    def test_not_those_of_python(self):
        told = self.look()
        for name in ('os', 'json', 'unittest', 'sys', '_socket'):
            self.assertNotIn(name, told)
        self.assertIn('osdbg', told)

    def test_no_code_is_run(self):
        told = self.added(Lazy('probe'), __file__='/a/probe.py')
        self.assertEqual(['/a/probe.py'], told)
        for attributes in (
            {'__file__': Text('/a/probe.py')},
            {'__path__': [Text('/a')], '__file__': '/a/__init__.py'},
            {'__path__': object(), '__file__': object()},
            {},
        ):
            with self.subTest(attributes):
                self.assertIsNone(self.added(Lazy('probe'), **attributes))

    def test_what_is_no_module(self):
        for value in (None, 7, types.SimpleNamespace(__file__='/a.py')):
            sys.modules['probe'] = value
            self.assertNotIn('probe', self.look())
        sys.modules[7] = types.ModuleType('seven')
        self.look()

    def test_no_copies(self):
        for name in ('__mp_main__', '__patched_module_probe'):
            copy = types.ModuleType(name)
            copy.__file__ = '/a/probe.py'
            sys.modules[name] = copy
            self.assertNotIn(name, self.look())

    def test_relative_places(self):
        told = self.added(types.ModuleType('probe'), __file__='./probe.py')
        self.assertEqual([os.path.join(os.getcwd(), 'probe.py')], told)

    def test_written_down(self):
        pairs = (('/a', '/b'), ('/c', '/d'))
        wished = settings.Settings({'path_mappings': pairs})
        told = imports.look(wished)
        self.assertEqual([['/a', '/b'], ['/c', '/d']], told['path_mappings'])
        self.assertEqual(os.getcwd(), told['cwd'])
        self.assertEqual(sys.prefix, told['prefix'])

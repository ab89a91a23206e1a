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

from tests.unit import fresh

WATCH = '''
    import sys
    from osdbg.integrations import on_import

    found = []
'''


class TestOnImport(fresh.FreshTestCase):
    def test_when_it_is_imported(self):
        self.assert_ok(
            WATCH
            + '''
    on_import.watch('colorsys', found.append)
    assert not found
    import colorsys
    assert found == [colorsys], found
    assert 'rgb_to_hsv' in vars(colorsys)
    import colorsys
    assert len(found) == 1
    print('OK')
    '''
        )

    def test_when_it_was_imported_before(self):
        self.assert_ok(
            WATCH
            + '''
    import colorsys
    on_import.watch('colorsys', found.append)
    assert found == [colorsys], found
    print('OK')
    '''
        )

    def test_submodule(self):
        self.assert_ok(
            WATCH
            + '''
    on_import.watch('xml.dom.minidom', found.append)
    import xml.dom
    assert not found
    from xml.dom import minidom
    assert found == [minidom], found
    print('OK')
    '''
        )

    def test_leaves_the_module_as_it_is(self):
        self.assert_ok(
            WATCH
            + '''
    on_import.watch('colorsys', found.append)
    import colorsys
    from importlib.machinery import SourceFileLoader
    assert type(colorsys.__loader__) is SourceFileLoader
    assert 'exec_module' not in vars(colorsys.__loader__)
    assert colorsys.__spec__.loader is colorsys.__loader__
    print('OK')
    '''
        )

    def test_leaves_the_module_as_it_is_after_a_probe(self):
        self.assert_ok(
            WATCH
            + """
    import importlib.util
    from importlib.machinery import SourceFileLoader
    on_import.watch('colorsys', found.append)
    for _ in range(2):
        probed = importlib.util.find_spec('colorsys')
        assert isinstance(probed.loader, SourceFileLoader)
        assert 'rgb_to_hsv' in probed.loader.get_source('colorsys')
    import colorsys
    assert found == [colorsys], found
    assert type(colorsys.__loader__) is SourceFileLoader
    assert type(colorsys.__spec__.loader) is SourceFileLoader
    # While it is there, and by those that ask each finder themselves.
    for finder in sys.meta_path:
        finder.find_spec('colorsys', None)
    assert type(colorsys.__spec__.loader) is SourceFileLoader
    importlib.reload(colorsys)
    assert found == [colorsys, colorsys], found
    assert type(colorsys.__loader__) is SourceFileLoader
    assert type(colorsys.__spec__.loader) is SourceFileLoader
    print('OK')
    """
        )

    def test_one_loader_for_many_modules(self):
        self.assert_ok(
            WATCH
            + """
    import importlib.util, os, tempfile, zipfile
    directory = tempfile.TemporaryDirectory()
    path = os.path.join(directory.name, 'modules.zip')
    with zipfile.ZipFile(path, 'w') as archive:
        for name in ('one', 'two', 'three'):
            archive.writestr(f'zipped/{name}.py', f'NAME = {name!r}')
        archive.writestr('zipped/__init__.py', '')
    sys.path.insert(0, path)
    on_import.watch('zipped.one', found.append)
    on_import.watch('zipped.two', found.append)
    import zipped
    for _ in range(2):
        assert importlib.util.find_spec('zipped.one') is not None
        assert importlib.util.find_spec('zipped.two') is not None
    from zipped import one
    from zipped import three
    from zipped import two
    assert found == [one, two], found
    for module in (one, two, three):
        assert module.NAME in module.__name__
        assert type(module.__loader__).__name__ == 'zipimporter'
        assert module.__spec__.loader is module.__loader__
        assert 'exec_module' not in getattr(module.__loader__, '__dict__', {})
    print('OK')
    """
        )

    def test_a_finder_that_asks_the_others_too(self):
        self.assert_ok(
            WATCH
            + """
    import importlib.util

    class Other:
        asking = False
        def find_spec(self, name, path, target=None):
            if name != 'colorsys' or self.asking:
                return None
            self.asking = True
            try:
                return importlib.util.find_spec(name)
            finally:
                self.asking = False

    on_import.watch('colorsys', found.append)
    sys.meta_path.insert(1, Other())
    import colorsys
    assert found == [colorsys], found
    print('OK')
    """
        )

    def test_a_finder_that_keeps_what_it_found(self):
        self.assert_ok(
            WATCH
            + """
    import importlib.util
    kept = importlib.util.find_spec('colorsys')
    loader = kept.loader

    class Keeper:
        def find_spec(self, name, path, target=None):
            return kept if name == 'colorsys' else None

    on_import.watch('colorsys', found.append)
    sys.meta_path.insert(1, Keeper())
    importlib.util.find_spec('colorsys')
    import colorsys
    assert found == [colorsys], found
    assert colorsys.__loader__ is loader is colorsys.__spec__.loader
    print('OK')
    """
        )

    def test_a_callback_that_fails(self):
        done = fresh.run(
            WATCH
            + """
    import functools
    def broken(module):
        raise KeyError('x')
    import bisect
    on_import.watch('bisect', broken)
    on_import.watch('colorsys', broken)
    on_import.watch('colorsys', functools.partial(broken))
    on_import.watch('colorsys', found.append)
    import colorsys
    assert found == [colorsys], found
    print('OK')
    """
        )
        self.assertEqual((0, 'OK\n'), (done.returncode, done.stdout))
        said = done.stderr.splitlines()
        self.assertEqual(3, len(said), said)
        self.assertIn(
            "__main__.broken in bisect (KeyError('x')): pip", said[0]
        )

    def test_built_in_module(self):
        self.assert_ok(
            WATCH
            + '''
    names = [n for n in sys.builtin_module_names if n not in sys.modules]
    on_import.watch(names[0], found.append)
    __import__(names[0])
    __import__(names[1])
    print('OK')
    '''
        )

    def test_missing_module(self):
        self.assert_ok(
            WATCH
            + '''
    on_import.watch('no_such_module', found.append)
    try:
        import no_such_module
    except ModuleNotFoundError as exc:
        assert exc.name == 'no_such_module'
        assert not found
        print('OK')
    '''
        )

    def test_module_that_fails_and_is_tried_again(self):
        self.assert_ok(
            WATCH
            + '''
    import os, tempfile
    directory = tempfile.TemporaryDirectory()
    sys.path.insert(0, directory.name)
    sys.dont_write_bytecode = True
    path = os.path.join(directory.name, 'breaks.py')
    open(path, 'w').write('1 / 0')
    on_import.watch('breaks', found.append)
    try:
        import breaks
    except ZeroDivisionError:
        assert not found
    open(path, 'w').write('fine = True')
    import importlib
    importlib.invalidate_caches()
    import breaks
    assert found == [breaks], found
    print('OK')
    '''
        )

    def test_forget(self):
        self.assert_ok(
            WATCH
            + '''
    before = list(sys.meta_path)
    on_import.watch('colorsys', found.append)
    on_import.watch('this', print)
    on_import.forget(found.append)
    on_import.forget(print)
    import colorsys
    assert not found
    assert sys.meta_path == before
    print('OK')
    '''
        )

    def test_many_threads(self):
        self.assert_ok(
            WATCH
            + '''
    import threading
    on_import.watch('colorsys', found.append)
    def load():
        import colorsys
        assert colorsys.rgb_to_hsv
    threads = [threading.Thread(target=load) for _ in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert len(found) == 1
    print('OK')
    '''
        )

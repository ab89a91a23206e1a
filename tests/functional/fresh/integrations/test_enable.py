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
import contextlib
import pathlib
import tempfile

from tests.functional.harness import free_port
from tests.unit import fresh

OTHER = '''
from osdbg.integrations import Integration

class Other(Integration):
    hosts = ('colorsys',)

    def install(self, host):
        self.replace(host, 'hsv_to_rgb', 'ours')
'''
# Each fails at another point: when made, when asked, when called back.
BROKEN = (
    'def Other(): raise ValueError("x")',
    'class Other: pass',
    'class Other: hosts = loaded = None',
    '''
class Other:
    hosts = ('colorsys',)
    def loaded(self, host): raise ValueError('x')
    def undo(self): pass
''',
)
HOSTS = ('oslo_service', 'cotyledon', 'eventlet', 'stevedore')


class TestEnable(fresh.FreshTestCase):
    def test_imports_no_host(self):
        self.assert_ok(f'''
            import sys
            from osdbg import integrations
            integrations.enable_cheaply()
            for host in {HOSTS}:
                assert host not in sys.modules, host
            integrations.enable()
            for host in {HOSTS[:3]}:
                assert host not in sys.modules, host
            print('OK')
        ''')

    def test_do_and_undo(self):
        self.assert_ok('''
            import sys
            from osdbg import integrations
            import cotyledon
            from cotyledon import oslo_config_glue
            import oslo_service.service as service
            owners = (
                cotyledon.ServiceManager, oslo_config_glue,
                service.Launcher, service.ProcessLauncher,
            )
            before = [dict(vars(owner)) for owner in owners]
            names = integrations.enable()
            assert {'cotyledon', 'oslo_service', 'wsgi'} <= {*names}, names
            for owner, attributes in zip(owners, before):
                assert dict(vars(owner)) != attributes, owner
            integrations.disable()
            for owner, attributes in zip(owners, before):
                assert dict(vars(owner)) == attributes, owner
            left = [type(finder).__module__ for finder in sys.meta_path]
            assert not [name for name in left if 'osdbg' in name], left
            print('OK')
        ''')

    def test_names(self):
        self.assert_ok('''
            from osdbg import integrations
            assert integrations.enable('cotyledon') == ['cotyledon']
            assert integrations.enable('nova') == ['cotyledon', 'nova']
            integrations.disable('cotyledon')
            assert integrations.enable('nova') == ['nova']
            print('OK')
        ''')

    def test_those_that_start_nothing(self):
        self.assert_ok(
            '''
            import os, sys
            import osdbg
            assert osdbg.init() is None
            assert 'osdbg.integrations' not in sys.modules
            os.environ['OS_REMOTE_DEBUG__PORT'] = os.environ['PORT']
            assert osdbg.init() is not None
            from osdbg import integrations
            passive = ['eventlet_wsgi', 'green_threads', 'oslo_messaging']
            assert sorted(integrations._enabled) == passive
            assert 'eventlet' not in sys.modules
            integrations.disable()
            assert osdbg.init() is not None
            assert not integrations._enabled
            left = [type(finder).__module__ for finder in sys.meta_path]
            assert not [name for name in left if 'osdbg' in name], left
            assert integrations.enable('oslo_messaging') == passive[2:]
            print('OK')
            ''',
            PORT=str(free_port()),
        )

    def test_unknown_name(self):
        done = fresh.run('''
            from osdbg import integrations
            integrations.enable('celery')
        ''')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('celery', done.stderr)
        self.assertIn('cotyledon', done.stderr)

    def test_plugged_in(self):
        # At once, by name, or as soon as the service loads stevedore.
        for enable, load in (
            ('enable()', ''),
            ('enable("other")', ''),
            ('enable_cheaply()', 'import stevedore'),
        ):
            with self.subTest(enable), other_distribution() as path:
                self.assert_ok(
                    f'''
                    import sys
                    sys.path.insert(0, {path!r})
                    from osdbg import integrations
                    integrations.{enable}
                    {load}
                    import colorsys
                    assert colorsys.hsv_to_rgb == 'ours'
                    integrations.disable()
                    assert callable(colorsys.hsv_to_rgb)
                    print('OK')
                    '''
                )

    def test_broken_plug_in(self):
        for text in BROKEN:
            for enable, load in (
                ('enable()', ''),
                ('enable("other")', ''),
                ('enable_cheaply()', 'import stevedore'),
            ):
                with self.subTest(f'{text} {enable}'):
                    said = self.survives(text, enable, load)
                    self.assertIn('other', said)
                    self.assertIn('pip install', said)

    def survives(self, text, enable, load):
        """Return the only line that osdbg says about a broken plug-in."""
        with other_distribution(text) as path:
            done = fresh.run(f'''
                import sys
                sys.path.insert(0, {path!r})
                from osdbg import integrations
                integrations.{enable}
                {load}
                import colorsys
                integrations.disable()
                print('OK')
            ''')
        said = (done.returncode, done.stdout, done.stderr.count('\n'))
        self.assertEqual((0, 'OK\n', 1), said, done.stderr)
        return done.stderr

    def test_broken_stevedore(self):
        done = fresh.run("""
            import sys
            sys.modules['stevedore'] = None
            from osdbg import integrations
            assert 'nova' in integrations.enable()
            print('OK')
        """)
        self.assertEqual((0, 'OK\n'), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn('pip install -U stevedore', done.stderr)


@contextlib.contextmanager
def other_distribution(text=OTHER):
    """Lay out a distribution with an integration, as pip would have."""
    with tempfile.TemporaryDirectory() as directory:
        home = pathlib.Path(directory)
        (home / 'other.py').write_text(text)
        metadata = home / 'other-1.0.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text('Name: other\nVersion: 1.0\n')
        (metadata / 'entry_points.txt').write_text(
            '[osdbg.integrations]\nother = other:Other\n'
        )
        yield directory

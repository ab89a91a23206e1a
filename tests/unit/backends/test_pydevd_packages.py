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

"""Which of the three packages is there, told without importing it."""

from tests.unit import fresh

MAKE = '''
import os, sys, tempfile
from osdbg.backends import _pydevd_packages as packages
from osdbg import exceptions

directory = tempfile.mkdtemp()
sys.path = [directory] + [p for p in sys.path if 'pydevd' not in p]

def write(path, text=''):
    path = os.path.join(directory, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as stream:
        stream.write(text)

def install(package, version='3.5.0'):
    write('pydevd.py')
    constants = 'IS_PYCHARM = True' if 'pycharm' in package else ''
    write('_pydevd_bundle/pydevd_constants.py', constants)
    name = package.replace('-', '_')
    write(
        f'{name}-{version}.dist-info/METADATA',
        f'Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n',
    )

def refusal(name):
    try:
        packages.require(name)
    except exceptions.OsdbgError as exc:
        return str(exc)
    return ''
'''
END = '''
import shutil
shutil.rmtree(directory)
assert 'pydevd' not in sys.modules or LOADED
print('OK')
'''


class TestRequire(fresh.FreshTestCase):
    def check(self, program, loaded=False):
        self.assert_ok(
            f"LOADED = {loaded}\n{MAKE}\n{program}\n{END}",
            PYDEVD_DISABLE_FILE_VALIDATION="1",
        )

    def test_right(self):
        self.check(
            """
install('pydevd')
assert not refusal('pydevd')
assert packages.version('pydevd') == '3.5.0'
assert not packages.version('pydevd_pycharm')
"""
        )

    def test_right_of_jetbrains(self):
        self.check(
            """
install('pydevd-pycharm', '263.7307.50')
assert not refusal('pydevd_pycharm')
assert packages.version('pydevd_pycharm') == '263.7307.50'
"""
        )

    def test_none(self):
        self.check(
            """
line = refusal('pydevd_pycharm')
assert "pip install 'pydevd-pycharm'" in line, line
"""
        )

    def test_installed_after_the_refusal(self):
        self.check(
            """
assert refusal('pydevd')
install('pydevd')
import importlib; importlib.invalidate_caches()
assert not refusal('pydevd')
"""
        )

    def test_the_other_one(self):
        self.check(
            """
install('pydevd')
line = refusal('pydevd_pycharm')
assert os.path.join(directory, 'pydevd.py') in line, line
assert "pip uninstall -y pydevd; " in line, line
assert "pip install 'pydevd-pycharm'" in line, line
"""
        )

    def test_both_over_each_other(self):
        self.check(
            """
install('pydevd')
install('pydevd-pycharm')
for name in ('pydevd', 'pydevd_pycharm'):
    line = refusal(name)
    assert os.path.join(directory, 'pydevd.py') in line, line
    assert 'is that of pydevd-pycharm' in line, line
    assert 'pip uninstall -y pydevd pydevd-pycharm' in line, line
"""
        )

    def test_files_are_gone(self):
        """As after ``pip uninstall`` of the other."""
        self.check(
            """
install('pydevd')
os.remove(os.path.join(directory, 'pydevd.py'))
line = refusal('pydevd')
assert 'pip install --force-reinstall' in line, line
"""
        )

    def test_another_is_loaded(self):
        self.check(
            """
install('pydevd-pycharm')
import pydevd
for name in ('pydevd', 'debugpy'):
    try:
        packages.refuse_another(name)
        assert False, name
    except exceptions.OsdbgError as exc:
        assert pydevd.__file__ in str(exc), exc
        assert 'backend = pydevd_pycharm' in str(exc), exc
packages.refuse_another('pydevd_pycharm')
try:
    packages.refuse_strange('pydevd_pycharm')
    assert False
except exceptions.OsdbgError as exc:
    assert pydevd.__file__ in str(exc), exc
""",
            loaded=True,
        )

    def test_debugpys_is_loaded(self):
        self.check(
            """
import debugpy.server
import pydevd
for name in ('pydevd', 'pydevd_pycharm'):
    line = refusal(name)
    assert pydevd.__file__ in line, line
    assert 'backend = debugpy' in line, line
packages.refuse_another('debugpy')
""",
            loaded=True,
        )

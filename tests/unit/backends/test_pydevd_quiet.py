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

"""A debugger's modules print nothing and take nothing."""

import os
import tempfile

from tests.unit import fresh

MODULE = '''
import sys
import traceback

def make_noise():
    print('NOISE')
    sys.stdout.write('NOISE')
    sys.stderr.write('NOISE')
    print('NOISE', file=sys.stderr)
    try:
        1 / 0
    except ZeroDivisionError:
        traceback.print_exc()
    traceback.print_stack()
    sys.__excepthook__(None, None, None)

def take():
    sys.excepthook = sys.stdin = sys.breakpointhook = None

def replace():
    before = sys.stdout
    sys.stdout = 'own'
    found = sys.__dict__.get('stdout'), before
    sys.stdout = before
    return before
'''
PROGRAM = '''
import sys
from osdbg import patching
from osdbg.backends import _pydevd_quiet as quiet
sys.path.insert(0, {directory!r})
isolation = quiet.QuietIsolation(('noisy',), patching.GROUPS, {log!r})
isolation.enter()
import noisy
kept = sys.excepthook, sys.stdin, sys.breakpointhook, sys.stdout, sys.stderr
noisy.make_noise()
noisy.take()
noisy.replace()
isolation.leave()
assert kept == (
    sys.excepthook, sys.stdin, sys.breakpointhook, sys.stdout, sys.stderr)
assert noisy.sys.settrace is sys.settrace
print('OK')
'''


class TestQuiet(fresh.FreshTestCase):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        with open(os.path.join(self.directory, 'noisy.py'), 'w') as stream:
            stream.write(MODULE)

    def check(self, log=None):
        self.assert_ok(PROGRAM.format(directory=self.directory, log=log))

    def test_nothing_is_printed(self):
        self.check()

    def test_it_is_in_the_log(self):
        self.check(os.path.join(self.directory, 'log'))
        (name,) = (n for n in os.listdir(self.directory) if n[-4:] == '.log')
        with open(os.path.join(self.directory, name)) as stream:
            text = stream.read()
        self.assertEqual(4, text.count('NOISE'))
        self.assertIn('ZeroDivisionError', text)

    def test_no_such_directory(self):
        self.check(os.path.join(self.directory, 'missing', 'log'))

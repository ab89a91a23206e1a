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

"""What the options say, before anything is loaded."""

import unittest

from osdbg import reading
from tests.unit import fresh

ON = {'OS_REMOTE_DEBUG__PORT': '5678'}


class TestDisabled(unittest.TestCase):
    def test_by_anything_but_no(self):
        for text in ('1', 'true', 'YES', 'off?'):
            self.assertTrue(reading.is_disabled({'OSDBG_DISABLE': text}), text)
        for text in ('', ' ', '0', 'False', 'no', ' OFF '):
            self.assertFalse(
                reading.is_disabled({'OSDBG_DISABLE': text}), text
            )
        self.assertFalse(reading.is_disabled({}))


class TestMentioned(fresh.FreshTestCase):
    PROGRAM = """
        import sys
        from osdbg import reading
        assert reading.is_mentioned(None) is {mentioned}
        assert (reading.resolve(None) is not None) is {on}
        assert reading.blocks() is {blocks}
        assert reading.is_required(None) is {required}
        print('OK')
    """

    def assert_read(self, *words, **environ):
        names = ('mentioned', 'on', 'blocks', 'required')
        truth = {name: name in words for name in names}
        self.assert_ok(self.PROGRAM.format(**truth), **environ)

    def test_by_nobody(self):
        self.assert_read()

    def test_in_the_environment(self):
        self.assert_read('mentioned', OS_REMOTE_DEBUG__NAME='x')
        self.assert_read('mentioned', 'on', **ON)
        self.assert_read(
            'mentioned',
            'on',
            'blocks',
            **ON,
            OS_REMOTE_DEBUG__SUSPEND='true',
        )

    def test_what_is_wrong_is_not_told_here(self):
        self.assert_read(
            'mentioned',
            'blocks',
            'required',
            OS_REMOTE_DEBUG__PORT='x',
            OS_REMOTE_DEBUG__REQUIRED='true',
        )

    def test_not_where_it_is_disabled(self):
        self.assert_read(
            'mentioned',
            **ON,
            OS_REMOTE_DEBUG__REQUIRED='true',
            OSDBG_DISABLE='1',
        )

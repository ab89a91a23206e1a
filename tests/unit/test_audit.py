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

import logging
import unittest

from osdbg import audit
from tests.unit import fresh

CLIENT = {
    'uid': 7,
    'user': 'me',
    'pid': 42,
    'program': 'code',
    'address': '127.0.0.1:9',
}


class TestWrite(unittest.TestCase):
    def line(self, **facts):
        with self.assertLogs('osdbg', logging.INFO) as caught:
            audit.write(logging.INFO, 'attach', facts)
        (record,) = caught.records
        return record.getMessage()

    def test_one_line_of_words(self):
        self.assertEqual(
            'osdbg audit: event=attach worker=api/0 uid=7 user=me pid=42 '
            'program=code address=127.0.0.1:9',
            self.line(worker='api/0', **CLIENT),
        )

    def test_what_is_not_known_is_left_out(self):
        self.assertEqual(
            'osdbg audit: event=attach uid=0', self.line(uid=0, user=None)
        )

    def test_nobody_can_forge_a_line(self):
        line = self.line(program='x\nosdbg audit: event=detach uid=0', user='')
        self.assertNotIn('\n', line)
        self.assertIn(r'program="x\nosdbg', line)


class TestAsk(fresh.FreshTestCase):
    def ask(self, code):
        self.assert_ok(
            f"""
import sys
from osdbg import audit
seen = []
def hook(event, args):
    if event == audit.EVENT:
        seen.append(args)
        {code}
sys.addaudithook(hook)
veto = audit.ask({CLIENT!r})
assert seen == [(7, 'me', 42, 'code', '127.0.0.1:9')], seen
"""
            + (
                "assert not veto\n"
                if code == 'pass'
                else "assert 'not today' in veto, veto\n"
            )
            + "print('OK')\n"
        )

    def test_a_hook_that_looks_on(self):
        self.ask('pass')

    def test_a_hook_that_says_no(self):
        self.ask("raise RuntimeError('not today')")

    def test_whatever_it_raises(self):
        self.ask("raise SystemExit('not today')")


class TestOpened(fresh.FreshTestCase):
    def test_before_the_gateway_has_been_greeted(self):
        """A service that lets clients come by itself says so, too."""
        self.assert_ok(
            """
            import logging, time
            lines = []
            class Handler(logging.Handler):
                def emit(self, record):
                    lines.append(record.getMessage())
            logging.getLogger('osdbg').addHandler(Handler())
            logging.getLogger('osdbg').setLevel('INFO')
            import osdbg
            osdbg.attach()
            deadline = time.monotonic() + 20
            while not any('event=opened' in line for line in lines):
                assert time.monotonic() < deadline, lines
                time.sleep(0.01)
            time.sleep(0.2)
            assert len([l for l in lines if 'event=opened' in l]) == 1, lines
            print('OK')
            """,
            OS_REMOTE_DEBUG__PORT='12999',
            OS_REMOTE_DEBUG__ACTIVATE='on_demand',
        )

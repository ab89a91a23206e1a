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

"""Questions of commands, and what to say when there is no answer."""

import os

from osdbg.cli import look
from osdbg.gateway import places
from tests.unit import fresh

ASKED = """
import os, time
import osdbg
from osdbg.cli import look, processes
from osdbg import exceptions
osdbg.init()
deadline = time.monotonic() + 20
while not processes.ask():
    assert time.monotonic() < deadline
(process,) = processes.find(None)
"""


class TestAsk(fresh.FreshTestCase):
    def test_a_process_that_answers_but_not_that(self):
        self.assert_ok(
            ASKED
            + """
try:
    look.ask(process, 'weather')
except exceptions.OsdbgError as exc:
    assert 'it cannot be asked for weather: restart' in str(exc), exc
    print('OK')
""",
            OS_REMOTE_DEBUG__PORT='12999',
            OS_REMOTE_DEBUG__ACTIVATE='on_demand',
        )

    def test_a_process_that_is_not_there(self):
        self.assert_ok(
            ASKED
            + """
gone = {**process, 'id': 'x', 'pid': 2 ** 30}
told = look.ask_all([gone, process], 'weather')
assert 'it has ended' in told[0][1]['trouble'], told
assert 'weather' in told[1][1]['trouble'], told
print('OK')
""",
            OS_REMOTE_DEBUG__PORT='12999',
            OS_REMOTE_DEBUG__ACTIVATE='on_demand',
        )

    def test_no_gateway(self):
        os.environ['OSDBG_SOCKET'] = 'osdbg-unit-nobody'
        self.addCleanup(os.environ.pop, 'OSDBG_SOCKET')
        process = {'id': 'x', 'pid': 1, 'gateway': places.places()[0]}
        ((_, answer),) = look.ask_all([process], 'stacks')
        self.assertIn('the gateway cannot be asked', answer['trouble'])

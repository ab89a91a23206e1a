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

"""How processes are named, and found."""

from tests.unit import fresh

TWO = """
import subprocess, sys, time
import osdbg
from osdbg.cli import processes
osdbg.init()
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    found = processes.ask()
    if found and found[0]['worker'] is not None:
        break
"""


class TestFind(fresh.FreshTestCase):
    def test_nobody_is_armed(self):
        self.assert_ok(
            """
            from osdbg.cli import processes
            from osdbg import exceptions
            try:
                processes.find(None)
            except exceptions.OsdbgError as exc:
                assert 'no process of yours is armed' in str(exc), exc
                print('OK')
            """
        )

    def test_one_is(self):
        self.assert_ok(
            TWO
            + """
import os
from osdbg import exceptions
for word in (None, 'mine', 'mine/0', str(os.getpid())):
    (found,) = processes.find(word)
    assert found['pid'] == os.getpid(), found
    assert (found['host'], found['port']) == ('127.0.0.1', 12999), found
try:
    processes.find('other')
except exceptions.OsdbgError as exc:
    assert 'other is not armed: write one of mine' in str(exc), exc
    print('OK')
""",
            OS_REMOTE_DEBUG__PORT='12999',
            OS_REMOTE_DEBUG__ACTIVATE='on_demand',
            OS_REMOTE_DEBUG__NAME='mine',
        )

    def test_something_else_answers(self):
        self.assert_ok(
            """
            import socket, threading
            from osdbg.gateway import protocol
            from osdbg.cli import processes
            from osdbg import exceptions
            listener = protocol.listen()
            def answer():
                peer, _ = listener._accept()
                import os
                os.close(peer)
            threading.Thread(target=answer, daemon=True).start()
            try:
                processes.ask()
            except exceptions.GatewayUnavailable as exc:
                assert 'it does not answer' in str(exc), exc
                print('OK')
            """
        )

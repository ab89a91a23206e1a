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

"""Several ``init()`` in a process, and what is no worker."""

from tests.functional.fresh import armed
from tests.functional.harness import free_port


class TestSeveralInits(armed.ArmedTestCase):
    """Before the service has read its configuration, and after."""

    def test_the_last_one_counts(self):
        port = str(free_port())
        self.assert_armed(
            f"""
until(armed)
from oslo_config import cfg
cfg.CONF(['--config-file', '/dev/null'])
os.environ['OS_REMOTE_DEBUG__PORT'] = {port!r}
os.environ['OS_REMOTE_DEBUG__NAME'] = 'other'
assert osdbg.init(cfg.CONF) is status
assert status.address.endswith({port!r}), status
assert status.name == 'other'
import socket
found = []  # whoever hangs up at once is not known, which is logged
def reached():
    try:
        found.append(socket.create_connection(('127.0.0.1', int({port!r}))))
    except OSError:
        pass
    return found
until(reached)
until(armed)
assert tasks() == 2
print('OK')
"""
        )

    def test_the_same_again_is_not_said_again(self):
        self.assert_armed(
            """
until(armed)
channel = agent().contact._channel
assert osdbg.init() is status
os.environ['OS_REMOTE_DEBUG__WAIT_TIMEOUT'] = '3'
assert osdbg.init() is status
time.sleep(0.2)
assert agent().contact._channel is channel
assert agent().settings.wait_timeout == 3
print('OK')
"""
        )

    def test_at_once_before_anybody_answered(self):
        self.assert_armed(
            """
for name in 'abc':
    os.environ['OS_REMOTE_DEBUG__NAME'] = name
    assert osdbg.init() is status
until(armed)
assert status.name == 'c'
print('OK')
"""
        )

    def test_each_forked_process_has_a_first_one(self):
        self.assert_armed(
            """
mine = agent()
assert not mine.introduce(mine.settings)
def work():
    assert agent().introduce(mine.settings)
    assert not agent().introduce(mine.settings)
assert child(work) == 0
print('OK')
"""
        )


class TestLaunch(armed.ArmedTestCase):
    def test_a_launcher_has_no_number(self):
        self.assert_armed(
            """
from osdbg import bootstrap
until(armed)
bootstrap.launch()
until(lambda: status.worker is None)
assert child(lambda: until(armed)) == 0
assert status.worker is None
print('OK')
"""
        )

    def test_unless_it_is_wanted(self):
        self.assert_armed(
            """
from osdbg import bootstrap
until(armed)
bootstrap.launch()
def work():
    until(armed)
    return 10 + status.worker
assert child(work) == 11
assert status.worker == 0
print('OK')
""",
            OS_REMOTE_DEBUG__LAUNCHER='true',
        )

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


from tests.unit import amqp_broker
from tests.unit import fresh
from tests.unit.litter import LITTER


class TestThreads(fresh.FreshTestCase):
    def test_they_go_on_meanwhile(self):
        # Going from frame to frame in Python crashes Python 3.11 at once.
        self.assert_ok(f'''{LITTER}
from osdbg import frames
from tests.unit import test_heartbeats as tests
frames.protect()
case = tests.HeartbeatsTestCase()
connection, broker = case.connect()
begin(threshold=3)
end = time.monotonic() + 3
while time.monotonic() < end:
    tests.heartbeats._is_free(connection.transport, [])
    time.sleep(0.001)
tests.beat()
assert broker.read_frame() == tests.amqp_broker.HEARTBEAT
print('OK', flush=True)
os._exit(0)
''')


class TestGreen(fresh.FreshTestCase):
    def assert_kept(self, work, tls=False):
        self.assert_ok(
            f"""
import eventlet
eventlet.monkey_patch()
from eventlet.patcher import original
import select
from osdbg import heartbeats, waiting
from tests.unit import test_heartbeats as tests, amqp_broker
case = tests.HeartbeatsTestCase()
connection, broker = case.connect(tls={tls})
def beat():
    done = waiting.Event()
    def run():
        tests.beat()
        done.set()
    waiting.start_new_thread(run, ())
    # As at a breakpoint: no green thread runs meanwhile.
    assert done.wait({amqp_broker.SECONDS})
{work}
case.end(connection)
broker.close()
print('OK')
"""
        )

    def test_frame(self):
        for tls in (False, True):
            self.assert_kept(
                'beat()\nassert broker.read_frame() == amqp_broker.HEARTBEAT',
                tls,
            )

    def test_writer_in_the_midst_of_a_frame(self):
        for tls in (False, True):
            self.assert_kept(
                """
writer = eventlet.spawn(connection.transport.write, tests.LARGE)
eventlet.sleep(0.2)
taken = b''
poll = original('select').poll()
poll.register(connection.sock.fileno(), select.POLLOUT)
while not poll.poll(0):
    # There would be room, but for half a frame.
    taken += broker.take()
assert not writer.dead
beat()
assert connection.last_heartbeat_received == 0
while len(taken) < len(tests.LARGE):
    taken += broker.take()
    eventlet.sleep()
assert taken == tests.LARGE
writer.wait()
beat()
assert broker.read_frame() == amqp_broker.HEARTBEAT
""",
                tls,
            )

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

import gc
import os
import select
import socket
import ssl
import sys
import threading
import time
import unittest

from amqp import Connection
from amqp.exceptions import ConnectionForced

from osdbg import heartbeats
from tests.unit import amqp_broker
from tests.unit import fresh

LONG = 1000
LARGE = amqp_broker.frame(3, 1, b'x' * 1000000)


def wait_until(probe):
    end = time.monotonic() + amqp_broker.SECONDS
    while not probe():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.001)


def beat():
    heartbeats.Heartbeats().beat()


def fill(descriptor):
    """Write until there is no room, and none comes: the kernel makes some."""
    refused = 0
    while refused < 20:
        try:
            os.write(descriptor, LARGE)
            refused = 0
        except BlockingIOError:
            refused += 1
            time.sleep(0.01)


class HeartbeatsTestCase(unittest.TestCase):
    def connect(self, heartbeat=60, tls=False):
        """Return the two ends of a connection."""
        broker = amqp_broker.Broker(heartbeat, tls)
        self.addCleanup(broker.close)
        connection = Connection(
            broker.address,
            heartbeat=heartbeat,
            login_method='PLAIN',
            ssl={'ciphers': amqp_broker.ANONYMOUS} if tls else False,
            connect_timeout=amqp_broker.SECONDS,
        )
        connection.connect()
        broker.agreed()
        # As oslo.messaging does.
        connection.sock.settimeout(amqp_broker.SECONDS)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        # py-amqp allows a broker a second that reads nothing; ours shares an
        # interpreter with all else.
        connection.sock.setsockopt(
            socket.IPPROTO_TCP,
            socket.TCP_USER_TIMEOUT,
            1000 * amqp_broker.SECONDS,
        )
        self.addCleanup(self.end, connection)
        return connection, broker

    def end(self, connection):
        if connection.connected:
            # TLS would wait for an answer.
            connection.sock.settimeout(0.1)
            connection.collect()

    def write_large(self, connection):
        """Return a thread that cannot write all it has to."""
        thread = threading.Thread(
            target=connection.transport.write, args=(LARGE,)
        )
        thread.start()
        self.addCleanup(thread.join)
        wait_until(lambda: _is_in(thread))
        return thread

    def assert_beaten(self, connection, broker):
        beat()
        self.assertEqual(amqp_broker.HEARTBEAT, broker.read_frame())
        self.assertTrue(broker.has_nothing())


def _is_in(thread):
    """Tell whether a thread waits in the transport's way to the socket."""
    top = sys._current_frames().get(thread.ident)
    for _ in range(2):
        if top is not None and top.f_code.co_filename.endswith('transport.py'):
            return True
        top = top and top.f_back
    return False


class TestBeat(HeartbeatsTestCase):
    def test_frame(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                connection, broker = self.connect(tls=tls)
                self.assert_beaten(connection, broker)
                self.assertEqual(
                    tls, '_write' not in vars(connection.transport)
                )
                self.end(connection)

    def test_tick_after_a_long_stop(self):
        for beaten in (False, True):
            with self.subTest(beaten):
                connection, _ = self.connect()
                connection.heartbeat_tick()
                for name in ('sent', 'received'):
                    setattr(
                        connection,
                        f'last_heartbeat_{name}',
                        time.monotonic() - LONG,
                    )
                if beaten:
                    beat()
                    connection.heartbeat_tick()
                else:
                    with self.assertRaises(ConnectionForced):
                        connection.heartbeat_tick()
                self.end(connection)

    def test_none_was_agreed_on(self):
        _, broker = self.connect(heartbeat=0)
        beat()
        self.assertTrue(broker.has_nothing())

    def test_closed(self):
        connection, broker = self.connect()
        connection.collect()
        beat()
        with self.assertRaises(EOFError):
            broker.read_frame()

    def test_often_enough_and_not_more(self):
        connection, broker = self.connect(heartbeat=1)
        one = heartbeats.Heartbeats()
        begin = last = time.monotonic()
        for count in range(3):
            while not select.select([broker._sock], [], [], 0.01)[0]:
                one.beat()
            now = time.monotonic()
            self.assertGreater(now - begin, count / 3 - 0.02)
            self.assertLess(now - last, 1)
            self.assertEqual(amqp_broker.HEARTBEAT, broker.read_frame())
            last = now
        self.assertTrue(broker.has_nothing())

    def test_lock_is_not_left(self):
        connection, broker = self.connect()
        beat()
        connection.send_heartbeat()
        for _ in range(2):
            self.assertEqual(amqp_broker.HEARTBEAT, broker.read_frame())

    def test_others_are_not_asked_who_they_are(self):
        asked = []

        class Proxy:
            @property  # type: ignore[misc]
            def __class__(self):
                asked.append(self)
                return Connection

        kept = Proxy()
        beat()
        self.assertEqual([], asked)
        del kept


class TestWriter(HeartbeatsTestCase):
    def test_one_in_the_midst_of_a_frame(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                connection, broker = self.connect(tls=tls)
                writer = self.write_large(connection)
                beat()
                self.assertEqual(0, connection.last_heartbeat_received)
                self.assertEqual((3, 1), broker.read_frame()[:2])
                writer.join(amqp_broker.SECONDS)
                self.assert_beaten(connection, broker)
                self.end(connection)

    def test_no_room_and_nobody_waits_for_any(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                connection, _ = self.connect(tls=tls)
                connection.sock.settimeout(0)
                with self.assertRaises((BlockingIOError, ssl.SSLError)):
                    connection.transport.write(20 * LARGE)
                fill(connection.sock.fileno())
                connection.sock.settimeout(amqp_broker.SECONDS)
                started = time.monotonic()
                beat()
                self.assertLess(time.monotonic() - started, 1)
                self.assertEqual(0, connection.last_heartbeat_received)
                self.end(connection)

    def test_others_are_kept_meanwhile(self):
        connection, broker = self.connect()
        other, its_broker = self.connect()
        self.write_large(connection)
        self.assert_beaten(other, its_broker)
        broker.read_frame()

    def test_nobody_is_hurt_at_any_moment(self):
        # Each beat looks through all objects but these, and takes less.
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        for tls in (False, True):
            with self.subTest(tls=tls):
                self.write_and_beat(tls)

    def write_and_beat(self, tls):
        connection, broker = self.connect(tls=tls)
        read = []

        def write():
            for count in range(400):
                size = 100000 if count % 4 == 0 else count
                connection.transport.write(
                    amqp_broker.frame(3, 1, b'x' * size)
                )
                if count % 10 == 0:
                    time.sleep(0.005)

        def consume():
            try:
                while True:
                    read.append(broker.read_frame()[:2])
            except (EOFError, ConnectionResetError):
                pass

        writer = threading.Thread(target=write)
        consumer = threading.Thread(target=consume)
        for thread in (writer, consumer):
            thread.start()
        while writer.is_alive():
            beat()
            time.sleep(0.0001)  # or nobody else has the interpreter
        self.end(connection)
        consumer.join(amqp_broker.SECONDS)
        self.assertEqual(400, read.count((3, 1)))
        self.assertEqual(len(read), 400 + read.count((8, 0)))
        self.assertGreater(read.count((8, 0)), 0)


class TestReader(HeartbeatsTestCase):
    def read(self, tls):
        connection, broker = self.connect(tls=tls)

        def drain():
            with self.assertRaises(OSError):
                connection.drain_events()

        thread = threading.Thread(target=drain)
        thread.start()
        wait_until(lambda: _is_in(thread))
        time.sleep(0.1)
        beat()
        found = broker.has_nothing()
        broker.close()
        thread.join(amqp_broker.SECONDS)
        self.end(connection)
        return found

    def test_tcp_does_not_mind(self):
        self.assertFalse(self.read(tls=False))

    def test_tls_is_for_one_thread_at_a_time(self):
        self.assertTrue(self.read(tls=True))


class TestCost(HeartbeatsTestCase):
    def test_half_a_million_objects(self):
        kept = [[] for _ in range(500000)]
        started = time.process_time()
        beat()
        self.assertLess(time.process_time() - started, 1)
        del kept


class TestNothing(fresh.FreshTestCase):
    def test_nothing_is_imported(self):
        self.assert_ok(
            """
import sys
from osdbg import heartbeats
heartbeats.Heartbeats().beat()
for name in ('amqp', 'kombu', 'eventlet', 'greenlet', 'ssl', 'socket'):
    assert name not in sys.modules, name
print('OK')
"""
        )

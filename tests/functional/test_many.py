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

"""Many cycles, many workers, many services, many clients."""

import os
import socket

from tests.functional.harness import alive
from tests.functional.harness import APP
from tests.functional.harness import available
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.harness import wait_until

CYCLES = 100
SERVERS = ('eventlet', 'threading', 'none')
GARBAGE = (
    b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(200),
    b'Content-Length: 4\r\n\r\nnull',
    b'Content-Length: 2\r\n\r\n{}',
    b'Content-Length: 9999999999\r\n\r\n{',
    b'Content-Length: -1\r\n\r\n',
    b'Content-Length: many\r\n\r\n',
    b'Content-Length: 5\r\n\r\n\xff\xfe\xfd\xfc\xfb',
    b'Content-Length: 16\r\n\r\n[1, 2, "three"] ',
    b'x' * 300000,
)


class ManyTestCase(FunctionalTestCase):
    def start(self, engine='eventlet', workers=1, port=None, **options):
        self.port = port or free_port()
        self.service = self.start_service(
            engine=engine, workers=workers, port=self.port, **options
        )
        return self.service.wait_workers(workers)


@spread
class CyclesTest(ManyTestCase):
    def footprint(self, worker):
        state = worker.state()
        return (
            state['threads'],
            len(state['descriptors']),
            len(self.own_processes()),
            self.gateway_descriptors(),
        )

    def assert_quiet(self, worker):
        wait_until(
            'end of the debugger',
            lambda: not worker.state()['debugger_threads'],
        )

    def gateway_descriptors(self):
        return len(os.listdir(f'/proc/{self.gateway()}/fd'))

    @over(SERVERS)
    def test_attach_and_detach(self, engine):
        (worker,) = self.start(engine)
        for cycle in range(CYCLES):
            client = self.attach(self.port, 'handler')
            if cycle % 10 == 0:
                self.stop_and_go(client, worker)
            client.hang_up() if cycle % 3 else client.detach()
            self.clients.remove(client)
            if cycle == 2:
                self.assert_quiet(worker)
                first = self.footprint(worker)
        wait_until(
            'footprint of the beginning',
            lambda: all(
                now <= then for now, then in zip(self.footprint(worker), first)
            ),
        )


@spread
class WorkersTest(ManyTestCase):
    @over(('eventlet', 'none'))
    def test_sixteen_workers_on_one_port(self, engine):
        workers = self.start(engine, 16)
        client = self.attach(self.port, 'handler', processes=16)
        for worker in workers:
            self.stop_and_go(client, worker)
        client.detach()
        for worker in workers:
            self.assert_answered(worker.get_later('/work'), pid=worker.pid)

    def test_all_stopped_at_once(self):
        workers = self.start('eventlet', 4)
        client = self.attach(self.port, 'handler', processes=4)
        pending = [worker.get_later('/work') for worker in workers]
        stops = [client.wait_stopped() for _ in workers]
        self.assertEqual(
            {worker.pid for worker in workers},
            {stop.session.pid for stop in stops},
        )
        for stop in stops:
            stop.resume()
        for worker, answer in zip(workers, pending):
            self.assert_answered(answer, pid=worker.pid)

    def test_announced_by_event_to_clients_without_start_debugging(self):
        workers = self.start('eventlet', 3)
        client = self.attach(
            self.port, 'handler', processes=3, start_debugging=False
        )
        for worker in workers:
            self.stop_and_go(client, worker)
        self.assertEqual([], client.root.requests)


class ServicesTest(ManyTestCase):
    def test_two_services_on_one_port(self):
        green = self.start('eventlet', 2)
        kind = available(('none', 'threading'))[-1]
        native = self.start(kind, 2, port=self.port)
        client = self.attach(self.port, 'handler', processes=4)
        for worker in green + native:
            self.stop_and_go(client, worker)
        self.assertEqual(0, self.service.stop()[0])
        for worker in green:
            self.stop_and_go(client, worker)

    def test_service_started_later_joins_the_session(self):
        first = self.start('eventlet')
        client = self.attach(self.port, 'handler')
        second = self.start('none', port=self.port)
        for worker in first + second:
            self.stop_and_go(client, worker)

    def test_two_services_on_two_ports_of_one_gateway(self):
        (first,) = self.start('eventlet')
        one = self.attach(self.port, 'handler')
        (second,) = self.start('none')
        two = self.attach(self.port, 'handler')
        self.stop_and_go(one, first)
        self.stop_and_go(two, second)
        self.assertNotIn(second.pid, one.attached())
        self.assertNotIn(first.pid, two.attached())
        self.assertEqual(1, len(self.gateways()))

    def test_init_twice(self):
        (worker,) = self.start('eventlet', init='twice')
        self.service.wait_log('INIT 2 times, same: True, none: False')
        self.stop_and_go(self.attach(self.port, 'handler'), worker)

    def test_init_from_several_threads(self):
        (worker,) = self.start('none', init='threads')
        self.service.wait_log('INIT 8 times, same: True, none: False')
        self.stop_and_go(self.attach(self.port, 'handler'), worker)
        self.assertEqual(1, len(self.gateways()))


class ClientsTest(ManyTestCase):
    def test_second_client_does_not_disturb_the_first(self):
        (worker,) = self.start('eventlet')
        first = self.attach(self.port, 'handler')
        second = self.client(self.port)
        second.break_at(APP, line_of('handler'))
        try:
            second.attach()
        except Exception as error:
            second.transcript.note('second', '--', f'refused: {error!r}')
        second.hang_up()
        self.stop_and_go(first, worker)

    def test_second_client_after_the_first(self):
        (worker,) = self.start('eventlet')
        for _ in range(2):
            client = self.attach(self.port, 'handler')
            self.stop_and_go(client, worker)
            client.detach()

    def test_garbage(self):
        (worker,) = self.start('eventlet')
        client = self.attach(self.port, 'handler')
        for garbage in GARBAGE:
            with socket.create_connection(('127.0.0.1', self.port)) as peer:
                self.send_all_possible(peer, garbage)
            self.stop_and_go(client, worker)
        gateway = self.gateway()
        client.detach()
        self.stop_and_go(self.attach(self.port, 'handler'), worker)
        self.assertEqual(gateway, self.gateway())

    def send_all_possible(self, peer, data):
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            peer.settimeout(0.2)
            while peer.recv(65536):
                pass
        except OSError:
            pass

    def test_silent_clients(self):
        (worker,) = self.start('eventlet')
        self.attach(self.port, 'handler').detach()
        for _ in range(50):
            peer = socket.create_connection(('127.0.0.1', self.port))
            self.addCleanup(peer.close)
        wait_until(
            'end of the debugger',
            lambda: not worker.state()['debugger_threads'],
        )
        client = self.attach(self.port, 'handler')
        self.stop_and_go(client, worker)

    def test_slow_client(self):
        (worker,) = self.start('eventlet')
        client = self.attach(self.port, 'handler')
        with socket.create_connection(('127.0.0.1', self.port)) as peer:
            for byte in b'Content-Length: 60\r\n\r\n{"seq": 1, ':
                peer.sendall(bytes([byte]))
            self.stop_and_go(client, worker)

    def test_client_that_does_not_read(self):
        (worker,) = self.start('eventlet')
        before = worker.state()
        client = self.attach(self.port, redirectOutput=True)
        client.root._hang_up = True
        client.root._reader.join()
        for _ in range(200):
            self.assert_answered(worker.get_later('/features'))
        client.hang_up(reset=True)
        self.assert_undisturbed(worker, before)


class GatewayLifeTest(ManyTestCase):
    def test_gateway_ends_with_the_last_service(self):
        self.start('eventlet', 2)
        self.attach(self.port, 'handler', processes=2).detach()
        gateway = self.gateway()
        self.service.stop()
        wait_until('end of the gateway', lambda: not alive(gateway))

    def test_gateway_survives_a_restart_of_the_service(self):
        self.start('eventlet')
        self.attach(self.port).detach()
        gateway = self.gateway()
        self.service.stop()
        (worker,) = self.start('eventlet', port=self.port)
        self.stop_and_go(self.attach(self.port, 'handler'), worker)
        self.assertLessEqual(len(self.gateways()), 1)
        self.assertTrue(gateway)

    def test_gateway_holds_nothing_of_the_service(self):
        self.start('eventlet')
        self.attach(self.port).detach()
        gateway = self.gateway()
        self.assertEqual(gateway, os.getsid(gateway))
        self.assertFalse(self.pipes(gateway) & self.pipes(self.service.pid))

    def pipes(self, pid):
        directory = f'/proc/{pid}/fd'
        links = {
            os.readlink(os.path.join(directory, number))
            for number in os.listdir(directory)
        }
        return {link for link in links if link.startswith(('pipe', 'socket'))}

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

"""Ports that other machines can reach: warned of, or guarded by TLS."""

import os
import socket
import ssl

from tests.functional.bridge_case import BridgeTestCase
from tests.functional.certificates import Authority
from tests.functional import dap
from tests.functional.harness import free_port

HELLO = {'seq': 1, 'type': 'request', 'command': 'initialize'}
WARNING = r'WARNING osdbg osdbg: whoever reaches {} runs any code as the user'


class AllowRemoteTest(BridgeTestCase):
    def test_refused_without(self):
        self.service = self.start_service(host='0.0.0.0', port=4444)
        line = self.one_line_about('host')
        self.assertIn('type: ssh -L 4444:127.0.0.1:4444 HOST', line)
        self.assertIn('or set allow_remote', line)

    def test_a_warning_at_every_start(self):
        self.port = free_port()
        options = {'host': '0.0.0.0', 'port': self.port, 'allow_remote': True}
        workers = self.start(2, **options)
        warning = WARNING.format(f'0.0.0.0:{self.port}')
        self.service.wait_log(warning)
        self.assertIn(
            f'type: ssh -L {self.port}:127.0.0.1:{self.port} HOST',
            self.service.log,
        )
        self.stop_in_each(
            self.attach(self.port, 'handler', processes=2), workers
        )
        self.assertEqual(1, self.service.log.count('runs any code'))
        other = self.start_service(**options, name='cell')
        other.wait_log(warning)
        self.service.stop()
        self.start(2, **options)
        self.service.wait_log(warning)

    def test_none_on_loopback(self):
        self.start(port=free_port(), allow_remote=True)
        self.assert_no_complaint(self.service)


class TlsTestCase(BridgeTestCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory)
        self.cert, self.key = self.authority.sign('service')
        self.port = free_port()

    def serve(self, workers=1, **options):
        given = {
            'host': '0.0.0.0',
            'port': self.port,
            'allow_remote': True,
            'tls_cert': self.cert,
            'tls_key': self.key,
            'tls_client_ca': self.authority.cert,
            **options,
        }
        return self.start(workers, **given)

    def files(self, *pair):
        cert, key = pair or self.authority.sign('me')
        return '--cert', cert, '--key', key, '--ca', self.authority.cert

    @property
    def there(self):
        return '--connect', f'127.0.0.1:{self.port}'


class TlsTest(TlsTestCase):
    """Who has the right certificate."""

    def test_stdio(self):
        workers = self.serve(3)
        client = self.bridged(*self.there, *self.files())
        self.stop_in_each(client, workers)
        client.detach()
        self.assertEqual([0] * 3, [b.returncode for b in client.bridges])
        self.assert_no_complaint(self.service)

    def test_listen(self):
        workers = self.serve(3, engine='threading')
        near = free_port()
        bridge = self.listen(
            *self.there, *self.files(), '--listen', f'127.0.0.1:{near}'
        )
        for _ in range(2):
            client = self.attach(
                near,
                'handler',
                processes=3,
                connect={'host': '127.0.0.1', 'port': near},
            )
            self.stop_in_each(client, workers)
            client.detach()
        self.assertNotIn('Traceback', bridge.log)

    def test_a_service_is_asked_for_by_its_address(self):
        self.serve()
        self.assertIn(
            f'api asks for a certificate: type --connect HOST:{self.port} '
            f'--cert FILE --key FILE --ca FILE',
            self.refusal('api'),
        )

    def test_what_to_do(self):
        self.serve()
        self.service.wait_log(
            f'type osdbg bridge --connect HOST:{self.port} --cert FILE --key '
            f'FILE --ca FILE --listen 127.0.0.1:{self.port}, and attach it to '
            f'127.0.0.1:{self.port}'
        )
        self.assertIn(
            f'type osdbg bridge --connect HOST:{self.port} --cert FILE',
            self.osdbg('attach', 'api').stdout,
        )


class RefusedTest(TlsTestCase):
    """Who has another, or none."""

    def assert_refused(self, code, out, err):
        self.assertEqual((1, ''), (code, out))
        self.assertRegex(
            err, f'^osdbg bridge: 127.0.0.1:{self.port} hangs up .*\n$'
        )

    def assert_reported(self, why):
        self.service.wait_log(
            rf'WARNING osdbg osdbg audit: event=refused worker=\S+ '
            rf'address=127.0.0.1 reason="{why}: type osdbg bridge there'
        )
        self.assertNotIn('Traceback', self.service.log)

    def assert_still_serves(self):
        (worker,) = self.service.workers()
        client = self.bridged(*self.there, *self.files())
        self.stop_in_each(client, [worker])
        client.detach()

    def test_expired(self):
        self.serve()
        pair = self.authority.sign('late', days=0)
        self.assert_refused(*self.bridge(*self.there, *self.files(*pair)))
        self.assert_reported('certificate has expired')
        self.assert_still_serves()

    def test_of_another_authority(self):
        self.serve()
        pair = Authority(self.directory, 'another').sign('stranger')
        self.assert_refused(*self.bridge(*self.there, *self.files(*pair)))
        self.assert_reported('unable to get local issuer certificate')
        self.assert_still_serves()

    def hear(self, sock):
        """Return what is answered to a client that speaks at once."""
        try:
            sock.sendall(dap.encode(HELLO))
            return sock.recv(1)
        except (ssl.SSLError, ConnectionError):
            return b''

    def test_none(self):
        self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.authority.cert)
            context.maximum_version = version
            with self.connect(self.port) as plain:
                try:
                    with context.wrap_socket(
                        plain, server_hostname='127.0.0.1'
                    ) as sock:
                        self.assertEqual(b'', self.hear(sock))
                except (ssl.SSLError, ConnectionError):
                    pass  # it was not even greeted
        self.assert_reported('peer did not return a certificate')
        self.assert_still_serves()

    def test_plain_text(self):
        self.serve()
        with self.connect(self.port) as sock:
            sock.sendall(dap.encode(HELLO))
            try:
                answer = sock.recv(4096)
            except ConnectionError:
                answer = b''
        # At most the alert that TLS has for it.
        self.assertNotIn(b'Content-Length', answer)
        self.assertLess(len(answer), 8)
        self.assert_reported('.*')
        self.assert_refused(*self.bridge(*self.there))
        self.assert_still_serves()

    def test_the_service_is_another(self):
        host = self.authority.sign('other', host='10.0.0.1')
        self.serve(tls_cert=host[0], tls_key=host[1])
        code, out, err = self.bridge(*self.there, *self.files())
        self.assertEqual((1, ''), (code, out))
        self.assertIn('IP address mismatch, certificate is not valid', err)

    def test_many_are_one_line(self):
        self.serve()
        for _ in range(200):
            self.connect(self.port).close()
        # Who has gone again at once is nobody whom the kernel knows.
        self.service.wait_log('event=refused .*nobody has it')
        self.assert_still_serves()
        said = self.service.log.count('nobody has it')
        self.assertLess(said + self.service.log.count('bridge there'), 9)


class FilesTest(TlsTestCase):
    """Files that are of no use."""

    def test_each_is_named_and_waited_for(self):
        for option, path in (
            ('tls_cert', self.cert),
            ('tls_key', self.key),
            ('tls_client_ca', self.authority.cert),
        ):
            with self.subTest(option):
                os.rename(path, f'{path}.away')
                self.service = self.start_service(
                    port=self.port,
                    tls_cert=self.cert,
                    tls_key=self.key,
                    tls_client_ca=self.authority.cert,
                )
                self.service.wait_log(
                    rf'\[remote_debug\] {option} = {path} cannot be used '
                    rf'\(No such file'
                )
                self.one_line_about(option)
                (worker,) = self.service.workers()
                self.assert_answered(worker.get_later('/work'))
                os.rename(f'{path}.away', path)
                self.service.wait_log('to debug .*, attach an IDE')
                client = self.bridged(*self.there, *self.files())
                self.stop_in_each(client, [worker])
                client.detach()  # or it takes the next worker, too
                self.service.stop()

    def test_a_key_of_another(self):
        _, key = self.authority.sign('another')
        self.service = self.start_service(
            port=self.port,
            tls_cert=self.cert,
            tls_key=key,
            tls_client_ca=self.authority.cert,
        )
        self.service.wait_log(f'{key} cannot be used .key values mismatch')

    def test_required(self):
        self.service = self.start_service(
            wait=False,
            port=self.port,
            required=True,
            tls_cert=self.cert,
            tls_key='/nowhere',
            tls_client_ca=self.authority.cert,
        )
        self.assertEqual(1, self.service.wait())
        self.service.wait_log('tls_key = /nowhere cannot be used')

    def test_other_files_are_another_port(self):
        self.serve()
        other = self.start_service(
            host='0.0.0.0', port=self.port, allow_remote=True, name='cell'
        )
        other.wait_log(r'api \(backend = debugpy, TLS\) has it already')
        with socket.socket() as probe:
            probe.connect(('127.0.0.1', self.port))

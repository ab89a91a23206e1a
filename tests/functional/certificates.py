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

"""Certificates made by openssl, good for a day or for none."""

import os
import subprocess

# OpenSSL takes elliptic curves at once; RSA keys would take a second each.
_NEW_KEY = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1')


class Authority:
    """Whoever signs certificates."""

    def __init__(self, directory, name='authority'):
        self._directory = directory
        self.cert = self._path(f'{name}.pem')
        self._key = self._path(f'{name}.key')
        _openssl(
            'req', '-x509', '-batch', '-nodes', *_NEW_KEY,
            '-subj', f'/CN={name}', '-days', '2',
            '-keyout', self._key, '-out', self.cert,
        )  # fmt: skip

    def _path(self, name):
        return os.path.join(self._directory, name)

    def sign(self, name, host='127.0.0.1', days=2):
        """Return the files of a certificate and its key.

        :param host: whose address it is for, if anybody asks
        :param days: how long it is good; 0 for one that was
        """
        cert, key = self._path(f'{name}.pem'), self._path(f'{name}.key')
        request, extension = self._path('request'), self._path('extension')
        with open(extension, 'w') as file:
            file.write(f'subjectAltName = IP:{host}')
        _openssl(
            'req', '-new', '-batch', '-nodes', *_NEW_KEY,
            '-subj', f'/CN={name}', '-keyout', key, '-out', request,
        )  # fmt: skip
        _openssl(
            'x509', '-req', '-in', request, '-CA', self.cert,
            '-CAkey', self._key, '-CAcreateserial', '-days', str(days),
            '-extfile', extension, '-out', cert,
        )  # fmt: skip
        return cert, key


def _openssl(*words):
    done = subprocess.run(['openssl', *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'openssl {words[0]}: {done.stderr}')

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

"""A real sshd of a test, on a port of loopback, with keys of its own."""

import getpass
import os
import pathlib
import subprocess

from tests.functional import harness

# sshd keeps apart here what strangers talk to; where root runs it.
_APART = '/run/sshd'
_SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
LogLevel VERBOSE
SetEnv {environ}
"""
_CLIENT = """\
Host elsewhere
HostName 127.0.0.1
Port {port}
User {user}
IdentityFile {directory}/user
IdentitiesOnly yes
UserKnownHostsFile {directory}/known
BatchMode yes
StrictHostKeyChecking yes
LogLevel ERROR
"""


class Sshd(harness.Process):
    """sshd; commands that it runs have the environment that is given."""

    def __init__(self, directory, environ, **there):
        """Make keys, and start it.

        :param directory: where its files go; to be removed by the caller
        :param environ: its own environment
        :param there: the environment of what it runs
        """
        self.port = harness.free_port()
        self.directory = directory
        self.config = f'{directory}/client.conf'
        for name in ('host', 'user'):
            subprocess.run(
                ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '']
                + ['-f', f'{directory}/{name}'],
                check=True,
            )
        self._write('server.conf', _SERVER, there)
        self._write('client.conf', _CLIENT, there)
        key = pathlib.Path(directory, 'host.pub').read_text()
        pathlib.Path(directory, 'known').write_text(
            f'[127.0.0.1]:{self.port} {key}'
        )
        if os.geteuid() == 0:
            os.makedirs(_APART, mode=0o755, exist_ok=True)
        super().__init__(
            ['/usr/sbin/sshd', '-D', '-e', '-f', f'{directory}/server.conf'],
            environ,
            'sshd',
        )
        self.wait_log('Server listening on')

    def connections(self):
        """Return its processes that have a connection, and not what they run.

        OpenSSH 10 has two for each.
        """
        found, left = [], harness.children(self.pid)
        while left:
            process = left.pop()
            name = pathlib.Path(f'/proc/{process}/comm').read_text()
            if name.startswith('sshd'):
                found.append(process)
                left += harness.children(process)
        return found

    def _write(self, name, text, there):
        pathlib.Path(self.directory, name).write_text(
            text.format(
                port=self.port,
                directory=self.directory,
                user=getpass.getuser(),
                environ=' '.join(
                    f'"{name}={value}"' for name, value in there.items()
                ),
            )
        )

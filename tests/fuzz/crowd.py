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

"""Many connections, from one process, to a gateway.

``python crowd.py PORT|@NAME COUNT WORDS`` connects so often, sends the words
(in hexadecimal; NUMBER is the connection's) over each, reads nothing, and
stays until it is killed.
"""

import contextlib
import resource
import signal
import socket
import sys
import time


def connect(address):
    if not address.startswith('@'):
        return socket.create_connection(('127.0.0.1', int(address)))
    sock = socket.socket(socket.AF_UNIX)
    while True:
        try:
            sock.connect('\0' + address[1:])
            return sock
        except BlockingIOError:
            time.sleep(0.001)  # its backlog is full


def main(address, count, words):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    for number in range(int(count)):
        sock = connect(address)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            said = bytes.fromhex(words)
            sock.send(said.replace(b'NUMBER', b'%d' % number))
        held.append(sock)
    print(f'HOLDING {len(held)}', flush=True)
    signal.pause()


if __name__ == '__main__':
    main(*sys.argv[1:])

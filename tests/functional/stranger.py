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

"""Another user of this host, who tries every socket there is."""

import contextlib
import json
import os
import pathlib
import pwd
import select
import signal
import socket
import struct
import time

NOBODY = pwd.getpwnam('nobody').pw_uid
_SECONDS = 0.5
_LISTENING = '0A'
_HELLO = json.dumps(
    {'seq': 1, 'type': 'request', 'command': 'initialize', 'arguments': {}}
).encode()
# To whoever speaks DAP, our control protocol, or a line at a prompt.
_WORDS = (
    b'Content-Length: %d\r\n\r\n%s' % (len(_HELLO), _HELLO),
    b'{"ask": {}}\n',
    b'!open("/tmp/osdbg-stranger", "w")\n',
)


def tcp_ports():
    """Return the inode, host and port of each listening TCP socket."""
    found = []
    for name in ('tcp', 'tcp6'):
        lines = pathlib.Path(f'/proc/net/{name}').read_text().splitlines()
        for fields in map(str.split, lines[1:]):
            host, _, port = fields[1].partition(':')
            if fields[3] == _LISTENING:
                found.append((int(fields[9]), _spell(host), int(port, 16)))
    return found


def _spell(digits):
    words = bytes.fromhex(digits)
    count = len(words) // 4
    packed = struct.pack(f'={count}I', *struct.unpack(f'>{count}I', words))
    family = socket.AF_INET if count == 1 else socket.AF_INET6
    host = socket.inet_ntop(family, packed)
    return {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host)  # noqa: S104


def unix_names():
    """Return the inode and the name of each UNIX socket that has one."""
    found = []
    for line in pathlib.Path('/proc/net/unix').read_text().splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8:
            name = fields[7]
            found.append((int(fields[6]), name.replace('@', '\0', 1)))
    return found


def inodes(pid):
    """Return the sockets that a process has open."""
    found = set()
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
        except OSError:
            continue
        if target.startswith('socket:['):
            found.add(int(target[8:-1]))
    return found


def _of_other_tests(name):
    found = set()
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            environ = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
            names = [
                entry.partition(b'=')[2].decode()
                for entry in environ.split(b'\0')
                if entry.startswith(b'OSDBG_SOCKET=')
            ]
            if names and names != [name]:
                found |= inodes(pid)
        except OSError:
            continue  # it has ended
    # And who listens at a port that another has reserved: free_port().
    mine, mark = inodes(os.getpid()), '\0osdbg-test-port-'
    ports = {
        int(name[len(mark) :])
        for inode, name in unix_names()
        if name.startswith(mark) and inode not in mine
    }
    return found | {i for i, _, port in tcp_ports() if port in ports}


def try_all(name, uid=NOBODY):
    """Talk to every TCP port and every UNIX socket, as another user.

    But for those of tests that run beside this one, and are asked after only
    now: whoever has a socket is there already.

    :param name: the name of this one's control socket
    :returns: what was answered, by the inode of the socket: None if one
        cannot connect, and nothing if that was all
    """
    addresses = list(_addresses())
    spared = _of_other_tests(name)
    addresses = [each for each in addresses if each[0] not in spared]
    told = do(lambda: json.dumps(_talk(addresses)), uid)
    return {int(inode): answer for inode, answer in json.loads(told).items()}


def do(work, uid=NOBODY):
    """Return the text that a function returns, or raises, as another user."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            said = work()
        except BaseException as error:
            said = repr(error)
        with os.fdopen(writing, 'w') as file:
            file.write(said)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


class Squatter:
    """Another user who has taken the name of a gateway."""

    def __init__(self, name, backlog, uid=NOBODY):
        """Take it.

        :param backlog: how many to let in; None for nobody
        """
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(f'\0{name}')
        reading, writing = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.setgid(uid)
            os.setuid(uid)
            # Its owner is who listens.
            if backlog is not None:
                self._sock.listen(backlog)
            os.write(writing, b'.')
            signal.pause()
        self._sock.close()
        os.read(reading, 1)
        os.close(reading)
        os.close(writing)

    def leave(self):
        """Give it back."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0


class Impostor:
    """Another user who listens where the IDE should."""

    def __init__(self, port, words, uid=NOBODY, delay=0):
        """Listen, and say some words to whoever connects.

        :param delay: how many seconds later
        """
        reading, writing = os.pipe()
        listener = socket.create_server(('127.0.0.1', port))
        self._pid = os.fork()
        if not self._pid:
            try:
                os.setgid(uid)
                os.setuid(uid)
                select.select([listener], [], [])
                time.sleep(delay)
                # Who has made the socket that has accepted is what counts.
                sock, _ = listener.accept()
                sock.sendall(words)
                os.write(writing, sock.recv(999))
            except ConnectionError:
                pass
            finally:
                os._exit(0)
        listener.close()
        os.close(writing)
        self._reading = reading

    def heard(self):
        """Return what was said to it in the end."""
        with os.fdopen(self._reading, 'rb') as file:
            said = file.read()
        os.waitpid(self._pid, 0)
        return said


def _addresses():
    for inode, host, port in tcp_ports():
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        yield inode, family, (host, port)
    for inode, name in unix_names():
        yield inode, socket.AF_UNIX, name


def _talk(addresses):
    """Say all there is to say to each, and return what it answers."""
    answers = {}
    for words in _WORDS:
        talking = [
            (inode, _say(family, address, words))
            for inode, family, address in addresses
        ]
        time.sleep(_SECONDS)
        for inode, sock in talking:
            answer = None if sock is None else _hear(sock)
            before = answers.get(inode, '')
            whole = answer is not None and before is not None
            answers[inode] = before + answer if whole else None
    return answers


def _say(family, address, words):
    """Return a connection on which something was said, if there is one."""
    sock = socket.socket(family)
    sock.settimeout(_SECONDS)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        return None
    with contextlib.suppress(OSError):
        sock.sendall(words)  # or it has hung up already
    return sock


def _hear(sock):
    """Return what the other side has answered, nothing if it hung up."""
    with sock:
        sock.setblocking(False)
        try:
            return sock.recv(999).decode(errors='replace')
        except BlockingIOError:
            return 'it holds the line'
        except OSError:
            return ''

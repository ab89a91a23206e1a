#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""Terminals for pdb's prompts: a bare socket, nc, socat, osdbg attach."""

import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

PDB = r'\(Pdb\) '


class Terminal:
    """What people have in front of them, read and typed at by a test."""

    def __init__(self, timeout):
        self._timeout = timeout
        self._seen = 0
        self.text = ''

    @property
    def transcript(self):
        return f'{type(self).__name__}:\n{self.text}'

    def expect(self, pattern=PDB, timeout=None):
        """Wait for a pattern after what was seen, and return all up to it."""
        deadline = time.monotonic() + (timeout or self._timeout)
        while True:
            found = re.compile(pattern).search(self.text, self._seen)
            if found:
                seen, self._seen = self._seen, found.end()
                return self.text[seen : self._seen]
            data = self._read(deadline - time.monotonic())
            if not data:
                what = 'it closed' if data == b'' else 'time is over'
                raise AssertionError(
                    f'{what} before {pattern!r}:\n{self.transcript}'
                )
            self.text += data.decode(errors='replace')

    def ask(self, line, pattern=PDB):
        """Type a line and return what is answered before the next prompt."""
        self.type(line)
        answer = self.expect(pattern)
        return re.sub(f'{pattern}$', '', answer).replace('\r', '').strip()

    def expect_end(self, timeout=None):
        """Wait until the other end closes, and return what it still said."""
        deadline = time.monotonic() + (timeout or self._timeout)
        while True:
            data = self._read(deadline - time.monotonic())
            if data == b'':
                seen, self._seen = self._seen, len(self.text)
                return self.text[seen:]
            if data is None:
                raise AssertionError(f'it does not close:\n{self.transcript}')
            self.text += data.decode(errors='replace')

    def _read(self, seconds):
        """Return what comes; empty at the end, None when nothing does."""
        number = self._fileno()
        if not select.select([number], [], [], max(seconds, 0))[0]:
            return None
        try:
            return self._receive()
        except OSError:
            return b''


class Socket(Terminal):
    """What ``nc`` is, without a process."""

    def __init__(self, port, timeout):
        super().__init__(timeout)
        if isinstance(port, str):
            self._sock = socket.socket(socket.AF_UNIX)
            self._sock.settimeout(timeout)
            self._sock.connect(port)
        else:
            self._sock = socket.create_connection(('127.0.0.1', port), timeout)

    def _fileno(self):
        return self._sock.fileno()

    def _receive(self):
        return self._sock.recv(65536)

    def type(self, line):
        self._sock.sendall(f'{line}\n'.encode())

    def end_input(self):
        self._sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Go as a machine does that was switched off and on."""
        self._sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
        )
        self._sock.close()

    def hang_up(self):
        self._sock.close()


class Program(Terminal):
    """A program in a terminal of its own, or fed through a pipe."""

    TERM = 'dumb'

    def __init__(self, argv, timeout, environ=None, tty=True):
        super().__init__(timeout)
        environ = {**(environ or os.environ), 'TERM': self.TERM}
        if tty:
            self._master, slave = _open_pty()
            self._input = self._master
            stdin = stdout = slave
        else:
            read, self._input = os.pipe()
            self._master, write = os.pipe()
            stdin, stdout = read, write
        self.popen = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stdout,
            env=environ,
            start_new_session=True,
            preexec_fn=_take_terminal if tty else None,
        )
        os.close(stdin)
        if not tty:
            os.close(stdout)

    def _fileno(self):
        return self._master

    def _receive(self):
        return os.read(self._master, 65536)

    def type(self, line):
        self.press(f'{line}\n')

    def press(self, keys):
        os.write(self._input, keys.encode())

    def end_input(self):
        os.close(self._input)

    def wait(self):
        return self.popen.wait(self._timeout)

    def kill(self):
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(self._timeout)

    def hang_up(self):
        if self.popen.poll() is None:
            self.kill()
        for number in {self._master, self._input}:
            try:
                os.close(number)
            except OSError:
                pass  # the test has


def _open_pty():
    try:
        return pty.openpty()
    except OSError as exc:
        # Such as a chroot without /dev/pts.
        raise unittest.SkipTest(f'no terminal can be had here: {exc}')


def _take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def attach(port, timeout, environ, **options):
    """Run the command that osdbg has for it."""
    argv = [sys.executable, '-m', 'osdbg', 'attach', str(port)]
    return Program(argv, timeout, environ, **options)


def installed(*names):
    """Tell whether programs are there; CI installs them from packages.

    Debian's are netcat-openbsd and socat.
    """
    return all(shutil.which(name) for name in names)


def netcat(port, timeout, **options):
    return Program(['nc', '127.0.0.1', str(port)], timeout, **options)


def socat(port, timeout):
    """Run socat, with line editing where it was built with that.

    Debian builds it without.
    """
    about = subprocess.run(['socat', '-V'], stdout=subprocess.PIPE, check=True)
    built = b'#define WITH_READLINE' in about.stdout
    argv = ['socat', 'readline' if built else '-', f'tcp:127.0.0.1:{port}']
    return Program(argv, timeout)

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

"""A small, real IDE: the debug servers of PyCharm and of PyDev.

It speaks pydevd's protocol in lines, ``command TAB number TAB text``, as the
two do; their constants are those of ``pydevd_comm_constants.py``. The two
differ in what they say first, in how they set a breakpoint, and in what they
ask for of a frame. :class:`Ide` listens and accepts a connection per worker,
each a :class:`Link`.
"""

import re
import select
import socket
import struct
import threading
import time
from urllib.parse import unquote
from xml.etree import ElementTree

from tests.functional.transcript import Transcript

TIMEOUT = 30.0
POLL = 0.05
RUN = 101
THREAD_CREATE = 103
THREAD_KILL = 104
THREAD_SUSPEND = 105
THREAD_RUN = 106
STEP_INTO = 107
STEP_OVER = 108
STEP_RETURN = 109
SET_BREAK = 111
REMOVE_BREAK = 112
EVALUATE_EXPRESSION = 113
GET_FRAME = 114
WRITE_TO_CONSOLE = 116
CHANGE_VARIABLE = 117
ADD_EXCEPTION_BREAK = 122
SHOW_RETURN_VALUES = 146
VERSION = 501
RETURN = 502
ERROR = 901
REASONS = {
    THREAD_SUSPEND: 'pause',
    STEP_INTO: 'step',
    STEP_OVER: 'step',
    STEP_RETURN: 'step',
    SET_BREAK: 'breakpoint',
    ADD_EXCEPTION_BREAK: 'exception',
}
# PyCharm says "0.1" and its system, PyDev also that it counts breakpoints.
GREETINGS = {'pycharm': ('0.1', 'UNIX'), 'pydev': ('1.1', 'UNIX', 'ID')}


class IdeError(Exception):
    """A command was answered with CMD_ERROR."""


class ConnectionLost(Exception):
    """The connection ended while something was awaited."""


def attribute(element, name):
    """Return an attribute of what pydevd sends: quoted within the XML."""
    value = element.get(name)
    return None if value is None else unquote(value)


def variable(element):
    """Return a variable's value, without the type before it."""
    value = attribute(element, 'value')
    kind = attribute(element, 'type')
    return value.partition(f'{kind}: ')[2] or value


class Link:
    """One connection: one process that is debugged."""

    def __init__(self, ide, sock, name):
        self.ide = ide
        self.socket = sock
        self.name = name
        self.pid = None
        self.closed = False
        self.running = False
        self.version = None
        self.threads = {}
        self.console = []
        self.resumed = []
        self._stops = []
        self._answers = {}
        self._number = -1
        self._hang_up = False
        self._sending = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __repr__(self):
        return f'<{self.name} pid {self.pid}>'

    def start(self):
        self._reader.start()
        if not self.ide.mute:
            self._greet()

    # -- plumbing

    def _read(self):
        buffer = b''
        try:
            while not self._hang_up:
                if not select.select([self.socket], [], [], POLL)[0]:
                    continue
                data = self.socket.recv(65536)
                if not data:
                    break
                *lines, buffer = (buffer + data).split(b'\n')
                for line in lines:
                    self._receive(line.decode())
        except (OSError, ValueError) as error:
            self._note('--', f'lost: {error!r}')
        self._note('--', 'closed')
        with self.ide.changed:
            self.closed = True
            self.ide.changed.notify_all()

    def _note(self, direction, text):
        self.ide.transcript.note(self.name, direction, text)

    def _receive(self, line):
        command, number, text = line.split('\t', 2)
        text = unquote(text)
        self._note('<-', f'{command} {number} {text}')
        with self.ide.changed:
            self._take(int(command), int(number), text)
            self.ide.changed.notify_all()

    def _take(self, command, number, text):
        if command == THREAD_CREATE:
            for thread in ElementTree.fromstring(text):
                self._meet(thread.get('id'), attribute(thread, 'name'))
        elif command == THREAD_SUSPEND:
            stop = Stop(self, ElementTree.fromstring(text)[0])
            self._meet(stop.thread, None)
            self._stops.append(stop)
        elif command == THREAD_RUN:
            self.resumed.append(text.split('\t')[0])
        elif command == WRITE_TO_CONSOLE:
            for said in ElementTree.fromstring(text):
                self.console.append(
                    (int(said.get('ctx')), attribute(said, 's'))
                )
        elif number % 2:
            self._answers[number] = (command, text)

    def _meet(self, thread, name):
        found = re.match(r'pid_(\d+)_', thread)
        if found:
            self.pid = int(found.group(1))
        if name is not None:
            self.threads[thread] = name

    def send(self, command, *words):
        """Send a command and return its number without waiting."""
        with self._sending:
            self._number += 2
            text = '\t'.join(map(str, words))
            line = f'{command}\t{self._number}\t{text}\n'
            self._note('->', line.strip())
            try:
                self.socket.sendall(line.encode())
            except OSError as error:
                raise ConnectionLost(f'[{self.name}] {error!r}') from error
            return self._number

    def answer(self, number, timeout=None):
        """Wait for the answer to a command and return its text."""
        command, text = self.wait_for(
            f'answer to {number}',
            lambda: self._answers.pop(number, None),
            timeout,
        )
        if command == ERROR:
            raise IdeError(text)
        return text

    def request(self, command, *words):
        return self.answer(self.send(command, *words))

    def wait_for(self, what, probe, timeout=None):
        return self.ide.wait_for(
            f'{what} of {self}', probe, timeout, lambda: self.closed
        )

    # -- the protocol

    def _greet(self):
        self._greeting = self.send(VERSION, *self.ide.greeting)
        threading.Thread(target=self._begin, daemon=True).start()

    def wait_greeted(self):
        self.wait_for('version', lambda: self.version)

    def _begin(self):
        """Set everything, and let the program run."""
        try:
            version = self.answer(self._greeting)
            with self.ide.changed:
                self.version = version
                self.ide.changed.notify_all()
            if self.ide.half:
                return
            for path, line in self.ide.breakpoints:
                self.set_breakpoint(path, line)
            if self.ide.dialect == 'pycharm':
                self.send(SHOW_RETURN_VALUES, 'SHOW_RETURN_VALUES', 0)
            self.send(RUN, '')
        except (ConnectionLost, TimeoutError) as error:
            self._note('--', f'not begun: {error!r}')
            return
        with self.ide.changed:
            self.running = True
            self.ide.changed.notify_all()

    def set_breakpoint(self, path, line):
        if self.ide.dialect == 'pycharm':
            words = ('python-line', path, line, 'None', 'NONE', 'None', 'None')
        else:
            number = self.ide.breakpoints.index((path, line))
            words = (
                *(number, 'python-line', path, line),
                *('None', 'None', 'None'),
            )
        self.send(SET_BREAK, *words)

    def remove_breakpoint(self, path, line):
        number = line
        if self.ide.dialect == 'pydev':
            number = self.ide.breakpoints.index((path, line))
        self.send(REMOVE_BREAK, 'python-line', path, number)

    def pause(self):
        """Suspend all threads."""
        self.send(THREAD_SUSPEND, '*')

    def take_stop(self, thread=None):
        for stop in self._stops:
            if thread in (None, stop.thread):
                self._stops.remove(stop)
                return stop
        return None

    def wait_stopped(self, thread=None, timeout=None):
        return self.wait_for('stop', lambda: self.take_stop(thread), timeout)

    def wait_closed(self, timeout=None):
        self.ide.wait_for(f'end of {self}', lambda: self.closed, timeout)

    def said(self, number):
        """Return what the service has printed; 1 is stdout, 2 stderr."""
        return ''.join(text for where, text in self.console if where == number)

    def close(self, reset=False):
        self._hang_up = True
        if self._reader is not threading.current_thread():
            if self._reader.is_alive():
                self._reader.join(TIMEOUT)
        if reset:
            self.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
            )
        self.socket.close()


class Stop:
    """A thread that has stopped."""

    def __init__(self, link, element):
        self.link = link
        self.thread = element.get('id')
        reason = element.get('stop_reason')
        self.reason = REASONS.get(int(reason), reason)
        self.frames = [
            (
                frame.get('id'),
                frame.get('name'),
                attribute(frame, 'file'),
                int(frame.get('line')),
            )
            for frame in element
        ]

    def __repr__(self):
        return f'<{self.link} at {self.path}:{self.line} ({self.reason})>'

    @property
    def path(self):
        return self.frames[0][2]

    @property
    def line(self):
        return self.frames[0][3]

    def _place(self):
        return self.thread, self.frames[0][0]

    def locals(self):
        words = [*self._place(), 'FRAME']
        if self.link.ide.dialect == 'pycharm':
            words.append(0)  # no special groups of variables
        text = self.link.request(GET_FRAME, *words)
        return {
            attribute(element, 'name'): variable(element)
            for element in ElementTree.fromstring(text)
        }

    def evaluate(self, expression):
        text = self.link.request(
            EVALUATE_EXPRESSION, *self._place(), 'LOCAL', expression, 1
        )
        return variable(ElementTree.fromstring(text)[0])

    def set(self, name, expression):
        self.link.request(
            CHANGE_VARIABLE, *self._place(), 'FRAME', name, expression
        )

    def step(self, command=STEP_OVER):
        self.link.send(command, self.thread)
        return self.link.wait_stopped(self.thread)

    def resume(self):
        self.link.send(THREAD_RUN, self.thread)


class Ide:
    """A debug server, and the processes that are connected to it."""

    def __init__(
        self,
        port,
        dialect='pycharm',
        *,
        mute=False,
        half=False,
        greeting=None,
        timeout=TIMEOUT,
    ):
        """Prepare; ``listen`` opens the port.

        :param mute: accept, and never say a word
        :param half: say who it is, and never let the program run
        """
        self.port = port
        self.dialect = dialect
        self.mute = mute
        self.half = half
        self.greeting = greeting or GREETINGS[dialect]
        self.timeout = timeout
        self.breakpoints = []
        self.links = []
        self.transcript = Transcript()
        self.changed = threading.Condition()
        self._listener = None
        self._accepter = None

    def break_at(self, path, line):
        self.breakpoints.append((path, line))
        for link in self.links:
            link.set_breakpoint(path, line)

    def listen(self):
        self._listener = socket.create_server(('127.0.0.1', self.port))
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()
        return self

    def _accept(self):
        listener = self._listener
        while self._listener is listener:
            if not select.select([listener], [], [], POLL)[0]:
                continue
            sock, _address = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, sock, f'link {len(self.links)}')
            self.transcript.note(link.name, '--', 'accepted')
            with self.changed:
                self.links.append(link)
                self.changed.notify_all()
            link.start()

    def wait_for(self, what, probe, timeout=None, closed=lambda: False):
        """Wait until ``probe()`` returns something true, and return it."""
        timeout = timeout or self.timeout
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                found = probe()
                if found:
                    return found
                if closed():
                    raise ConnectionLost(f'closed while waiting for {what}')
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f'no {what} within {timeout} s')
                self.changed.wait(left)

    def open_links(self):
        return [link for link in self.links if not link.closed]

    def running_links(self):
        return [link for link in self.open_links() if link.running]

    def wait_attached(self, count=1, timeout=None):
        """Wait until so many processes have been allowed to run."""

        def attached():
            found = self.running_links()
            return found if len(found) >= count else None

        return self.wait_for(f'{count} processes', attached, timeout)

    def wait_stopped(self, timeout=None):
        def stop():
            found = (link.take_stop() for link in self.open_links())
            return next(filter(None, found), None)

        return self.wait_for('stop', stop, timeout)

    def _stop_listening(self):
        listener, self._listener = self._listener, None
        if listener is not None:
            self._accepter.join(TIMEOUT)
            listener.close()

    def close(self):
        """End the session, as the red square does."""
        self._stop_listening()
        for link in self.links:
            link.close()

    def hang_up(self, reset=False):
        """Die.

        :param reset: send RST instead of FIN
        """
        self._stop_listening()
        for link in self.links:
            link.close(reset)

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
"""A small, real Debug Adapter Protocol client.

:class:`Session` is one TCP connection. :class:`Client` is what an IDE makes
of it: a tree of sessions, one per debugged process, which opens a new
connection for each process announced by ``startDebugging`` or
``debugpyAttach`` and sets the same breakpoints in all of them.
"""

import json
import select
import socket
import struct
import subprocess
import sys
import threading
import time

from tests.functional.transcript import Transcript

TIMEOUT = 30.0
POLL = 0.05


class DapError(Exception):
    """A request was answered with ``success: false``."""


class ConnectionLost(Exception):
    """The connection ended while something was awaited."""


def encode(message):
    body = json.dumps(message).encode()
    return b'Content-Length: %d\r\n\r\n%s' % (len(body), body)


def decode(buffer):
    """Take the first complete message off ``buffer``, a bytearray.

    :returns: the message, or None when it is not complete yet
    """
    head, separator, rest = bytes(buffer).partition(b'\r\n\r\n')
    if not separator:
        return None
    fields = dict(line.lower().split(b':', 1) for line in head.splitlines())
    length = int(fields[b'content-length'])
    if len(rest) < length:
        return None
    del buffer[: len(head) + len(separator) + length]
    return json.loads(rest[:length])


class Session:
    """One connection to a debug adapter."""

    def __init__(
        self,
        host,
        port,
        name='root',
        *,
        transcript=None,
        changed=None,
        on_child=None,
        on_end=None,
        timeout=TIMEOUT,
    ):
        self.name = name
        self.pid = None
        self.closed = False
        self.ended = False
        self.attached = False
        self.events = []
        self.requests = []
        self.capabilities = {}
        self.timeout = timeout
        self.transcript = transcript or Transcript()
        self.changed = changed or threading.Condition()
        self._on_child = on_child or (lambda configuration: None)
        self._on_end = on_end or (lambda session: None)
        self._responses = {}
        self._commands = {}
        self._seq = 0
        self._hang_up = self._leaves = False
        self._sending = threading.Lock()
        self.socket = self._open(host, port)
        self._reader = threading.Thread(
            target=self._read, name=f'dap {name}', daemon=True
        )
        self._reader.start()

    # -- plumbing

    def _open(self, host, port):
        if host.startswith('unix:'):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(self.timeout)
            sock.connect(host[len('unix:') :].replace('@', '\0', 1))
        else:
            sock = socket.create_connection((host, port), self.timeout)
        self.transcript.note(self.name, '--', f'connected to {host}:{port}')
        return sock

    def _read(self):
        buffer = bytearray()
        try:
            while not self._hang_up:
                if not select.select([self.socket], [], [], POLL)[0]:
                    continue
                data = self.socket.recv(65536)
                if not data:
                    break
                buffer += data
                for message in iter(lambda: decode(buffer), None):
                    self._receive(message)
        except (OSError, ValueError) as error:
            self.transcript.note(self.name, '--', f'lost: {error!r}')
        self.transcript.note(self.name, '--', 'closed')
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _receive(self, message):
        self.transcript.note(self.name, '<-', json.dumps(message))
        with self.changed:
            if message['type'] == 'response':
                self._responses[message['request_seq']] = message
            elif message['type'] == 'event':
                self._on_event(message['event'], message.get('body') or {})
            else:
                self._on_request(message)
            self.changed.notify_all()

    def _on_event(self, name, body):
        self.events.append((name, body))
        if name == 'process':
            self.pid = body.get('systemProcessId', self.pid)
        elif name == 'terminated':
            self.ended = True
            self._on_end(self)
        elif name == 'debugpyAttach':
            self._on_child(body)

    def _on_request(self, message):
        known = message['command'] == 'startDebugging'
        self.requests.append(message)
        self._write(
            {
                'type': 'response',
                'request_seq': message['seq'],
                'command': message['command'],
                'success': known,
            }
        )
        if known:
            self._on_child(message['arguments']['configuration'])

    def _write(self, message):
        with self._sending:
            self._seq += 1
            message = dict(message, seq=self._seq)
            self.transcript.note(self.name, '->', json.dumps(message))
            try:
                self.socket.sendall(encode(message))
            except OSError as error:
                raise ConnectionLost(f'[{self.name}] {error!r}') from error
            return self._seq

    # -- waiting

    def wait_for(self, what, probe, timeout=None):
        """Wait until ``probe()`` returns something that is not None."""
        deadline = time.monotonic() + (timeout or self.timeout)
        with self.changed:
            while True:
                found = probe()
                if found is not None:
                    return found
                if self.closed:
                    raise ConnectionLost(
                        f'[{self.name}] closed while waiting for {what}'
                    )
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f'[{self.name}] no {what} within '
                        f'{timeout or self.timeout} s'
                    )
                self.changed.wait(left)

    def take_event(self, name, predicate=None):
        """Take the oldest matching event, or return None."""
        for index, (event, body) in enumerate(self.events):
            if event == name and (predicate is None or predicate(body)):
                del self.events[index]
                return body
        return None

    def events_of(self, name, text=''):
        """Return the events that have come, and that say something."""
        found = [body for event, body in list(self.events) if event == name]
        return [body for body in found if text in json.dumps(body)]

    def wait_event(self, name, predicate=None, timeout=None):
        return self.wait_for(
            f'event {name}', lambda: self.take_event(name, predicate), timeout
        )

    def send(self, command, **arguments):
        """Send a request and return its number without waiting."""
        seq = self._write(
            {'type': 'request', 'command': command, 'arguments': arguments}
        )
        self._commands[seq] = command
        return seq

    def answer(self, seq, timeout=None):
        """Wait for the answer to request ``seq`` and return its body."""
        command = self._commands[seq]
        response = self.wait_for(
            f'answer to {command}', lambda: self._responses.get(seq), timeout
        )
        if not response['success']:
            raise DapError(f'{command}: {response.get("message")}')
        return response.get('body') or {}

    def request(self, command, timeout=None, **arguments):
        return self.answer(self.send(command, **arguments), timeout)

    # -- the protocol

    def initialize(self, **capabilities):
        self.capabilities = self.request(
            'initialize',
            clientID='osdbg-tests',
            adapterID='debugpy',
            pathFormat='path',
            linesStartAt1=True,
            columnsStartAt1=True,
            supportsVariableType=True,
            **capabilities,
        )
        return self.capabilities

    def attach(self, configure, **arguments):
        """Attach, let ``configure(session)`` set breakpoints, and go."""
        seq = self.send('attach', **arguments)
        self.wait_for('event initialized', lambda: self._initialized(seq))
        configure(self)
        self.request('configurationDone')
        self.answer(seq)

    def _initialized(self, seq):
        return self._refused(seq) or self.take_event('initialized')

    def _refused(self, seq):
        if self._responses.get(seq, {}).get('success') is False:
            return self.answer(seq)
        return None

    def set_breakpoints(self, path, breakpoints):
        body = self.request(
            'setBreakpoints', source={'path': path}, breakpoints=breakpoints
        )
        return body['breakpoints']

    def threads(self):
        return self.request('threads')['threads']

    def wait_stopped(self, reason=None, timeout=None):
        body = self.wait_event(
            'stopped', lambda b: reason in (None, b['reason']), timeout
        )
        return Stop(self, body)

    def wait_closed(self, timeout=None):
        self.wait_for(
            'end of connection', lambda: True if self.closed else None, timeout
        )

    def disconnect(self, **arguments):
        self._leaves = True
        try:
            self.request('disconnect', **arguments)
        except ConnectionLost:
            pass
        self.close()

    def leave(self):
        """Say goodbye to a program that has ended.

        Not twice: debugpy's adapter ends if the second comes a moment too
        late, and all other sessions with it.
        """
        if self._leaves:
            return
        try:
            self.disconnect()
        except (DapError, TimeoutError) as error:
            self.transcript.note(self.name, '--', f'goodbye: {error!r}')

    def close(self, reset=False):
        """Hang up without a goodbye.

        :param reset: send RST instead of FIN
        """
        self._hang_up = True
        if self._reader is not threading.current_thread():
            self._reader.join(self.timeout)
        if reset:
            self.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
            )
        self.socket.close()


class Stop:
    """A thread stopped in a session."""

    def __init__(self, session, body):
        self.session = session
        self.body = body
        self.reason = body['reason']
        self.thread = body['threadId']
        self._frames = None

    def __repr__(self):
        return (
            f'<stopped in {self.session.name} pid {self.session.pid} '
            f'at {self.path}:{self.line} ({self.reason})>'
        )

    @property
    def frames(self):
        if self._frames is None:
            body = self.session.request(
                'stackTrace', threadId=self.thread, startFrame=0, levels=100
            )
            self._frames = body['stackFrames']
        return self._frames

    @property
    def frame(self):
        return self.frames[0]

    @property
    def line(self):
        return self.frame['line']

    @property
    def path(self):
        return self.frame['source']['path']

    @property
    def function(self):
        return self.frame['name']

    def _scope(self, name='Locals'):
        scopes = self.session.request('scopes', frameId=self.frame['id'])
        return next(
            scope['variablesReference']
            for scope in scopes['scopes']
            if scope['name'] == name
        )

    def locals(self):
        variables = self.session.request(
            'variables', variablesReference=self._scope()
        )['variables']
        return {variable['name']: variable['value'] for variable in variables}

    def set(self, name, value):
        return self.session.request(
            'setVariable',
            variablesReference=self._scope(),
            name=name,
            value=value,
        )['value']

    def evaluate(self, expression, context='watch'):
        return self.session.request(
            'evaluate',
            expression=expression,
            frameId=self.frame['id'],
            context=context,
        )['result']

    def resume(self):
        self.session.request('continue', threadId=self.thread)

    def step(self, command='next', **arguments):
        """Step and return the next stop of this thread."""
        self.session.request(command, threadId=self.thread, **arguments)
        body = self.session.wait_event(
            'stopped', lambda b: b['threadId'] == self.thread
        )
        return Stop(self.session, body)


class Client:
    """A debugging session as an IDE has it: one attach, many processes."""

    def __init__(
        self,
        port,
        host='127.0.0.1',
        *,
        transcript=None,
        timeout=TIMEOUT,
        start_debugging=True,
        **attach,
    ):
        self.host = host
        self.port = port
        self.timeout = timeout
        self.transcript = transcript or Transcript()
        self.changed = threading.Condition(threading.RLock())
        self.sessions = []
        self.errors = []
        self.announced = []
        self.verified = {}
        self.breakpoints = {}
        self.function_breakpoints = []
        self.exception_filters = []
        self.exception_options = []
        self.capabilities = {'supportsStartDebuggingRequest': start_debugging}
        self.attach_arguments = {
            'justMyCode': False,
            'name': 'test',
            'type': 'debugpy',
            **attach,
        }

    @property
    def root(self):
        return self.sessions[0]

    @property
    def live(self):
        return [
            session for session in list(self.sessions) if not session.closed
        ]

    def break_at(self, path, line, **options):
        """Set a breakpoint in every session, now and later."""
        self.breakpoints.setdefault(path, []).append(dict(options, line=line))
        for session in self.live:
            self._set_breakpoints(session, path)

    def clear_breakpoints(self, path):
        self.breakpoints[path] = []
        for session in self.live:
            self._set_breakpoints(session, path)

    def _set_breakpoints(self, session, path):
        answer = session.set_breakpoints(path, self.breakpoints[path])
        self.verified[session] = all(found['verified'] for found in answer)

    def attach(self):
        """Connect, attach, set the breakpoints, and let the program run."""
        session = self._connect(self.host, self.port, 'root')
        self._handshake(session, self.attach_arguments)
        return self

    def _connect(self, host, port, name):
        """Connect as soon as somebody listens."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                session = self._new_session(Session, host, port, name)
                break
            except (ConnectionRefusedError, FileNotFoundError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL)
        return session

    def _new_session(self, kind, host, port, name):
        session = kind(
            host,
            port,
            name,
            transcript=self.transcript,
            changed=self.changed,
            on_child=self._on_child,
            on_end=self._on_end,
            timeout=self.timeout,
        )
        with self.changed:
            self.sessions.append(session)
            self.changed.notify_all()
        return session

    def _handshake(self, session, arguments):
        session.initialize(**self.capabilities)
        session.attach(self._configure, **arguments)
        with self.changed:
            session.attached = True
            self.changed.notify_all()

    def _configure(self, session):
        for path in list(self.breakpoints):
            self._set_breakpoints(session, path)
        if self.function_breakpoints:
            session.request(
                'setFunctionBreakpoints', breakpoints=self.function_breakpoints
            )
        session.request(
            'setExceptionBreakpoints',
            filters=self.exception_filters,
            filterOptions=self.exception_options,
        )

    def _on_child(self, configuration):
        self.announced.append(configuration)
        threading.Thread(
            target=self._open_child, args=(configuration,), daemon=True
        ).start()

    def _on_end(self, session):
        """Leave a session whose program has ended, as an IDE does."""
        threading.Thread(target=session.leave, daemon=True).start()

    def _open_child(self, configuration):
        try:
            here = {'host': self.host, 'port': self.port}
            address = configuration.get('connect', here)
            session = self._connect(
                address['host'], address['port'], configuration['name']
            )
            session.pid = configuration['subProcessId']
            self._handshake(session, configuration)
        except Exception as error:
            self.transcript.note('client', '--', f'child: {error!r}')
            self.errors.append(error)

    def wait_for(self, what, probe, timeout=None):
        timeout = timeout or self.timeout
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                found = probe()
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f'no {what} within {timeout} s; errors: {self.errors}'
                    )
                self.changed.wait(left)

    def attached(self):
        """The sessions that are attached and alive, by process id."""
        return {
            session.pid: session
            for session in self.live
            if session.attached and session.pid
        }

    def wait_attached(self, count=1, timeout=None):
        """Wait until ``count`` processes are attached."""

        def probe():
            attached = self.attached()
            return attached if len(attached) >= count else None

        return self.wait_for(f'{count} attached processes', probe, timeout)

    def wait_pid(self, pid, timeout=None):
        """Wait until process ``pid`` is attached."""
        return self.wait_for(
            f'session of process {pid}',
            lambda: self.attached().get(pid),
            timeout,
        )

    def _take_stop(self, predicate):
        for session in list(self.sessions):
            body = session.take_event('stopped', predicate)
            if body is not None:
                return Stop(session, body)
        return None

    def wait_stopped(self, reason=None, timeout=None):
        """Wait until any process stops."""
        return self.wait_for(
            'stop',
            lambda: self._take_stop(
                lambda body: reason in (None, body['reason'])
            ),
            timeout,
        )

    def detach(self, **arguments):
        """Say goodbye in every session, children first."""
        for session in reversed(self.live):
            session.disconnect(**arguments)
        self.hang_up()

    def hang_up(self, reset=False):
        """Cut every connection without a goodbye."""
        for session in list(self.sessions):
            session.close(reset)


class AdapterSession(Session):
    """The session for which an IDE has started its adapter, on stdio."""

    def _open(self, host, port):
        ours, theirs = socket.socketpair()
        with theirs:
            self.adapter = subprocess.Popen(
                [sys.executable, '-m', 'debugpy.adapter'],
                stdin=theirs,
                stdout=theirs,
                stderr=subprocess.DEVNULL,
                # Nothing of osdbg's tests: it is on the IDE's host.
                env={'PATH': '/usr/bin:/bin'},
            )
        ours.settimeout(self.timeout)
        self.transcript.note(
            self.name, '--', f'started adapter {self.adapter.pid}'
        )
        return ours


class BridgedClient(Client):
    """An IDE that starts a program of its own for each of its sessions."""

    def __init__(self, command, environ, **options):
        """Take ``osdbg bridge`` and its options."""
        super().__init__(0, **options)
        self.command = command
        self.environ = environ
        self.bridges = []

    def _connect(self, host, port, name):
        client = self

        class BridgeSession(Session):
            def _open(self, host, port):
                ours, theirs = socket.socketpair()
                with theirs:
                    self.bridge = subprocess.Popen(
                        client.command,
                        stdin=theirs,
                        stdout=theirs,
                        stderr=subprocess.PIPE,
                        env=client.environ,
                    )
                client.bridges.append(self.bridge)
                ours.settimeout(self.timeout)
                return ours

        return self._new_session(BridgeSession, host, port, name)

    def ends(self):
        """Return the exit codes of all bridges, and what they complained."""
        return [
            (bridge.wait(self.timeout), bridge.stderr.read())
            for bridge in self.bridges
        ]

    def hang_up(self, reset=False):
        """Cut every connection without a goodbye; see the bridges end."""
        super().hang_up(reset)
        for bridge in self.bridges:
            bridge.wait(self.timeout)
            bridge.stderr.close()


class VSCodeClient(BridgedClient):
    """VS Code with ``listen`` and ``debugAdapterPath``.

    It acts on the configuration of a session as its extension for Python does
    (``adapter/factory.ts``): ``connect`` comes first, and only ``listen`` has
    it start the program.
    """

    def __init__(self, path, environ, **options):
        """Take the path of the program, a file of Python."""
        super().__init__(
            [sys.executable, path],
            environ,
            listen={'host': '127.0.0.1', 'port': 5678},
            debugAdapterPath=path,
            **options,
        )

    def _open_child(self, configuration):
        starts = 'listen' in configuration and 'connect' not in configuration
        if starts and configuration['debugAdapterPath'] == self.command[1]:
            super()._open_child(configuration)
        else:
            self.errors.append(configuration)


class ListeningClient(Client):
    """An IDE with ``"listen"`` in its configuration, as VS Code acts on it.

    It starts debugpy's adapter, which waits for services to connect to
    ``port``; the other workers' sessions are opened with the same adapter.
    """

    def __init__(self, port, host='127.0.0.1', **options):
        super().__init__(
            port, host, listen={'host': host, 'port': port}, **options
        )
        self.listening = None
        self.ready = None
        self._attaching = None

    def attach(self):
        """Listen, wait for a service, set the breakpoints, and let it run."""
        self.listen()
        return self.join()

    def listen(self):
        """Start the adapter, and return once it listens."""
        session = self._new_session(
            AdapterSession, self.host, self.port, 'root'
        )
        session.initialize(**self.capabilities)
        self._attaching = session.send('attach', **self.attach_arguments)
        session.wait_for(
            'event debugpyWaitingForServer',
            lambda: (
                session._refused(self._attaching)
                or session.take_event('debugpyWaitingForServer')
            ),
        )
        self.listening = time.monotonic()
        return self

    def join(self, timeout=None):
        """Do the rest of ``attach``, once a service has connected.

        :returns: the client; ``ready`` is when the breakpoints were verified
        """
        session = self.root
        session.wait_for(
            'event initialized',
            lambda: session._initialized(self._attaching),
            timeout,
        )
        self._configure(session)
        self.ready = time.monotonic()
        session.request('configurationDone')
        session.answer(self._attaching)
        with self.changed:
            session.attached = True
            self.changed.notify_all()
        return self

    def hang_up(self, reset=False):
        """Cut every connection without a goodbye; see the adapter end."""
        super().hang_up(reset)
        self._end_adapters()

    def kill(self):
        """Kill the adapter, as one does who kills an IDE and all it has."""
        for session in self.sessions:
            if isinstance(session, AdapterSession):
                session.adapter.kill()
        self.hang_up()

    def _end_adapters(self):
        """Wait for the end of the adapter; it holds the port until then."""
        for session in self.sessions:
            if isinstance(session, AdapterSession):
                if not session.attached:
                    # It would wait for a service, IDE or not.
                    session.adapter.kill()
                try:
                    session.adapter.wait(self.timeout)
                except subprocess.TimeoutExpired:
                    session.adapter.kill()
                    session.adapter.wait()
                    raise

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

"""``osdbg attach``: a terminal for a breakpoint.

It does what ``nc`` does, with line editing, a history, and a word at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import select
import signal
import socket
import sys
import threading
from typing import Any

from osdbg.cli import processes
from osdbg import exceptions
from osdbg import settings

_CONNECT_SECONDS = 5.0
_DETACH_SECONDS = 1.0
_AGAIN_SECONDS = 0.2
_CHUNK = 16 * 1024
_HISTORY_LINES = 1000
# What pdb and its consoles ask with; anything else without a newline is a
# question, too, if nothing follows it for a while.
_PROMPT = re.compile(r'(\(+(Pdb|com)\)+|>>>|\.\.\.) +')
_QUIET_SECONDS = 0.02
_LONG_QUIET_SECONDS = 0.4
# The backend takes this line for "forget the lines before it".
_CANCEL = '\x03'


class _Gone(Exception):
    """The other end has closed while the user was typing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = (
        'Ctrl-D detaches and lets the service go on. Ctrl-C drops the line '
        'that is being typed, and detaches while the service is running.'
    )
    parser.add_argument(
        'address',
        nargs='?',
        metavar='SERVICE',
        help='a service, one of its workers (nova-api/1), a process id, or '
        '[HOST:]PORT; unset, the only service there is',
    )


def run(arguments: argparse.Namespace) -> int:
    """Be a terminal until the service lets go, or the user does.

    What speaks to an IDE and not to a terminal is told how to reach.

    :returns: 0 if there was a prompt
    :raises: OsdbgError when nobody listens there, or nobody was let come
    """
    address = read_address(arguments.address or '')
    if address is not None:
        found = [p for p in processes.ask() if _is_at(p, *address)]
        if not found or found[0]['protocol'] == 'pdb':
            return _reach(found, *address)
    else:
        found = processes.find(arguments.address)
    for process in found:
        if process['protocol'] == 'pdb':
            return _reach(found, process['host'], process['port'])
    if _are_closed(found):
        raise _closed(found)
    print(tell_ide(found[0]))
    return 0


def _reach(found: list[processes.Process], host: str, port: int) -> int:
    """Connect, even to a process that was not opened.

    SIGURG may have opened a prompt in it, and only the port tells.
    """
    try:
        return connect(host, port)
    except exceptions.OsdbgError as exc:
        if _are_closed(found):
            raise _closed(found) from exc
        raise


def _are_closed(found: list[processes.Process]) -> bool:
    """Tell whether clients may come to none of some processes."""
    return bool(found) and not any(p.get('opened', True) for p in found)


def _closed(found: list[processes.Process]) -> exceptions.OsdbgError:
    name = processes.show(found[0]['name'])
    return exceptions.OsdbgError(
        f'{name} lets no client come: type osdbg open {name} first'
    )


def read_address(text: str) -> tuple[str, int] | None:
    """Read what was typed for an address.

    :param text: ``HOST:PORT``, ``[IPV6]:PORT``, or a port
    :returns: None if it is the name of a service, or an armed process
    """
    host, colon, port = text.rpartition(':')
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return None
    if not colon and any(p['pid'] == int(port) for p in processes.ask()):
        return None
    return host.strip('[]') or '127.0.0.1', int(port)


def _is_at(process: processes.Process, host: str, port: int) -> bool:
    """Tell whether an address of this host is that of a process."""
    return process['port'] == port and settings.is_loopback(host)


def tell_ide(process: processes.Process) -> str:
    """Say how an IDE reaches a process whose debugger is for IDEs.

    :param process: what the gateway says of it
    """
    place = {'host': process['host'], 'port': process['port']}
    host = processes.show(process['host'])
    name = processes.show(process['name'])
    if process['protocol'] == 'pydevd':
        return (
            f'{name} is debugged by {process["backend"]}: let the debug '
            f'server of the IDE listen at {host}:{place["port"]}'
        )
    configuration = {
        'name': f'osdbg: {name}',
        'type': 'debugpy',
        'request': 'attach',
        'listen' if process['dials'] else 'connect': place,
        'justMyCode': False,
        'subProcess': True,
    }
    return (
        f'{name} is debugged from an IDE: in the launch.json of VS Code, or '
        f'what another has for it, write\n'
        f'{json.dumps(configuration, indent=4)}'
    )


def connect(host: str, port: int) -> int:
    """Be the terminal of whoever has a prompt at an address.

    :returns: the exit code
    :raises: OsdbgError
    """
    try:
        sock = socket.create_connection((host, port), _CONNECT_SECONDS)
    except OSError as exc:
        raise exceptions.OsdbgError(
            f'nobody listens at {processes.show(host)}:{port} '
            f'({exc.strerror or exc}): look into the log of the service for '
            f'the port of its prompts'
        ) from exc
    sock.settimeout(None)
    # By it the end is noticed; a script in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with sock, _history():
        terminal = Terminal(sock)
        why = terminal.run()
    print(f'osdbg attach: {why}', file=sys.stderr)
    return 0 if terminal.prompted else 1


class Terminal:
    """Lines from here, lines from there."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a connected socket."""
        self.prompted = False
        self._sock = sock
        self._text = b''
        self._pasted: list[str] = []

    def run(self) -> str:
        """Take turns with the service.

        :returns: how it has ended
        """
        try:
            while True:
                prompt = self._listen()
                if prompt is None:
                    return _LET_GO if self.prompted else _NEVER
                self.prompted = True
                line = self._next(prompt)
                if line is None:
                    return self._detach()
                self._send(line)
        except _Gone:
            print()
            return 'the connection has ended; the service goes on'
        except KeyboardInterrupt:
            print()
            return self._detach() if self.prompted else 'given up'

    def _listen(self) -> str | None:
        """Show what comes, until it is a question.

        :returns: the question; None at the end
        """
        while True:
            text = self._text.decode(errors='replace')
            quiet = None
            if text:
                known = _PROMPT.fullmatch(text)
                quiet = _QUIET_SECONDS if known else _LONG_QUIET_SECONDS
            if not select.select([self._sock], [], [], quiet)[0]:
                self._text = b''
                return text
            data = self._receive()
            if not data:
                sys.stdout.write(text)
                sys.stdout.flush()
                return None
            lines, newline, self._text = (self._text + data).rpartition(b'\n')
            shown = (lines + newline).replace(b'\r\n', b'\n')
            sys.stdout.write(shown.decode(errors='replace'))
            sys.stdout.flush()

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(_CHUNK)
        except OSError:
            return b''

    def _send(self, line: str) -> None:
        with contextlib.suppress(OSError):  # it is noticed in _receive
            self._sock.sendall(line.encode(errors='replace') + b'\n')

    def _next(self, prompt: str) -> str | None:
        if self._pasted:
            print(prompt + self._pasted[0])
        else:
            text = self._ask(prompt)
            if text is None:
                return None
            # A paste comes as one line that holds several.
            self._pasted = text.split('\n')
        return self._pasted.pop(0)

    def _ask(self, prompt: str) -> str | None:
        """Read a line from the user.

        :returns: None when there are no more
        """
        if not sys.stdin.isatty():
            sys.stdout.write(prompt)
            sys.stdout.flush()
            line = sys.stdin.readline()
            return line.rstrip('\r\n') if line else None
        while True:
            try:
                with _watch(self._sock):
                    return input(prompt)
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                print('\n--KeyboardInterrupt--')
                if prompt.startswith('...'):
                    return _CANCEL

    def _detach(self) -> str:
        """End our side, and show what is still said."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(_DETACH_SECONDS)
            while self._receive():
                pass
        return 'detached; the service goes on'


_LET_GO = 'the service goes on and has let this terminal go'
_NEVER = 'there was no prompt'


@contextlib.contextmanager
def _watch(sock: socket.socket) -> Any:
    """Interrupt the main thread when the other end closes meanwhile.

    Without it the user would find out only by pressing Enter.
    """
    done, other = socket.socketpair()
    gone = False

    def watch() -> None:
        nonlocal gone
        ready = select.select([sock, other], [], [])[0]
        if other in ready or _peek(sock):
            return
        gone = True
        # Once may be just before readline begins to wait, and in vain.
        while not select.select([other], [], [], _AGAIN_SECONDS)[0]:
            signal.pthread_kill(main, signal.SIGINT)

    main = threading.get_ident()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        if gone:
            raise _Gone from None
        raise
    finally:
        done.close()
        thread.join()
        other.close()


def _peek(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1, socket.MSG_PEEK)
    except OSError:
        return b''


def history_path() -> str:
    """Return where the history of this user is kept."""
    state = os.environ.get('XDG_STATE_HOME', '')
    if not os.path.isabs(state):
        state = os.path.expanduser('~/.local/state')
    return os.path.join(state, 'osdbg', 'attach_history')


@contextlib.contextmanager
def _history() -> Any:
    """Have readline, where there is a terminal, and keep what was typed.

    For nobody else to read: people type passwords.
    """
    if not sys.stdin.isatty():
        yield
        return
    try:
        import readline
    except ImportError:
        yield
        return
    path = history_path()
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    readline.set_auto_history(True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)
            readline.set_history_length(_HISTORY_LINES)
            readline.write_history_file(path)

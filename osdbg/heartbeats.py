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

"""Keep the AMQP connections of a stopped process, as its threads would.

oslo.messaging (14 to 18) sends its heartbeats from a thread, from a green one
or, with ``heartbeat_in_pthread``, from a native one, and between two reads of
a consumer; a debugger stops all of these. After the stop each asks py-amqp
(5.1 to 5.4) first how long ago it has read something, and drops the connection
if that is more than two intervals, though the broker's own heartbeats lie
unread in the socket: so that is set right, too.

Nothing is imported here: what the service has not loaded, it does not use.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
import select
import sys
import types
from typing import Any

from osdbg import frames
from osdbg import greenlets
from osdbg import objects
from osdbg import patching
from osdbg import waiting

# An empty frame of type 8, on channel 0. It may stand between any two frames.
_HEARTBEAT = b'\x08\x00\x00\x00\x00\x00\x00\xce'
# Of an interval: RabbitMQ hangs up after one to two intervals of silence.
_OFTEN = 3
# At the least so often are connections looked for, which may have been made
# between two stops: 30 ms for half a million objects, with the GIL held.
_LOOK_SECONDS = 5.0

_poll: Callable[[], select.poll] = patching.native('select').poll


class Heartbeats:
    """Those of one process."""

    def __init__(self) -> None:
        """Send nothing yet."""
        self._due = 0.0

    def beat(self) -> None:
        """Send a heartbeat over each connection, if one is due.

        To be called about once a second while the process is stopped.
        """
        now = waiting.monotonic()
        if now < self._due:
            return
        connections = _connections()
        hubs = greenlets.hubs() if connections else []
        wait = _LOOK_SECONDS
        for connection in connections:
            wait = min(wait, connection.heartbeat / _OFTEN)
            _send(connection, hubs)
        self._due = now + wait


def agreed() -> list[float]:
    """Return the intervals of the connections that are open, in seconds."""
    return [float(each.heartbeat) for each in _connections()]


def _connections() -> list[Any]:
    """Return those that are open and for which heartbeats were agreed on."""
    kind = getattr(sys.modules.get('amqp.connection'), 'Connection', None)
    return list(filter(_is_open, objects.referred(objects.instances(kind))))


def _is_open(connection: Any) -> bool:
    # Not before its heading is out, which is not written by write().
    if not getattr(connection, '_handshake_complete', False):
        return False
    transport = connection._transport
    if transport is None or not transport.connected:
        return False
    return bool(connection.heartbeat) and not connection.is_closing


def _send(connection: Any, hubs: list[Any]) -> None:
    """Send one heartbeat, unless that had to wait or would do harm."""
    transport = connection._transport
    try:
        with _turn(transport):
            if not _is_free(transport, hubs):
                return
            _write(transport.sock)
    except (AttributeError, OSError, ValueError):
        return  # it is closed, or being closed: py-amqp finds out by itself
    connection.last_heartbeat_sent = waiting.monotonic()
    connection.last_heartbeat_received = connection.last_heartbeat_sent


class _turn:  # noqa: N801  (reads as a statement: ``with _turn(...):``)
    """Have whoever is about to write wait for a moment.

    ``write()`` of a transport looks ``_write`` up each time. So nobody comes
    in any more, and whoever was in before is seen on a stack.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._lock = waiting.allocate_lock()
        # TCP has it in the object, TLS in the class.
        self._own = vars(transport).get('_write')

    def __enter__(self) -> None:
        lock, write = self._lock, self._transport._write

        def wait_and_write(data: Any) -> None:
            lock.acquire()
            lock.release()
            write(data)

        lock.acquire()
        self._transport._write = wait_and_write

    def __exit__(self, *exc_info: object) -> None:
        if self._own is None:
            del self._transport._write
        else:
            self._transport._write = self._own
        self._lock.release()


def _is_free(transport: Any, hubs: list[Any]) -> bool:
    """Tell whether nobody has written a part of something to a transport.

    A heartbeat in the midst of a frame would end the connection.
    """
    sock = transport.sock
    if greenlets.waits_to_write(sock.fileno(), hubs):
        return False
    write = type(transport).write.__code__
    read = _tls_read(sock)
    for top in frames.others().values():
        stack = frames.stack(top)
        if stack[0][1][0] is read and _self(top) is sock:
            # An SSL object is for one thread at a time (before Python 3.13
            # without a lock of its own). A read ends after some seconds; then
            # the debugger holds that thread in other code.
            return False
        if any(
            code is write and _self(frame) is transport
            for frame, (code, _, _) in stack
        ):
            return False
    return True


def _self(frame: types.FrameType) -> Any:
    return frames.variables(frame).get('self')


def _tls_read(sock: Any) -> types.CodeType | None:
    """Return what runs while bytes are read, if a socket is one of TLS."""
    if getattr(sock, '_sslobj', None) is None:
        return None
    code = sys.modules['ssl'].SSLSocket.read.__code__
    return code if isinstance(code, types.CodeType) else None


def _write(sock: Any) -> None:
    """Write a heartbeat without waiting.

    :raises: OSError, ValueError, AttributeError
    """
    poll = _poll()
    poll.register(sock.fileno(), select.POLLOUT)
    if poll.poll(0) != [(sock.fileno(), select.POLLOUT)]:
        raise BlockingIOError
    # A socket with a timeout would wait for it, hence poll() before.
    tls = getattr(sock, '_sslobj', None)
    if tls is not None:
        tls.write(_HEARTBEAT)
    else:
        native = greenlets.native_socket(sock)
        native.send(_HEARTBEAT, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)

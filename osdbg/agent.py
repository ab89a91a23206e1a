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

"""The one native thread that osdbg keeps in a service process.

It tells the gateway who this process is and blocks; that is all it costs. On
the gateway's order it loads the debugger, connects it, and unloads it when
the client has gone. A forked child gets an agent of its own. If the gateway
dies, the debugger is unloaded and the agent looks for, or starts, another.

Everything here must survive ``eventlet.monkey_patch()`` being called after
it: functions of ``_thread`` taken by reference, ``_socket``, and no RLock.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import types
from typing import Any

from osdbg import backends
from osdbg import exceptions
from osdbg.gateway import protocol
from osdbg.gateway import spawn
from osdbg import journal
from osdbg import patching
from osdbg import settings as settings_

_thread: Any = patching.native('_thread')
_allocate_lock = _thread.allocate_lock
_start_new_thread = _thread.start_new_thread
_monotonic: Any = patching.native('time').monotonic

_SPAWN_SECONDS = 10.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
# A child that is about to exec something else never gets to say hello.
_FORK_SECONDS = 0.05
# A process that forks later than this after init() is no launcher at work:
# oslo.concurrency forks for every command that it runs.
_LAUNCH_SECONDS = 10.0
# How long a fork may wait for a load or an unload in progress: a child that
# is forked in the middle of an import inherits a lock nobody will release.
_FORK_GATE_SECONDS = 2.0


def pause(seconds: float) -> None:
    """Block this thread, and no hub, for some seconds."""
    lock = _allocate_lock()
    lock.acquire()
    lock.acquire(True, seconds)


def _unset_event() -> Any:
    event = _allocate_lock()
    event.acquire()
    return event


class Agent:
    """What makes one process debuggable."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Prepare an agent; ``start`` starts it.

        :param settings: the options of this service, which are on
        """
        self.settings = settings
        self.parent = ''
        self._complained = ''
        self._reset()

    def _reset(self) -> None:
        self.pid = os.getpid()
        self.id = os.urandom(8).hex()
        self.number: int | None = None
        self.attached = False
        self.backend: backends.Backend | None = None
        self._channel: protocol.Channel | None = None
        self._turn: Any = None
        self._started = _monotonic()
        self._forked = False
        self._transition = _allocate_lock()
        self.trouble = ''
        self._answered = _unset_event()
        self._loaded = _unset_event()
        self._ready = _unset_event()

    @property
    def state(self) -> str:
        """Return ``armed``, ``loaded`` or ``attached``."""
        if self.attached:
            return 'attached'
        return 'loaded' if self.backend else 'armed'

    def start(self, delay: float = 0) -> None:
        """Start the thread of this process.

        :param delay: seconds to wait before saying hello
        """
        _start_new_thread(self._run, (delay,))

    def wait_armed(self, seconds: float) -> str:
        """Block until it is known whether clients can connect.

        :returns: what keeps them from it, empty if nothing does
        """
        if not self._wait(self._answered, seconds):
            return f'the gateway has not answered in {seconds:g} s'
        return self.trouble

    def wait_loaded(self, seconds: float) -> bool:
        """Block until the debugger is loaded, or the time is over."""
        return self._wait(self._loaded, seconds)

    def wait_ready(self, seconds: float) -> bool:
        """Block until a client has attached and set its breakpoints.

        :param seconds: how long at the most; 0 for ever
        :returns: whether it has
        """
        return self._wait(self._ready, seconds or -1)

    def _wait(self, event: Any, seconds: float) -> bool:
        if not event.acquire(True, seconds):
            return False
        event.release()
        return True

    def break_here(self, frame: types.FrameType) -> bool:
        """Stop at the next line of a frame, if a client is attached.

        :returns: whether one is
        """
        backend = self.backend
        if backend is None or not self.attached:
            return False
        backend.break_here(frame)
        return True

    def _run(self, delay: float) -> None:
        failures = 0
        # Signals are the main thread's: one that is taken by another does not
        # wake it. What this thread starts (pydevd's) inherits the mask.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if delay:
            pause(delay)
        while True:
            try:
                self._serve()
                failures = 0
            except exceptions.OsdbgError as exc:
                self._complain(str(exc))
            except Exception as exc:
                # Nothing may escape into the service.
                self._complain(f'osdbg failed: {exc!r}; it goes on trying')
            pause(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    def _answer(self, trouble: str) -> None:
        self.trouble = trouble
        if self._answered.locked():
            self._answered.release()

    def _complain(self, line: str) -> None:
        self._answer(line)
        if line != self._complained:
            self._complained = line
            try:
                journal.write(logging.WARNING, '%s', line)
            except Exception:  # noqa: S110
                pass  # the thread must live on

    def _serve(self) -> None:
        """Obey one gateway until it goes away."""
        channel = self._connect()
        try:
            channel.send(hello=self._hello())
            while True:
                message = channel.receive()
                if message is None:
                    break
                self._obey(channel, message)
        finally:
            self._channel = None
            channel.close()
            self._unload()

    def _connect(self) -> protocol.Channel:
        """Reach the gateway, starting one if there is none."""
        deadline = _monotonic() + _SPAWN_SECONDS
        try:
            while True:
                # A fork in the middle would leave a copy in the child that
                # nobody knows of, and closes.
                with self._transition:
                    try:
                        sock = protocol.connect()
                    except OSError as exc:
                        if _monotonic() > deadline:
                            raise exceptions.GatewayUnavailable(
                                protocol.address().replace('\0', '@'),
                                str(exc),
                            ) from exc
                    else:
                        self._channel = protocol.Channel(sock)
                        return self._channel
                self._spawn()
                pause(0.02)
        finally:
            self._end_turn()

    def _spawn(self) -> None:
        if self._turn is None:
            with self._transition:
                self._turn = protocol.claim_spawn()
            if self._turn is not None:
                spawn.spawn()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.close()

    def _hello(self) -> dict[str, Any]:
        settings = self.settings
        return {
            'id': self.id,
            'parent': self.parent,
            'pid': self.pid,
            'forked': self._forked,
            'number': self.number,
            'name': settings.name,
            'host': settings.host,
            'port': settings.port,
            'workers': settings.workers,
            'eager': settings.activate == 'on_init',
            'required': settings.required,
            'backend': settings.backend,
            'python': sys.version.split()[0],
            'argv': [word[:200] for word in sys.argv[:20]],
        }

    def _obey(
        self, channel: protocol.Channel, message: dict[str, Any]
    ) -> None:
        for order, value in message.items():
            if order == 'load':
                self._load(channel, value)
            elif order == 'unload':
                self._unload()
            elif order == 'attached':
                self._set_attached(value)
            elif order == 'worker':
                self.number = value
            elif order == 'port':
                self._answer(value)
            elif order == 'log':
                journal.write(value[0], '%s', value[1])

    def _load(self, channel: protocol.Channel, ticket: str) -> None:
        self._unload()
        with self._transition:
            try:
                backend = backends.create(self.settings)
                sock = protocol.connect()
                sock.sendall(protocol.encode({'join': ticket}))
                backend.load(sock)
            except Exception as exc:
                line = f'{type(exc).__name__}: {exc}'
                if isinstance(exc, exceptions.OsdbgError):
                    line = str(exc)
                channel.send(failed=ticket, reason=line)
                self._complain(
                    f'the debugger could not be loaded ({line}); the '
                    f'service runs on without it'
                )
                return
            self.backend = backend
        channel.send(loaded=ticket, version=backend.version)
        if self._loaded.locked():
            self._loaded.release()

    def _unload(self) -> None:
        self._set_attached(False)
        with self._transition:
            backend, self.backend = self.backend, None
            if backend is not None:
                self._loaded.acquire(False)
                backend.unload()

    def _set_attached(self, attached: bool) -> None:
        self.attached = attached
        if self.backend is not None:
            self.backend.hook_breakpoint(attached)
        if attached and self._ready.locked():
            self._ready.release()
        elif not attached:
            self._ready.acquire(False)

    def before_fork(self) -> bool:
        """Let a load or an unload finish before the process is forked."""
        return bool(self._transition.acquire(True, _FORK_GATE_SECONDS))

    def after_fork_in_parent(self) -> None:
        """Go on as before; early in its life, be taken for a launcher.

        Its children say so too, but only once they have got that far.
        """
        self._transition.release()
        if _monotonic() - self._started < _LAUNCH_SECONDS:
            self._forked = True
            if self._channel is not None:
                self._channel.send(forked=True)

    def after_fork_in_child(self) -> None:
        """Drop what belongs to the parent and start anew."""
        backend, channel = self.backend, self._channel
        self._end_turn()
        self.parent = self.id
        self._reset()
        if channel is not None:
            channel.close()
        if backend is not None:
            try:
                backend.after_fork()
            except Exception as exc:
                self._complain(f'osdbg failed after a fork: {exc!r}')
        self.start(_FORK_SECONDS)


_current: Agent | None = None
_gate_held = False
_starting = _allocate_lock()


def current() -> Agent | None:
    """Return the agent of this process, if it has one."""
    return _current


def start(settings: settings_.Settings) -> tuple[Agent, bool]:
    """Start the agent of this process and of all it will fork.

    :param settings: the options of this service, which are on
    :returns: the agent, and whether this call is the one that started it
    """
    global _current
    with _starting:
        if _current is not None and _current.pid == os.getpid():
            return _current, False
        if _current is not None:
            # Forked in C (uWSGI): no hook ran, no thread came along.
            _current.after_fork_in_child()
            return _current, True
        os.register_at_fork(
            before=_before_fork,
            after_in_parent=_after_fork_in_parent,
            after_in_child=_after_fork_in_child,
        )
        _current = Agent(settings)
        _current.start()
        return _current, True


def _before_fork() -> None:
    global _gate_held
    _gate_held = _current is not None and _current.before_fork()


def _after_fork_in_parent() -> None:
    if _gate_held and _current is not None:
        _current.after_fork_in_parent()


def _after_fork_in_child() -> None:
    global _starting
    _starting = _allocate_lock()
    if _current is not None:
        _current.after_fork_in_child()

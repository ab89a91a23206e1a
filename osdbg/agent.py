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
import types
from typing import Any

from osdbg import backends
from osdbg import exceptions
from osdbg.gateway.approach import Approach
from osdbg.gateway import protocol
from osdbg import greenlets
from osdbg import journal
from osdbg import settings as settings_
from osdbg import waiting

_ARM_SECONDS = 10.0
# By the number of failures in a row.
_RETRY_SECONDS = (0.5, 0.5, 1.0, 2.0, 5.0)
# A child that is about to exec something else never gets to say hello.
_FORK_SECONDS = 0.05
# A process that forks later than this after init() is no launcher at work:
# oslo.concurrency forks for every command that it runs.
_LAUNCH_SECONDS = 10.0
# How long a fork may wait for a load or an unload in progress: a child that
# is forked in the middle of an import inherits a lock nobody will release.
_FORK_GATE_SECONDS = 2.0
_LOOK_SECONDS = 0.01
# Each is its own thread's, and faulthandler's there.
_FAULTS = {
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGSEGV,
}


class Agent:
    """What makes one process debuggable."""

    def __init__(self, settings: settings_.Settings) -> None:
        """Prepare an agent; ``start`` starts it.

        :param settings: the options of this service, which are on
        """
        self.settings = settings
        self.parent = ''
        # Whether clients may come: a forked child starts as its parent was.
        self.opened = settings.activate != 'on_demand'
        self._prompter: backends.Backend | None = None
        self._complained = ''
        self._reset()

    def _reset(self) -> None:
        self.pid = os.getpid()
        self.id = os.urandom(8).hex()
        self.number: int | None = None
        self.attached = False
        self.backend: backends.Backend | None = None
        self._channel: protocol.Channel | None = None
        self._started = waiting.monotonic()
        self._forked = False
        self._launching = False
        self._introduced = False
        self._renewing = False
        self._said: dict[str, Any] = {}
        self._transition = waiting.allocate_lock()
        self._approach = Approach(self._transition)
        # Held while clients are let in or sent away, and that is said.
        self._door = waiting.allocate_lock()
        # The thread that is forking and holds the lock above.
        self._forker = 0
        self.trouble = ''
        self._failure = ''
        self._answered = waiting.Event()
        self._loaded = waiting.Event()
        self._ready = waiting.Event()

    @property
    def state(self) -> str:
        """Return ``armed``, ``loaded`` or ``attached``."""
        if self.attached:
            return 'attached'
        return 'loaded' if self.backend else 'armed'

    @property
    def wanted(self) -> bool:
        """Whether ``workers`` names this process, as far as is known."""
        number = self.number
        return number is None or self.settings.takes_worker(number)

    def introduce(self, settings: settings_.Settings) -> bool:
        """Take the options of an ``init()`` in this process.

        There may be several: before the service has read its configuration,
        and after. The last one counts.

        :returns: whether it is the first in this process
        """
        if settings != self.settings:
            self._adopt(settings)
        first, self._introduced = not self._introduced, True
        return first

    def _adopt(self, settings: settings_.Settings) -> None:
        with self._transition:
            if settings.activate != self.settings.activate:
                self.opened = settings.activate != 'on_demand'
            same = settings.backend == self.settings.backend
            self.settings = settings
        prompter = self._prompter
        if prompter is not None and same:
            prompter.settings = settings
        elif prompter is not None:
            self._prompter = None
            self._guard(prompter, prompter.unload)
        self._renew()

    def _renew(self) -> None:
        """Say hello again, if the options have changed since it was said.

        Not over the head of a client: then it is done when that has left.
        """
        with self._transition:
            if not self._channel or self.backend:
                return
            if self._wishes() != self._said:
                self._renewing = True
                self._answered = waiting.Event()
                self._channel.hang_up()

    def open(self, opened: bool) -> None:
        """Let clients come, or send them away and let no more come."""
        with self._door:
            changed, self.opened = self.opened != opened, opened
            if changed and self._channel is not None:
                self._channel.send(open=opened)
        prompter = self._prompter
        if prompter is not None and not opened:
            self._guard(prompter, prompter.unload)

    def _guard(self, backend: backends.Backend, call: Any, *args: Any) -> None:
        """Call a backend, and let nothing of its own into the service."""
        try:
            call(*args)
        except Exception as exc:
            if exc is backend.thrown:
                raise
            self._complain(
                f'[remote_debug] backend = {backend.name} failed: {exc!r}; '
                f'the service goes on: please report it to whoever wrote that'
            )

    def stop_waiting(self) -> None:
        """Let go whoever waits for a client: the process is to stop."""
        self._ready.set()

    def launch(self) -> None:
        """Leave the debugging to the workers that are about to be forked.

        Returns when a debugger that was loaded here already is out of their
        way, or does not go.
        """
        if self.settings.launcher:
            return
        with self._transition:
            self._launching = True
            if self._channel is not None:
                self._channel.send(launching=True)
        for _ in range(int(_FORK_GATE_SECONDS / _LOOK_SECONDS)):
            if self.backend is None:
                return
            waiting.pause(_LOOK_SECONDS)

    def start(self, delay: float = 0) -> None:
        """Start the thread of this process.

        :param delay: seconds to wait before saying hello
        """
        waiting.start_new_thread(self._run, (delay,))

    def wait_armed(self, seconds: float) -> str:
        """Block until it is known whether clients can connect.

        :returns: what keeps them from it, empty if nothing does
        """
        if self._answered.wait(seconds):
            return self.trouble
        return str(
            exceptions.GatewayUnavailable(
                protocol.place(), f'no answer in {seconds:g} s'
            )
        )

    def wait_loaded(self, seconds: float) -> str:
        """Block until the debugger is loaded, or is known not to be.

        :returns: why it could not be; empty if it is, or is not ``wanted``
        """
        if self._loaded.wait(seconds):
            return self._failure
        return self.trouble or (
            f'the debugger has not been loaded in {seconds:g} s: look into '
            f'the log, or set [remote_debug] activate = on_attach'
        )

    def wait_ready(self, seconds: float) -> bool:
        """Block until a client has attached and set its breakpoints.

        :param seconds: how long at the most; 0 for ever
        :returns: False when the time is over; True if one has, or if this
            process is not ``wanted``
        """
        return self._ready.wait(seconds or -1)

    def break_here(self, frame: types.FrameType | None) -> bool:
        """Stop this thread, if a client is attached.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        :returns: whether one is
        """
        backend = self.backend
        if backend is None or not self.attached:
            backend = self._find_prompter() if self._may_prompt else None
        if backend is None:
            return False
        self._guard(backend, backend.break_here, frame)
        return True

    def interrupt(self, frame: types.FrameType | None) -> None:
        """Open a prompt in this thread, whether clients may come or not.

        :param frame: what the thread was at
        """
        prompter = self._find_prompter()
        if prompter is not None:
            self._guard(prompter, prompter.break_here, frame)

    @property
    def _may_prompt(self) -> bool:
        return self.opened and self.wanted

    def _find_prompter(self) -> backends.Backend | None:
        """Return the backend, if it is one that calls for a client."""
        if self._prompter is None:
            abilities = backends.find(self.settings.backend).abilities
            if backends.Ability.PROMPT not in abilities:
                return None
            try:
                backend = backends.create(self.settings)
            except Exception as exc:
                self._complain(f'the debugger could not be made ({exc!r})')
                return None
            backend.reach = self._reach
            self._prompter = backend
        return self._prompter

    def _reach(self, where: str) -> Any:
        # It may be the service's first line, or the gateway another one.
        limit = min(_ARM_SECONDS, self.settings.prompt_timeout or _ARM_SECONDS)
        end = waiting.monotonic() + limit
        while not self._answered.wait(0) and waiting.monotonic() < end:
            greenlets.nap()
        try:
            sock = protocol.connect()
        except OSError as exc:
            raise exceptions.GatewayUnavailable(
                protocol.place(), str(exc)
            ) from exc
        prompt = {
            'worker': self.id,
            'where': where,
            'seconds': self.settings.prompt_timeout,
        }
        sock.sendall(protocol.encode({'prompt': prompt}))
        return sock

    def break_on_exception(self, exc: BaseException) -> None:
        """Stop this thread on what it has caught, if a client is attached.

        :param exc: with its traceback
        """
        backend = self.backend
        if backend is not None and self.attached:
            backend.break_on_exception(exc)

    def trace_this_thread(self) -> None:
        """Let this thread stop at breakpoints, if a client is attached."""
        backend = self.backend
        if backend is not None and self.attached:
            backend.trace_this_thread()

    def _run(self, delay: float) -> None:
        failures = 0
        # Signals are the main thread's: one that is taken by another does not
        # wake it. What this thread starts (pydevd's) inherits the mask.
        signal.pthread_sigmask(
            signal.SIG_BLOCK, set(signal.valid_signals()) - _FAULTS
        )
        if delay:
            waiting.pause(delay)
        while True:
            failures += 1
            try:
                if self._serve() or self._renewing:
                    failures = 0
                elif failures > 1:
                    # Once may be a gateway that was just ending.
                    raise exceptions.GatewayUnavailable(
                        protocol.place(), 'whoever listens there hangs up'
                    )
            except exceptions.OsdbgError as exc:
                self._complain(str(exc))
            except BaseException as exc:
                # Nothing may escape, and this thread has to live on.
                self._complain(f'osdbg failed: {exc!r}; it goes on trying')
            if self._renewing:
                self._renewing = False
                continue
            waiting.pause(
                _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
            )

    def _answer(self, trouble: str) -> None:
        self.trouble = trouble
        if not trouble:
            # The next outage is news again.
            self._complained = ''
        self._answered.set()

    def _complain(self, line: str) -> None:
        self._answer(line)
        if line != self._complained:
            self._complained = line
            try:
                journal.write(logging.WARNING, '%s', line)
            except Exception:  # noqa: S110
                pass  # the thread must live on

    def _serve(self) -> bool:
        """Obey one gateway until it goes away.

        :returns: whether it has said anything
        """
        channel = self._approach.connect(self._greet)
        spoken = False
        try:
            while True:
                message = channel.receive()
                if message is None:
                    return spoken
                spoken = True
                self._obey(channel, message)
        finally:
            with self._transition:
                channel.close()
                self._channel = None
                if self._answered.wait(0):
                    self._answered = waiting.Event()
            self._unload()

    def _greet(self) -> protocol.Channel:
        # In one go for whoever forks: a child must know the socket to close
        # it, and nothing may be sent over it before the hello.
        with self._transition:
            channel = protocol.Channel(protocol.connect())
            self._said = self._wishes()
            with self._door:
                channel.send(hello=self._hello())
                self._channel = channel
        return channel

    def _hello(self) -> dict[str, Any]:
        return {
            **self._wishes(),
            'id': self.id,
            'parent': self.parent,
            'pid': self.pid,
            'forked': self._forked,
            'launching': self._launching,
            'number': self.number,
            'opened': self.opened,
        }

    def _wishes(self) -> dict[str, Any]:
        """Return the options that the gateway goes by."""
        settings = self.settings
        backend = backends.find(settings.backend)
        return {
            'name': settings.name,
            'host': settings.host,
            'port': settings.port,
            'workers': settings.workers,
            'launcher': settings.launcher,
            'eager': settings.activate == 'on_init',
            'holds': settings.wait_for_client or settings.suspend,
            'required': settings.required,
            'backend': backend.name,
            'protocol': backend.protocol,
            'direction': settings.direction or 'listen',
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
                channel.send(attached=value)
            elif order == 'worker':
                self._set_number(value)
            elif order == 'open':
                self.open(value)
            elif order == 'absent':
                self._failure = value  # nobody listens where the IDE should
                self._loaded.set()
            elif order == 'port':
                self._answer(value)
            elif order == 'log':
                journal.write(value[0], '%s', value[1])

    def _set_number(self, number: int | None) -> None:
        self.number = number
        if not self.wanted:
            # Nobody will load a debugger here, or attach to it.
            self._loaded.set()
            self._ready.set()

    def _load(self, channel: protocol.Channel, ticket: str) -> None:
        self._unload()
        with self._transition:
            failure = self._try_to_load(ticket)
        # Not while the exception is handled: oslo.log would add it once more.
        if failure is None:
            channel.send(loaded=ticket, version=self.backend.version)  # type: ignore[union-attr]
            self._failure = ''
        else:
            channel.send(failed=ticket, reason=failure)
            self._failure = f'the debugger could not be loaded ({failure})'
            if failure:
                again = 'to try again, attach again'
                if self.settings.direction == 'connect':
                    again = 'it is tried again'
                self._complain(
                    f'{self._failure}; the service runs on without it: {again}'
                )
        self._loaded.set()

    def _try_to_load(self, ticket: str) -> str | None:
        """Load the debugger, and say what went wrong.

        :returns: None if nothing did; empty if only the gateway has gone
        """
        try:
            backend = backends.create(self.settings)
            backend.require()
            sock = protocol.connect()
            sock.sendall(protocol.encode({'join': ticket}))
            backend.load(sock)
        except protocol.ABSENT:
            return ''
        except exceptions.OsdbgError as exc:
            return str(exc)
        except BaseException as exc:  # this thread has to live on
            return f'{type(exc).__name__}: {exc}'
        self.backend = backend
        return None

    def _unload(self) -> None:
        self._set_attached(False)
        with self._transition:
            backend, self.backend = self.backend, None
            if backend is not None:
                backend.unload()
        if backend is not None:
            self._renew()

    def _set_attached(self, attached: bool) -> None:
        self.attached = attached
        if attached:
            self._ready.set()

    def before_fork(self) -> None:
        """Let a load or an unload finish before the process is forked."""
        if self._transition.acquire(True, _FORK_GATE_SECONDS):
            self._forker = waiting.get_ident()

    def after_fork_in_parent(self) -> None:
        """Go on as before; early in its life, be taken for a launcher.

        Its children say so too, but only once they have got that far.
        """
        if waiting.monotonic() - self._started < _LAUNCH_SECONDS:
            self._forked = True
            channel = self._channel
            if channel is not None:
                channel.send(forked=True)
        # Several threads may fork at once, and not all of them hold it.
        if self._forker == waiting.get_ident():
            self._forker = 0
            self._transition.release()

    def after_fork_in_child(self) -> None:
        """Drop what belongs to the parent and start anew."""
        backend, channel = self.backend, self._channel
        prompter, self._prompter = self._prompter, None
        self._approach.forget()
        self.parent = self.id
        self._reset()
        if channel is not None:
            channel.close()
        for inherited in (backend, prompter):
            try:
                if inherited is not None:
                    inherited.after_fork()
            except Exception as exc:
                self._complain(f'osdbg failed after a fork: {exc!r}')
        self.start(_FORK_SECONDS)


_current: Agent | None = None
_starting = waiting.allocate_lock()


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
        if _current is not None:
            if _current.pid != os.getpid():
                # Forked in C (uWSGI): no hook ran, no thread came along.
                _current.after_fork_in_child()
            return _current, _current.introduce(settings)
        os.register_at_fork(
            before=_before_fork,
            after_in_parent=_after_fork_in_parent,
            after_in_child=_after_fork_in_child,
        )
        _current = Agent(settings)
        first = _current.introduce(settings)
        _current.start()
        return _current, first


def _before_fork() -> None:
    if _current is not None:
        _current.before_fork()


def _after_fork_in_parent() -> None:
    if _current is not None:
        _current.after_fork_in_parent()


def _after_fork_in_child() -> None:
    global _starting
    _starting = waiting.allocate_lock()
    if _current is not None:
        _current.after_fork_in_child()

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

from osdbg import audit
from osdbg import backends
from osdbg import debugger
from osdbg import door
from osdbg import exceptions
from osdbg.gateway.approach import Approach
from osdbg.gateway import protocol
from osdbg import greeting
from osdbg import inspection
from osdbg import journal
from osdbg import progress
from osdbg import prompter
from osdbg import settings as settings_
from osdbg import stops
from osdbg import vigil
from osdbg import waiting

# By the number of failures in a row.
_RETRY_SECONDS = (0.5, 0.5, 1.0, 2.0, 5.0)
# A child that is about to exec something else never gets to say hello.
_FORK_SECONDS = 0.05
# A process that forks later than this after init() is no launcher at work:
# oslo.concurrency forks for every command that it runs.
_LAUNCH_SECONDS = 10.0
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
        # Another port may be in force: see ``_move()``.
        self._configured = settings
        self.parent = ''
        self._door = door.Door(settings)
        self._prompter = prompter.Prompter(self)
        self._complained = ''
        self._vigil = vigil.Vigil(self.complain)
        self._reset()

    def _reset(self) -> None:
        self.pid = os.getpid()
        self.id = os.urandom(8).hex()
        self.number: int | None = None
        self.attached = False
        self.stops = stops.Stops(self._tell)
        self._debugger = debugger.Debugger(self.stops)
        self._channel: protocol.Channel | None = None
        self._started = waiting.monotonic()
        self._forked = False
        self._launching = False
        self._introduced = False
        # Who is attached, for the log.
        self._client: dict[str, Any] = {}
        self._renewing = False
        self._said: dict[str, Any] = {}
        # Whether it was opened or closed before anybody could be told.
        self._switched = False
        self._approach = Approach(self._debugger.gate)
        # Held while clients are let in or sent away, and that is said.
        self._opening = waiting.allocate_lock()
        self.progress = progress.Progress()
        self._vigil.begin_again()

    @property
    def state(self) -> str:
        """Return ``armed``, ``loaded`` or ``attached``."""
        if self.attached:
            return 'attached'
        return 'loaded' if self._debugger.backend else 'armed'

    @property
    def wanted(self) -> bool:
        """Whether ``workers`` names this process, as far as is known."""
        number = self.number
        return number is None or self.settings.takes_worker(number)

    @property
    def title(self) -> str:
        """What audit lines call this process."""
        name = self.settings.name
        return name if self.number is None else f'{name}/{self.number}'

    def introduce(self, settings: settings_.Settings) -> bool:
        """Take the options of an ``init()`` in this process.

        There may be several: before the service has read its configuration,
        and after. The last one counts.

        :returns: whether it is the first in this process
        """
        if settings != self._configured:
            self._configured = settings
            self._adopt(settings)
        first, self._introduced = not self._introduced, True
        return first

    def _adopt(self, settings: settings_.Settings) -> None:
        with self._debugger.gate:
            if _door_of(settings) != _door_of(self.settings):
                self._door.begin(settings)
            self.settings = settings
        self._prompter.adopt(settings)
        self._renew()

    def _renew(self) -> None:
        """Say hello again, if the options have changed since it was said.

        Not over the head of a client: then it is done when that has left.
        """
        with self._debugger.gate:
            if not self._channel or self._debugger.backend:
                return
            if greeting.wishes(self.settings) != self._said:
                self._renewing = True
                self.progress.begin_again()
                self._channel.hang_up()

    def _move(self, port: int | None) -> None:
        """Be at another port; a UNIX socket has none.

        :param port: its number; None for that of the options
        """
        settings = self._configured
        if port and settings.port:
            settings = settings.at(port)
        if settings != self.settings:
            self._adopt(settings)

    def open(
        self,
        opened: bool,
        seconds: float | None = None,
        port: int | None = None,
    ) -> None:
        """Let clients come, or send them away and let no more come.

        :param seconds: for how long; 0 for ever, None as the options say
        :param port: where, until it is closed; None for where it is
        """
        with self._opening:
            changed = self._door.opened != opened or seconds is not None
            if seconds is None:
                seconds = self.settings.open_seconds
            if changed:
                self._door.set(opened, seconds)
                self._switched = True
        # Before it is told: nobody is to come meanwhile where it was.
        if port or not opened:
            self._move(port)
        with self._opening:
            self._tell_switched(self._channel)
        if not opened:
            self._prompter.close()

    def guard(self, backend: backends.Backend, call: Any, *args: Any) -> None:
        """Call a backend, and let nothing of its own into the service.

        :param backend: whose failure that would be
        :param call: a method of it, for ``args``
        """
        try:
            call(*args)
        except Exception as exc:
            if exc is backend.thrown:
                raise
            self.complain(
                f'[remote_debug] backend = {backend.name} failed: {exc!r}; '
                f'the service goes on: please report it to whoever wrote that'
            )

    def _tell(self, **message: Any) -> None:
        channel = self._channel
        if channel is not None:
            channel.send(**message)

    def stop_waiting(self) -> None:
        """Let go whoever waits for a client: the process is to stop."""
        self.progress.be_ready()

    def launch(self) -> None:
        """Leave the debugging to the workers that are about to be forked.

        Returns when a debugger that was loaded here already is out of their
        way, or does not go.
        """
        if self.settings.launcher:
            return
        with self._debugger.gate:
            self._launching = True
            if self._channel is not None:
                self._channel.send(launching=True)
        self._debugger.wait_unloaded()

    def connect(self) -> Any:
        """Connect to the gateway once more.

        :raises: as ``protocol.connect()``
        """
        channel = self._channel
        return channel.connect() if channel else protocol.connect()

    def start(self, delay: float = 0) -> None:
        """Start the thread of this process.

        :param delay: seconds to wait before saying hello
        """
        waiting.start_new_thread(self._run, (delay,))

    def break_here(self, frame: types.FrameType | None) -> bool:
        """Stop this thread, if a client is attached.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        :returns: whether one is
        """
        backend = self._debugger.backend
        if backend is not None and self.attached:
            self.guard(backend, backend.break_here, frame)
            return True
        if self._door.opened and self.wanted:
            return self._prompter.break_here(frame)
        return False

    def interrupt(self, frame: types.FrameType | None) -> None:
        """Open a prompt in this thread, whether clients may come or not.

        :param frame: what the thread was at
        """
        self._prompter.break_here(frame)

    def break_on_exception(self, exc: BaseException) -> None:
        """Stop this thread on what it has caught, if a client is attached.

        :param exc: with its traceback
        """
        backend = self._debugger.backend
        if backend is not None and self.attached:
            backend.break_on_exception(exc)

    def trace_this_thread(self) -> None:
        """Let this thread stop at breakpoints, if a client is attached."""
        backend = self._debugger.backend
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
                self.complain(str(exc))
            except BaseException as exc:
                # Nothing may escape, and this thread has to live on.
                self.complain(f'osdbg failed: {exc!r}; it goes on trying')
            if self._renewing:
                self._renewing = False
                continue
            waiting.pause(
                _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
            )

    def _answer(self, trouble: str) -> None:
        if not trouble:
            # The next outage is news again.
            self._complained = ''
        self.progress.be_armed(trouble)

    def complain(self, line: str) -> None:
        """Say once in the log what is wrong, for who waits here as well.

        :param line: ends with what to type
        """
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
            with self._debugger.gate:
                channel.close()
                self._channel = None
                self.progress.begin_again()
            self._unload()
            if self._client:
                # Whoever would have said it has gone.
                self._audit(logging.INFO, 'detach', self._client)

    def _greet(self) -> protocol.Channel:
        # In one go for whoever forks: a child must know the socket to close
        # it, and nothing may be sent over it before the hello.
        with self._debugger.gate:
            own = greeting.takes_rights(self.settings)
            channel = protocol.Channel(protocol.connect(own, wait=False))
            self._said = greeting.wishes(self.settings)
            with self._opening:
                channel.send(hello=self._hello())
                self._tell_switched(channel)
                self._channel = channel
        return channel

    def _tell_switched(self, channel: protocol.Channel | None) -> None:
        """Have it noted, in the log as well, that it was opened or closed."""
        if channel is None or self._renewing:
            return  # with the next hello
        if self._switched:
            self._switched = False
            channel.send(open=self._door.opened, left=self._door.left)

    def _hello(self) -> dict[str, Any]:
        return {
            **greeting.wishes(self.settings),
            'id': self.id,
            'parent': self.parent,
            'pid': self.pid,
            'forked': self._forked,
            'launching': self._launching,
            'number': self.number,
            'opened': self._door.opened,
            'left': self._door.left,
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
                seconds = message.get('seconds')
                if value and seconds is None:
                    # Somebody wants it as the options say, from now on.
                    seconds = self.settings.open_seconds
                self.open(value, seconds, message.get('port'))
            elif order == 'absent':
                # Nobody listens where the IDE should.
                self.progress.be_loaded(value)
            elif order == 'port':
                self._answer(value)
            elif order == 'admit':
                number, client = value
                channel.send(admitted=number, veto=audit.ask(client))
            elif order == 'audit':
                self._audit(*value)
            elif order == 'log':
                journal.write(value[0], '%s', value[1])
            elif order == 'stop':
                self.stops.answer(value)
            elif order == 'resume':
                self._resume(value)
            elif order == 'abandon':
                self.stops.abandon(value)
            elif order == 'look':
                ticket, question = value
                gate = self._debugger.gate
                inspection.serve(
                    channel, ticket, question, self.settings, gate
                )
            elif order == 'beat':
                if self.settings.keep_heartbeats:
                    self._vigil.beat(self._debugger.gate)

    def _audit(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if event in ('attach', 'detach'):
            self._client = facts if event == 'attach' else {}
        audit.write(level, event, {'worker': self.title, **facts})

    def _resume(self, why: str) -> None:
        for backend in (self._debugger.backend, self._prompter.backend):
            if backend is not None:
                self.guard(backend, backend.resume, why)

    def _set_number(self, number: int | None) -> None:
        self.number = number
        if not self.wanted:
            # Nobody will load a debugger here, or attach to it.
            self.progress.be_loaded()
            self.progress.be_ready()

    def _load(self, channel: protocol.Channel, ticket: str) -> None:
        self._unload()
        failure: str | None = 'it lets no client in any more'
        if self._door.opened:
            failure = self._debugger.load(self.settings, channel, ticket)
        # Not while the exception is handled: oslo.log would add it once more.
        if failure is None:
            version = self._debugger.version
            channel.send(loaded=ticket, version=version)
            self.progress.be_loaded()
            return
        channel.send(failed=ticket, reason=failure)
        trouble = f'the debugger could not be loaded ({failure})'
        if failure:
            again = 'to try again, attach again'
            if self.settings.direction == 'connect':
                again = 'it is tried again'
            self.complain(
                f'{trouble}; the service runs on without it: {again}'
            )
        self.progress.be_loaded(trouble)

    def _unload(self) -> None:
        self._set_attached(False)
        # Before: what is evaluated may hold a lock that unloading needs.
        self.stops.end_late()
        if self._debugger.unload():
            self._renew()

    def _set_attached(self, attached: bool) -> None:
        self.attached = attached
        if attached:
            self.progress.be_ready()

    def before_fork(self) -> None:
        """Let a load or an unload finish before the process is forked."""
        self._debugger.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on as before; early in its life, be taken for a launcher.

        Its children say so too, but only once they have got that far.
        """
        if waiting.monotonic() - self._started < _LAUNCH_SECONDS:
            self._forked = True
            channel = self._channel
            if channel is not None:
                channel.send(forked=True)
        self._debugger.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Drop what belongs to the parent and start anew."""
        backend, channel = self._debugger.backend, self._channel
        self._approach.forget()
        self.parent = self.id
        self._reset()
        if channel is not None:
            channel.close()
        if backend is not None:
            self.guard(backend, backend.after_fork)
        self._prompter.after_fork()
        self.start(_FORK_SECONDS)


def _door_of(settings: settings_.Settings) -> tuple[str, float]:
    return settings.activate, settings.open_seconds

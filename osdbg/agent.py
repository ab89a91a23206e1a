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

"""What makes one process debuggable, for the service and for the gateway.

The service's threads ask it to stop here; the gateway, by the agent's own
thread (``contact.py``), orders it to load the debugger, to connect it, and to
unload it when the client has gone (``orders.py``). A forked child gets an
agent of its own.

Everything here must survive ``eventlet.monkey_patch()`` being called after
it: functions of ``_thread`` taken by reference, ``_socket``, and no RLock.
"""

from __future__ import annotations

import logging
import os
import types
from typing import Any

from osdbg import backends
from osdbg import chosen
from osdbg import contact
from osdbg import debugger
from osdbg import door
from osdbg import greeting
from osdbg import harmless
from osdbg import journal
from osdbg import orders
from osdbg import post_mortem
from osdbg import progress
from osdbg import prompter
from osdbg import settings as settings_
from osdbg import stops
from osdbg import waiting

# A child that is about to exec something else never gets to say hello.
_FORK_SECONDS = 0.05
# A process that forks later than this after init() is no launcher at work:
# oslo.concurrency forks for every command that it runs.
_LAUNCH_SECONDS = 10.0


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
        self.door = door.Door(settings)
        self.prompter = prompter.Prompter(self)
        self.orders = orders.Orders(self)
        self.post_mortem = post_mortem.PostMortem(self)
        self._complained = ''
        self._reset()

    def _reset(self) -> None:
        self.pid = os.getpid()
        self.id = os.urandom(8).hex()
        self.number: int | None = None
        self.stops = stops.Stops(self._tell)
        self.debugger = debugger.Debugger(self.stops, self.guard)
        self.progress = progress.Progress()
        self.contact = contact.Contact(self)
        self._started = waiting.monotonic()
        self._forked = False
        self._launching = False
        self._introduced = False
        self.door.begin_again()
        self.orders.begin_again()

    @property
    def attached(self) -> bool:
        """Whether a client is."""
        return self.debugger.attached

    @property
    def state(self) -> str:
        """Return ``armed``, ``loaded`` or ``attached``."""
        if self.attached:
            return 'attached'
        return 'loaded' if self.debugger.backend else 'armed'

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
        with self.debugger.gate:
            self.door.adopt(settings)
            self.settings = settings
        self.prompter.adopt(settings)
        self.post_mortem.renew()
        self.contact.renew()

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
        self.door.switch(opened, seconds)
        # Before it is told: nobody is to come meanwhile where it was.
        if port or not opened:
            self._move(port)
        self.contact.tell_of_door()
        if not opened:
            self.prompter.close()

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

    def complain(self, line: str) -> None:
        """Say once in the log what is wrong, for who waits here as well.

        :param line: ends with what to type
        """
        self.answer(line)
        if line != self._complained:
            self._complained = line
            journal.write(logging.WARNING, '%s', line)

    def answer(self, trouble: str) -> None:
        """Let go who waits to be told whether clients can connect.

        :param trouble: why not, if they cannot
        """
        if not trouble:
            # The next outage is news again.
            self._complained = ''
        self.progress.be_armed(trouble)

    def _tell(self, **message: Any) -> None:
        self.contact.tell(**message)

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
        with self.debugger.gate:
            self._launching = True
            self.contact.tell(launching=True)
        self.debugger.wait_unloaded()

    def start(self) -> None:
        """Start the thread of this process."""
        self.contact.start()

    def hello(self) -> dict[str, Any]:
        """Return what the gateway is told of this process first."""
        return {
            **greeting.wishes(self.settings),
            'id': self.id,
            'parent': self.parent,
            'pid': self.pid,
            'forked': self._forked,
            'launching': self._launching,
            'number': self.number,
            'opened': self.door.opened,
            'left': self.door.left,
        }

    def set_number(self, number: int | None) -> None:
        """Be a worker of that number.

        :param number: from 0; None for the process that forks the workers
        """
        self.number = number
        if not self.wanted:
            # Nobody will load a debugger here, or attach to it.
            self.progress.be_loaded()
            self.progress.be_ready()

    def break_here(self, frame: types.FrameType | None) -> bool:
        """Stop this thread, if a client is attached or can be called for.

        :param frame: at whose next line; without one, at the next line that
            is not osdbg's
        :returns: whether one is
        """
        if chosen.is_on() and not harmless.call(chosen.may_stop):
            return True  # though not for this request
        if self.debugger.break_here(frame):
            return True
        if self.door.opened and self.wanted:
            return self.prompter.break_here(frame)
        return False

    def before_fork(self) -> None:
        """Let a load or an unload finish before the process is forked."""
        self.debugger.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on as before; early in its life, be taken for a launcher.

        Its children say so too, but only once they have got that far.
        """
        if waiting.monotonic() - self._started < _LAUNCH_SECONDS:
            self._forked = True
            self.contact.tell(forked=True)
        self.debugger.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Drop what belongs to the parent and start anew."""
        parents = self.debugger
        self.contact.forget()
        self.parent = self.id
        self._reset()
        parents.after_fork_in_child()
        self.prompter.after_fork()
        self.post_mortem.after_fork()
        self.contact.start(_FORK_SECONDS)

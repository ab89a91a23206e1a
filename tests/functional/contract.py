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

"""The clients of all backends in the words of one contract.

A backend is a :class:`Row` of ``ROWS``: its name, and what its client is. A
backend that another package brings needs a row of its own, and nothing else:
what it cannot do is known from the abilities that it declares.
"""

import re
from typing import Any, NamedTuple

from osdbg import backends
from tests.functional import dap
from tests.functional import debuggers
from tests.functional.harness import available
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional import pydev_ide
from tests.functional import terminal


class Stop:
    """A thread that has stopped."""

    def __init__(self, stop, pid):
        self._stop = stop
        self.pid = pid
        self.path = stop.path
        self.line = stop.line

    def __repr__(self):
        return f'<stopped in {self.pid} at {self.path}:{self.line}>'

    def look(self, expression):
        """Return the value of an expression; a string without quotes."""
        return self._stop.evaluate(expression).strip("'")

    def set(self, name, expression):
        self._stop.set(name, expression)

    def step(self):
        """Step over one line."""
        return Stop(self._stop.step(), self.pid)

    def resume(self):
        self._stop.resume()


class Client:
    """What tests ask of a client; the rest is by ability of its backend."""

    def come(self):
        """Connect, or listen for those who call."""
        raise NotImplementedError

    def join(self, count, timeout=None):
        """Return once so many processes are attached.

        :raises: TimeoutError if they are not in time
        """
        raise NotImplementedError

    def wait_stopped(self):
        """Return the next :class:`Stop`."""
        raise NotImplementedError

    def leave(self):
        """Go as one does who has finished."""
        raise NotImplementedError

    def hang_up(self, reset=False):
        """Go without a word.

        :param reset: as a machine does that is switched off and on
        """
        raise NotImplementedError

    def break_at(self, path, line):
        """Set a breakpoint."""
        raise NotImplementedError

    def pause(self, pid):
        """Stop a process wherever it is."""
        raise NotImplementedError

    def wait_output(self, text):
        """Wait until the service has printed something."""
        raise NotImplementedError


class DapClient(Client):
    """An IDE that speaks DAP, and connects."""

    def __init__(self, port, kind=dap.Client):
        self._client = kind(port, timeout=TIMEOUT)

    @property
    def transcript(self):
        return self._client.transcript

    def come(self):
        self._client.attach()

    def join(self, count, timeout=None):
        self._client.wait_attached(count, timeout)

    def wait_stopped(self):
        stop = self._client.wait_stopped()
        return Stop(stop, stop.session.pid)

    def leave(self):
        self._client.detach()

    def hang_up(self, reset=False):
        self._client.hang_up(reset)

    def break_at(self, path, line):
        self._client.break_at(path, line)

    def pause(self, pid):
        self._client.wait_pid(pid).request('pause', threadId='*')

    def wait_output(self, text):
        self._client.root.wait_event(
            'output', lambda body: text in body['output']
        )


class DapListener(DapClient):
    """An IDE that speaks DAP, and listens."""

    def __init__(self, port):
        super().__init__(port, dap.ListeningClient)
        self._joined = False

    def come(self):
        self._client.listen()

    def join(self, count, timeout=None):
        if not self._joined:
            self._client.join(timeout)
            self._joined = True
        super().join(count, timeout)

    def hang_up(self, reset=False):
        if reset:
            # It is the adapter that has the connections.
            self._client.kill()
        else:
            self._client.hang_up()


class LineClient(Client):
    """The debug server of PyDev or of PyCharm."""

    dialect = 'pydev'

    def __init__(self, port):
        self._ide = pydev_ide.Ide(port, self.dialect, timeout=TIMEOUT)

    @property
    def transcript(self):
        return self._ide.transcript

    def come(self):
        self._ide.listen()

    def join(self, count, timeout=None):
        self._ide.wait_attached(count, timeout)

    def wait_stopped(self):
        stop = self._ide.wait_stopped()
        return Stop(stop, stop.link.pid)

    def leave(self):
        self._ide.close()

    def hang_up(self, reset=False):
        self._ide.hang_up(reset)

    def break_at(self, path, line):
        self._ide.break_at(path, line)

    def pause(self, pid):
        def link_of():
            links = self._ide.open_links()
            return next((link for link in links if link.pid == pid), None)

        self._ide.wait_for(f'link of {pid}', link_of).pause()

    def wait_output(self, text):
        self._ide.wait_for(
            'output',
            lambda: any(text in link.said(1) for link in self._ide.links),
        )


class PycharmClient(LineClient):
    """The debug server of PyCharm."""

    dialect = 'pycharm'


class Prompt:
    """A prompt of pdb, with the words of the other debuggers' stops."""

    def __init__(self, terminals, terminal_):
        self._terminals = terminals
        self._terminal = terminal_
        self._arrive(terminal_.expect())

    def _arrive(self, text):
        place = re.findall(r'^> (.*)\((\d+)\)\S', text, re.MULTILINE)[-1]
        self.path, self.line = place[0], int(place[1])

    def evaluate(self, expression):
        return self._terminal.ask(f'p {expression}')

    def set(self, name, expression):
        self._terminal.ask(f'!{name} = {expression}')

    def step(self):
        self._arrive(self._terminal.ask('n'))
        return self

    def resume(self):
        self._terminal.type('c')
        self._terminals.let_go(self._terminal)


class Terminals(Client):
    """Somebody who opens a terminal for each prompt."""

    def __init__(self, port):
        self._port = port
        self._open = []
        self._all = []

    @property
    def transcript(self):
        return '\n'.join(found.transcript for found in self._all)

    def come(self):
        """Do nothing: one comes when one is called."""

    def join(self, count, timeout=None):
        """Do nothing: nobody is attached before a prompt."""

    def wait_stopped(self):
        found = wait_until('prompt', self._knock)
        self._open.append(found)
        self._all.append(found)
        prompt = Prompt(self, found)
        pid = prompt.evaluate('__import__("os").getpid()')
        return Stop(prompt, int(pid))

    def _knock(self):
        try:
            return terminal.Socket(self._port, TIMEOUT)
        except ConnectionRefusedError:
            return None  # so early that the port is not open yet

    def let_go(self, found):
        self._open.remove(found)
        found.expect_end()
        found.hang_up()

    def leave(self):
        for found in list(self._open):
            found.type('q')
            self.let_go(found)

    def hang_up(self, reset=False):
        while self._open:
            found = self._open.pop()
            if reset:
                found.reset()
            else:
                found.hang_up()


class Row(NamedTuple):
    """A backend, in one direction if it has both, and its client."""

    name: str
    backend: str
    client: Any
    options: Any = {}

    @property
    def kind(self):
        return backends.find(self.backend)

    @property
    def listens(self):
        """Whether it is the service that listens."""
        listens = backends.Ability.LISTEN in self.kind.abilities
        return listens and self.options.get('direction') != 'connect'

    @property
    def path(self):
        """Return what ``PYTHONPATH`` needs for it."""
        own = self.backend in debuggers.BACKENDS
        return [debuggers.require(self.backend)] if own else []


ROWS = (
    Row('debugpy', 'debugpy', DapClient),
    Row(
        'debugpy_connect',
        'debugpy',
        DapListener,
        {'direction': 'connect'},
    ),
    Row('pydevd', 'pydevd', LineClient),
    Row('pydevd_pycharm', 'pydevd_pycharm', PycharmClient),
    Row('remote_pdb', 'remote_pdb', Terminals),
)


def over(*engines, needs=None):
    """Make a test per row and engine out of a method that takes an engine.

    :param needs: the ability without which a backend is passed over
    """

    def decorate(method):
        method.engines = available(engines)
        method.needs = needs
        return method

    return decorate


def spread(cls):
    """Replace the methods marked by :func:`over`."""
    for name, method in list(vars(cls).items()):
        if not hasattr(method, 'engines'):
            continue
        for row in ROWS:
            for engine in method.engines:
                test = _bind(method, row, engine)
                setattr(cls, f'{name}_{row.name}_{engine}', test)
        delattr(cls, name)
    return cls


def _bind(method, row, engine):
    def test(self):
        needed = method.needs
        if needed is not None and needed not in row.kind.abilities:
            self.skipTest(f'{row.backend} declares no {needed.value}')
        self.row = row
        self.environ['PYTHONPATH'] = ':'.join(
            (self.environ['PYTHONPATH'], *row.path)
        )
        method(self, engine)

    return test

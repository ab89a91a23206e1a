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

"""What is recorded: commands beside real services, in a real terminal."""

from __future__ import annotations

from collections.abc import Callable
import os
import sys
from typing import Any

from doc.recordings import picture
from tests.functional import harness
from tests.functional import terminal

_WORKERS = 3
_DEMO_SECONDS = 120
_PORT = 5678


class _Screen(terminal.Program):
    TERM = 'xterm-256color'


class Stage(harness.FunctionalTestCase):
    """A service that is called nova-api, and a terminal beside it."""

    def setUp(self) -> None:
        """Prepare what the commands are given."""
        super().setUp()
        self.environ.update(
            COLUMNS=str(picture.COLUMNS),
            # A history of what was typed is kept there.
            HOME=self.directory,
            XDG_STATE_HOME=self.directory,
        )

    def serve(self, **options: Any) -> Any:
        """Start the service, and return one of its workers."""
        service = self.start_service(
            engine='eventlet',
            workers=_WORKERS,
            port=_PORT,
            name='nova-api',
            **options,
        )
        launcher = 1
        harness.wait_until(
            'armed workers',
            lambda: len(self.processes_told()) == _WORKERS + launcher,
        )
        return service.wait_workers(_WORKERS)[0]

    def record(
        self,
        words: list[str],
        typed: tuple[str, ...] = (),
        code: int = 0,
        seconds: float = harness.TIMEOUT,
    ) -> str:
        """Run a command to its end and return what it has shown.

        :param words: those after ``osdbg``
        :param typed: a line at each prompt
        :param code: what it exits with
        """
        argv = [sys.executable, '-m', 'osdbg', *words]
        screen = _Screen(argv, seconds, self.environ)
        self.addCleanup(screen.hang_up)
        for line in typed:
            screen.expect()
            screen.type(line)
        screen.expect_end()
        self.assertEqual(code, screen.wait(), screen.transcript)
        text: str = screen.text
        return text


def _demo(stage: Stage, words: list[str]) -> str:
    return stage.record(words, seconds=_DEMO_SECONDS)


def _ps(stage: Stage, words: list[str]) -> str:
    worker = stage.serve()
    client = stage.attach(_PORT, 'handler', processes=_WORKERS)
    pending = worker.get_later('/work')
    stop = client.wait_stopped()
    harness.wait_until(
        'gateway that knows of the stop',
        lambda: stage.processes_told()[worker.pid]['stopped'],
    )
    shown = stage.record(words)
    stop.resume()
    pending.result()
    client.detach()
    return shown


def _attach(stage: Stage, words: list[str]) -> str:
    worker = stage.serve(backend='remote_pdb')
    pending = worker.get_later('/breakpoint?instance=web-1')
    typed = ('p query', 'p answer', "answer = 'changed'", 'c')
    shown = stage.record(words, typed)
    stage.assertEqual('changed', pending.result()[1]['answer'])
    return shown


def _doctor(stage: Stage, words: list[str]) -> str:
    stage.serve()
    return stage.record(words, code=1)


def _stacks(stage: Stage, words: list[str]) -> str:
    worker = stage.serve()
    pending = [worker.get_later('/thread?seconds=3') for _ in range(3)]
    shown = stage.record(words)
    for request in pending:
        request.result()
    return shown


def _wrong_line() -> str:
    """Return a place where nothing can stop: the empty line after one."""
    file = os.path.relpath(harness.APP, harness.ROOT)
    return f'{file}:{harness.line_of("handler") + 4}'


SCENES: dict[str, tuple[list[str], Callable[[Stage, list[str]], str]]] = {
    'attach': (['attach', 'nova-api'], _attach),
    'demo': (['demo'], _demo),
    'doctor': (['doctor', _wrong_line(), 'nova-api'], _doctor),
    'ps': (['ps'], _ps),
    'stacks': (['stacks', 'nova-api/0'], _stacks),
}
"""The words after ``osdbg``, and who plays them, by the picture's name."""


def take(name: str) -> str:
    """Play a scene and return its picture, as SVG."""
    words, play = SCENES[name]
    stage = Stage()
    stage.setUp()
    try:
        shown = play(stage, words)
    finally:
        stage.doCleanups()
    return picture.draw(name, ' '.join(['osdbg', *words]), shown)

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

"""What the threads of this process that stop say to the gateway.

The gateway keeps the books: it says how long a stop may last, and whose turn
it is. Nobody waits for it but a thread that has to ask whether it may stop.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
import itertools
from typing import Any

from osdbg import evaluation
from osdbg import waiting

_ANSWER_SECONDS = 1.0
# How long an evaluation may go on when its client has left.
_PATIENCE_SECONDS = 5.0
# Of all stops: a forked child may still leave one of its parent's.
_numbers = itertools.count(1)


class Stops:
    """The stops of one process."""

    def __init__(self, send: Callable[..., None]) -> None:
        """Begin without any.

        :param send: sends the gateway a message, if there is one, and never
            waits
        """
        self._send = send
        self._threads: dict[int, int] = {}
        self._questions: dict[int, _Question] = {}

    def enter(self, where: str, along: bool = False) -> int:
        """Say that the calling thread stops.

        :param where: its file and line
        :param along: whether only because others do, or the client pauses
        :returns: the number of this stop, for ``leave``
        """
        number = next(_numbers)
        self._threads[number] = waiting.get_ident()
        stopped = {'n': number, 'where': where, 'along': along}
        self._send(stopped=stopped)
        return number

    def leave(
        self, number: int, stepping: bool = False, others: Iterable[int] = ()
    ) -> None:
        """Say that the calling thread goes on.

        :param number: of its stop
        :param stepping: whether it is going to stop again soon
        :param others: numbers of stops that have ended as well, though their
            threads have not noticed yet
        """
        self._threads.pop(number, None)
        self._send(resumed={'n': [number, *others], 'stepping': stepping})

    def may_stop(self, where: str) -> tuple[bool, str]:
        """Ask whether it is the turn of this process to stop.

        :param where: the file and line at which the calling thread would
        :returns: whether it is; and what there is to say if it is not. With
            no answer within a second it is not
        """
        number = next(_numbers)
        question = self._questions[number] = _Question()
        try:
            self._send(stopping={'n': number, 'where': where})
            question.answered.wait(_ANSWER_SECONDS)
            return question.go, question.why
        finally:
            del self._questions[number]

    def answer(self, answer: dict[str, Any]) -> None:
        """Take what the gateway says to one that asks."""
        question = self._questions.get(answer['n'])
        if question is not None:
            question.go = bool(answer['go'])
            question.why = str(answer.get('why', ''))
            question.answered.set()

    def abandon(self, numbers: list[int]) -> None:
        """Get threads out of what is evaluated in them, where possible.

        :param numbers: of their stops
        """
        for number in numbers:
            thread = self._threads.get(number)
            if thread is not None:
                evaluation.abandon(thread)

    def end_late(self) -> None:
        """Have those who do not leave abandoned: nobody is there any more.

        Without that, what somebody evaluates who has left, or whose gateway
        was killed, would keep its thread for ever.
        """
        numbers = list(self._threads)
        if numbers:
            waiting.start_new_thread(self._abandon_late, (numbers,))

    def _abandon_late(self, numbers: list[int]) -> None:
        waiting.pause(_PATIENCE_SECONDS)
        self.abandon([n for n in numbers if n in self._threads])


class _Question:
    """A thread that waits for an answer."""

    def __init__(self) -> None:
        self.answered = waiting.Event()
        self.go = False
        self.why = ''

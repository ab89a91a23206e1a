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

"""remote_pdb: ``breakpoint()`` opens a pdb prompt in a terminal far away.

Nothing is loaded, and nothing is traced, until a request comes to a
breakpoint. That request then waits for a client, which the gateway pairs it
with, and has its prompt; the others go on meanwhile. Whatever becomes of the
client, the request goes on to its normal answer.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import types
from typing import Any

from osdbg.backends import _remote_pdb_line
from osdbg.backends import base
from osdbg import exceptions
from osdbg import greenlets
from osdbg import journal
from osdbg import signals
from osdbg import waiting

# It is the gateway that tells when the time is over, unless it hangs.
_SLACK_SECONDS = 5.0
# A breakpoint that is passed a thousand times a second is not logged so often.
_QUIET_SECONDS = 10.0
_MAX_QUIET = 1000
# By place and reason, until when.
_quiet_until: dict[tuple[str, str], float] = {}
# All that wait for the terminal of this process, or have it, in order.
# Changed without a lock: a signal handler may come in between.
_turns: list[_Turn] = []


class RemotePdbBackend(base.Backend):
    """remote-pdb, in one process."""

    name = 'remote_pdb'
    module = 'remote_pdb'
    protocol = 'pdb'
    abilities = frozenset(
        (
            base.Ability.LISTEN,
            base.Ability.PROMPT,
            base.Ability.INTERRUPT,
            base.Ability.RESUME,
            base.Ability.TURNS,
        )
    )
    instead = {
        base.Ability.WAIT: (
            'write suspend = true instead of wait_for_client: it opens a '
            'prompt on the line after init()'
        ),
        base.Ability.EAGER: 'remove activate: there is nothing to load',
    }

    def require(self) -> None:
        """Look whether remote-pdb is installed."""
        if importlib.util.find_spec('remote_pdb') is None:
            raise exceptions.BackendNotInstalled(self.name, 'osdbg[pdb]')

    def unload(self) -> None:
        """End all prompts, and let go who waits for one."""
        for turn in _here():
            turn.stop()

    def resume(self, why: str) -> None:
        """End the prompt that is open, and tell its terminal."""
        for turn in _here():
            if turn.prompt is not None and turn.prompt.talking:
                turn.stop(why, tell=True)

    def after_fork(self) -> None:
        """Leave the parent's prompts, and their sockets, to the parent."""
        _quiet_until.clear()
        _here()

    def break_here(self, frame: types.FrameType | None) -> None:
        """Call for a client, and give it a prompt in this thread.

        Returns at once if there is none; the prompt itself comes at the next
        line. In a log handler that writes a line of osdbg's, it says nothing
        either: that would be one more line.
        """
        if _is_logging():
            return
        into = frame is None
        frame = _caller() if frame is None else frame
        where = f'{frame.f_code.co_filename}:{frame.f_lineno}'
        mine = _mine()
        if mine is None and _is_ours(frame):
            _pass(where, _BUSY)
            return
        turn = mine or _Turn(into)
        try:
            if mine is None:
                _turns.append(turn)
                trouble = self._prompt(turn, frame, where)
            else:
                trouble = turn.again(frame)
            if trouble:
                _pass(where, trouble)
        except Exception as exc:
            turn.leave()
            if turn.was_thrown(exc):
                self.thrown = exc
                raise
            _pass(where, f'{type(exc).__name__}: {exc}')
        finally:
            if mine is None and turn.prompt is None:
                turn.leave()

    def _prompt(self, turn: _Turn, frame: types.FrameType, where: str) -> str:
        """Wait for a turn and for a client.

        :returns: why there is no prompt
        """
        seconds = self.settings.prompt_timeout
        with signals.obeying_together(turn.stop):
            trouble = self._take_turn(turn, seconds)
            if trouble:
                return trouble
            turn.line = _remote_pdb_line.Line(self.reach(where))
            if turn.stopped:
                return turn.stopped
            slack = seconds and seconds + _SLACK_SECONDS
            trouble = turn.line.wait_go(slack)
        if trouble or turn.stopped:
            return turn.stopped or trouble
        module = importlib.import_module('osdbg.backends._remote_pdb_prompt')
        turn.prompt = module.Prompt(
            turn.line, turn.owner, turn.leave, self.stops
        )
        turn.prompt.begin(frame, turn.into)
        return ''

    def _take_turn(self, turn: _Turn, seconds: float) -> str:
        """Wait until no other thread of this process has the terminal.

        :returns: why it has not come to that
        """
        passes = self.settings.second_prompt == 'pass'
        end = waiting.monotonic() + seconds if seconds else float('inf')
        while not turn.stopped:
            here = _here()
            first = here[0] if here else turn
            if first is turn or first.is_over():
                if first is turn:
                    return ''
                first.leave()
                continue
            if signals.in_handler() and first.must_wait_for(turn):
                first.stop(_URGENT)
                first.leave()
                continue
            if passes:
                return 'another request is at a prompt'
            if waiting.monotonic() > end:
                return f'another request was at a prompt for {seconds:g} s'
            green = greenlets.nap()
            if not green and first.owner.thread == turn.owner.thread:
                # It would wait for itself.
                return _BUSY
        return turn.stopped


_ENDED = 'the debugger is being detached'
_URGENT = 'a signal has asked for a prompt in the same thread'
_BUSY = 'this thread is at a prompt already'


class _Turn:
    """The terminal of this process, as one thread wants it or has it."""

    def __init__(self, into: bool) -> None:
        self.into = into
        self.pid = os.getpid()
        self.owner = greenlets.Owner()
        self.line: _remote_pdb_line.Line | None = None
        self.prompt: Any = None
        # Why it has to go, if it has.
        self.stopped = ''

    def again(self, frame: types.FrameType) -> str:
        """Stop anew in a thread that is being stepped.

        :returns: why not, if its prompt is not there, or open at this moment
        """
        if self.prompt is None or self.prompt.talking:
            return _BUSY
        self.prompt.begin(frame)
        return ''

    def was_thrown(self, exc: BaseException) -> bool:
        """Tell whether an exception is the service's and not ours."""
        return self.line is not None and self.line.thrown is exc

    def is_over(self) -> bool:
        """Tell whether its thread, or its client, has silently gone."""
        if self.owner.is_dead():
            return True
        prompt, line = self.prompt, self.line
        if prompt is None or prompt.talking or line is None:
            return False
        return line.is_gone()

    def must_wait_for(self, other: _Turn) -> bool:
        """Tell whether it has no prompt, and gets none before the other.

        Its green thread does not run before the signal handler is done.
        """
        same = self.owner.thread == other.owner.thread
        return same and self.prompt is None

    def stop(self, why: str = _ENDED, tell: bool = False) -> None:
        """End it, from any thread: whoever has it goes on.

        :param why: what is logged of its breakpoint
        :param tell: whether the terminal is told, too
        """
        self.stopped = why
        if self.line is not None:
            self.line.hang_up(f'\r\n{why}\r\n' if tell else '')
        if self.prompt is not None and not self.prompt.talking:
            self.prompt.finish()

    def leave(self) -> None:
        """Let the next one have it."""
        try:
            _turns.remove(self)
        except ValueError:
            pass  # somebody was quicker
        if self.line is not None:
            self.line.hang_up()
            if self.owner.is_current() or self.owner.is_dead():
                self.line.close()
        if self.prompt is not None:
            self.prompt.finish()

    def disown(self) -> None:
        """Forget it in a forked child, and leave it to the parent."""
        self.stopped = _ENDED
        if self.line is not None:
            self.line.drop()
        if self.prompt is not None:
            self.prompt.finish()


def _here() -> list[_Turn]:
    """Return the turns of this process; forget those of its parent.

    By the process id, since nobody may have called ``after_fork``: not the
    agent, if it has another backend by now, and not a fork in C.
    """
    pid = os.getpid()
    for turn in [turn for turn in _turns if turn.pid != pid]:
        try:
            _turns.remove(turn)
        except ValueError:
            continue  # somebody was quicker
        turn.disown()
    return list(_turns)


def _mine() -> _Turn | None:
    for turn in _here():
        if turn.owner.is_current():
            return turn
    return None


def _is_logging() -> bool:
    """Tell whether this thread, or green thread, writes a line of osdbg's.

    The stack tells it of each of them, and forgets it by itself.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get('__name__') == journal.__name__:
            return True
        frame = frame.f_back
    return False


def _is_ours(frame: types.FrameType | None) -> bool:
    """Tell whether a signal has come while a prompt was about to end."""
    while frame is not None:
        name = frame.f_globals.get('__name__') or ''
        if name.startswith('osdbg.backends.'):
            return True
        frame = frame.f_back
    return False


def _caller() -> types.FrameType:
    """Return the frame that has called osdbg."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_globals.get('__name__') or ''
        if name.partition('.')[0] != 'osdbg':
            break
        frame = frame.f_back
    return frame


def _pass(where: str, why: str) -> None:
    """Say that a breakpoint was passed, and why; not again at once."""
    now = waiting.monotonic()
    if now < _quiet_until.get((where, why), now):
        return
    if len(_quiet_until) >= _MAX_QUIET:
        _quiet_until.clear()
    _quiet_until[where, why] = now + _QUIET_SECONDS
    journal.write(
        logging.WARNING, 'osdbg: breakpoint at %s passed: %s', where, why
    )

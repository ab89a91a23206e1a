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

"""pdb without what would hurt a service."""

from __future__ import annotations

import codeop
import pdb  # noqa: T100
import sys
from typing import Any

import remote_pdb  # type: ignore[import-untyped]

from osdbg.backends._remote_pdb_terminal import Console
from osdbg.backends._remote_pdb_terminal import Terminal

_CONTINUE = '...   '
# Nobody wants to step into it.
_SKIPPED = ('osdbg', 'osdbg.*')
_NO_RESTART = (
    'a service cannot be restarted from here: c(ontinue) lets it go on, '
    'q(uit) detaches from it'
)


class Guest(remote_pdb.RemotePdb):  # type: ignore[misc]
    """pdb without what would hurt a service."""

    def __init__(self, terminal: Terminal) -> None:
        # Not RemotePdb's own, which listens for a client.
        self._quiet = True
        self.backup: list[Any] = []
        self.steps_into = False
        self.handle = self.terminal = terminal
        options: dict[str, Any] = {}
        if sys.version_info >= (3, 14):
            # The other one would trace all green threads of this thread.
            options['backend'] = 'settrace'
        pdb.Pdb.__init__(
            self,
            completekey='tab',
            stdin=terminal,
            stdout=terminal,
            skip=_SKIPPED,
            nosigint=True,
            # Whoever can write to the directory a service runs in, or to its
            # home, is not therefore allowed to run commands in it.
            readrc=False,
            **options,
        )

    def user_call(self, frame: Any, argument_list: Any) -> None:
        # Where nobody has typed "step", a stop is at a line and not at a def.
        if not self.steps_into:
            super().user_call(frame, argument_list)

    def _cmdloop(self) -> None:
        # Ctrl-C in a service is not for the debugger: it ends the service.
        self.cmdloop()

    def onecmd(self, line: str) -> Any:
        if line == 'EOF' and self.terminal.ended:
            # In the middle of "commands", pdb would ask for ever.
            self.commands_defining = False
            self.cmdqueue: list[str] = []
            return self.do_EOF('')
        return super().onecmd(line)

    def default(self, line: str) -> None:
        if sys.version_info < (3, 13):
            whole = self._read_on(line)
            if whole is None:
                return
            line = whole
        super().default(line)

    def _read_on(self, line: str) -> str | None:
        """Read the lines that complete a statement, as pdb does since 3.13.

        :returns: all of them; None if they were given up
        """
        buffer = line[1:].strip() if line[:1] == '!' else line
        try:
            if codeop.compile_command(f'{buffer}\n', '<stdin>', 'single'):
                return buffer
            while not codeop.compile_command(buffer, '<stdin>', 'single'):
                self.stdout.write(_CONTINUE)
                more = self.stdin.readline()
                if not more:
                    self.lastcmd = ''
                    self.stdout.write('\n')
                    return None
                more = more.rstrip('\r\n')
                buffer += '\n' + ('' if more.isspace() else more)
        except (OverflowError, SyntaxError, ValueError):
            return buffer  # pdb says what is wrong with it
        self.lastcmd = buffer
        return buffer

    def do_run(self, arg: str) -> None:
        """Run (restart): not possible in a service."""
        self.error(_NO_RESTART)

    do_restart = do_run

    def do_clear(self, arg: str) -> Any:
        """Clear breakpoints."""
        saved = sys.stdin, sys.stdout
        # pdb asks by input(), which is the service's otherwise.
        sys.stdin = sys.stdout = self.terminal
        try:
            return super().do_clear(arg)
        finally:
            sys.stdin, sys.stdout = saved

    do_cl = do_clear

    def do_interact(self, arg: str) -> None:
        """Interact: start an interactive interpreter with these names.

        exit() returns to pdb; Ctrl-D detaches, here as well.
        """
        frame = self.curframe
        names = {**frame.f_globals, **frame.f_locals}
        try:
            Console(names, self.terminal).interact(
                '*interactive*  (exit() returns to pdb)', ''
            )
        except SystemExit:
            pass
        self.lastcmd = ''

    def help_pdb(self) -> None:
        self.message(pdb.__doc__)

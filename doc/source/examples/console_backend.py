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

"""A debugger of your own: Python's interactive interpreter."""

import code
import sys

from osdbg.backends import Ability
from osdbg.backends import Backend


class ConsoleBackend(Backend):
    """breakpoint() opens an interactive interpreter in a terminal."""

    name = 'console'
    protocol = 'pdb'
    abilities = frozenset((Ability.LISTEN, Ability.PROMPT))

    def require(self):
        """It is part of Python."""

    def break_here(self, frame):
        frame = frame or sys._getframe(1)
        where = f'{frame.f_code.co_filename}:{frame.f_lineno}'
        with open(self.reach(where).detach(), 'r+b', buffering=0) as line:
            if b'"go"' in line.readline():
                names = {**frame.f_globals, **frame.f_locals}
                Console(line, names).interact(where)


class Console(code.InteractiveConsole):
    def __init__(self, line, names):
        super().__init__(names)
        self.line = line

    def write(self, text):
        self.line.write(text.encode())

    def raw_input(self, prompt=''):
        self.write(prompt)
        typed = self.line.readline()
        if not typed:
            raise EOFError
        return typed.decode().rstrip('\n')

    def runcode(self, what):
        sys.displayhook, saved = self.show, sys.displayhook
        try:
            super().runcode(what)
        finally:
            sys.displayhook = saved

    def show(self, value):
        if value is not None:
            self.write(f'{value!r}\n')

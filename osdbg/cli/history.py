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

"""What a user has typed, from one ``osdbg attach`` to the next."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

_LINES = 1000


def path() -> str:
    """Return where the history of this user is kept."""
    state = os.environ.get('XDG_STATE_HOME', '')
    if not os.path.isabs(state):
        state = os.path.expanduser('~/.local/state')
    return os.path.join(state, 'osdbg', 'attach_history')


@contextlib.contextmanager
def kept() -> Any:
    """Have readline, where there is a terminal, and keep what was typed.

    For nobody else to read: people type passwords.
    """
    if not sys.stdin.isatty():
        yield
        return
    try:
        import readline
    except ImportError:
        yield
        return
    file = path()
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    known = readline.get_current_history_length()
    readline.set_auto_history(True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
            os.chmod(file, 0o600)
            readline.set_history_length(_LINES)
            if hasattr(readline, 'append_history_file'):
                # Others may have been at a prompt meanwhile.
                typed = readline.get_current_history_length() - known
                readline.append_history_file(typed, file)
            else:  # where it is libedit
                readline.write_history_file(file)

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

"""``osdbg completion``: what a shell needs to complete what is typed."""

from __future__ import annotations

import argparse

from osdbg import exceptions

_SHELLS = ('bash', 'zsh', 'fish')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = (
        'Services are completed from what osdbg ps shows.\n'
        '\n'
        'examples:\n'
        '  eval "$(osdbg completion bash)"         in ~/.bashrc\n'
        '  eval "$(osdbg completion zsh)"          in ~/.zshrc\n'
        '  osdbg completion fish | source          in config.fish'
    )
    parser.add_argument('shell', choices=_SHELLS, help='which shell it is')


def run(arguments: argparse.Namespace) -> int:
    """Print it.

    :raises: OsdbgError where argcomplete is not installed
    """
    try:
        from argcomplete import shell_integration
    except ImportError as exc:
        raise exceptions.OsdbgError(
            'argcomplete is not installed here: pip install "osdbg[cli]"'
        ) from exc
    print(shell_integration.shellcode(['osdbg'], shell=arguments.shell))
    return 0

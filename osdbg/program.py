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

"""The name of the program that runs here."""

from __future__ import annotations

import sys

_given = ''


def name() -> str:
    """Name the running program as its operators do.

    :returns: ``nova-compute`` for ``/usr/bin/nova-compute``, and the package
        for ``python -m package``
    """
    if _given:
        return _given
    # An embedding program, such as uWSGI, may leave sys.argv unset.
    argv: list[str] = getattr(sys, 'argv', None) or ['']
    if argv[0] == '-m':
        return _module_name() or 'python'  # its file is not known yet
    if argv[0] == '-c':
        return 'python'
    path = argv[0].split('/')
    if len(path) > 1 and path[-1] == '__main__.py':
        return path[-2]
    last = path[-1]
    return last[:-3] if last.endswith('.py') else last or 'python'


def call(given: str) -> None:
    """Say what runs here where the command line does not, as in a server.

    :param given: what ``name`` shall return
    """
    global _given
    _given = given


def _module_name() -> str:
    """Return the module that ``python -m`` is about to run.

    Python tells only since 3.10; Linux does as well.
    """
    words: list[str] = getattr(sys, 'orig_argv', [])
    if not words:
        try:
            with open('/proc/self/cmdline') as file:
                words = file.read().split('\0')
        except OSError:
            return ''
    for flag, module in zip(words, words[1:]):
        if flag == '-m':
            return module.rpartition('.')[2]
    return ''


def is_embedded() -> bool:
    """Tell whether another program runs Python, as uWSGI and Apache do."""
    import os

    try:
        file = os.readlink('/proc/self/exe')
    except OSError:
        return False  # nobody can tell; nearly nobody does
    return not os.path.basename(file).lower().startswith(('python', 'pypy'))

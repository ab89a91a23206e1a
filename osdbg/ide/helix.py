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

"""Helix: a block of TOML in ``.helix/languages.toml``.

The tables: ``DebugAdapterConfig`` in helix-core/src/syntax/config.rs of
github.com/helix-editor/helix. Since its pull request 15018, of December 2025,
arguments may be tables; before, such a file is refused as a whole, so there
is none in it unless paths have to be mapped. It knows no ``startDebugging``.
"""

from __future__ import annotations

from collections.abc import Sequence
import json
import re
from typing import Any

from osdbg import addresses
from osdbg.ide import base
from osdbg.ide import blocks

_BLOCK = 'osdbg'
_PYTHON = re.compile(r'^\s*name\s*=\s*["\']python["\']', re.MULTILINE)
_ADAPTER = """\
[[language]]
name = "python"

[language.debugger]
name = "debugpy"
transport = "stdio"
command = "python3"
args = ["-m", "debugpy.adapter"]
"""
_TEMPLATE = """\

[[language.debugger.templates]]
name = %s
request = "attach"
completion = []
args = %s
"""


class Helix(base.Client):
    """Helix."""

    name = 'helix'
    title = 'Helix'
    place = '.helix/languages.toml'
    every_worker = False

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configurations in it."""
        rest = blocks.others(text, '#', _BLOCK)
        own = _PYTHON.search(rest)
        if own:
            line = rest.count('\n', 0, own.end()) + 1
            raise base.Broken(
                line, 'the language "python" is set up here, and may be once'
            )
        body = _ADAPTER
        for target in targets:
            arguments = self.attach_arguments(target)
            del arguments['connect']  # it is said when it is started
            body += _TEMPLATE % (_literal(target.slug()), _literal(arguments))
        return blocks.put(text, '#', _BLOCK, body)

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        target = targets[0]
        mapped = '; path mappings need a Helix newer than 25.07'
        return (
            f'in a Python file, type :debug-remote '
            f'{addresses.spell(target.host, target.port)} {target.slug()}, '
            f'once for each worker' + (mapped if target.mappings else '')
        )


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, str):
        # What JSON leaves as it is and TOML does not.
        return json.dumps(value, ensure_ascii=False).replace('\x7f', '\\u007f')
    if isinstance(value, dict):
        pairs = (f'{k} = {_literal(v)}' for k, v in value.items())
        return f'{{ {", ".join(pairs)} }}'
    return f'[{", ".join(map(_literal, value))}]'

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

"""Neovim with nvim-dap: a block of Lua in ``.nvim.lua``.

The tables: ``:help dap-configuration`` and ``:help dap-adapter`` of
github.com/mfussenegger/nvim-dap. For each ``startDebugging`` it connects to
the address of the adapter once more. The adapter is one of our own, since
people's ``dap.adapters.python`` may do nothing but launch.
"""

from __future__ import annotations

from collections.abc import Sequence
import re
from typing import Any

from osdbg.ide import base
from osdbg.ide import blocks

_UNIT = '  '
_WORD = re.compile(r'[A-Za-z_]\w*', re.ASCII)
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f]')
_BLOCK = """\
do
  local dap = require('dap')
  dap.adapters.osdbg = function(callback, config)
    local place = config.connect
    callback({ type = 'server', host = place.host, port = place.port })
  end
  dap.configurations.python = dap.configurations.python or {}
  table.insert(dap.configurations.python, %s)
end
"""


class Nvim(base.Client):
    """Neovim with nvim-dap."""

    name = 'nvim'
    title = 'Neovim (nvim-dap)'
    place = '.nvim.lua'
    root = '${workspaceFolder}'

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configurations in it."""
        for target in targets:
            configuration = {
                'name': target.name,
                'type': 'osdbg',
                'request': 'attach',
                **self.attach_arguments(target),
            }
            body = _BLOCK % _literal(configuration, _UNIT)
            text = blocks.put(text, '--', target.name, body)
        return text

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        return (
            f'set exrc in your init.lua (vim.o.exrc = true), or type '
            f':luafile {self.place}; then type :DapContinue in a Python file, '
            f'and choose "{targets[0].name}"'
        )


def _literal(value: Any, indent: str) -> str:
    """Write a value in Lua 5.1, which is what Neovim runs."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = _TO_ESCAPE.sub(lambda m: f'\\{ord(m[0]):03}', value)
        return f'"{escaped}"'
    inner = indent + _UNIT
    if isinstance(value, dict):
        parts = [f'{_key(k)} = {_literal(v, inner)}' for k, v in value.items()]
    else:
        parts = [_literal(part, inner) for part in value]
    lines = ''.join(f'{inner}{part},\n' for part in parts)
    return f'{{\n{lines}{indent}}}'


def _key(name: str) -> str:
    return name if _WORD.fullmatch(name) else f'[{_literal(name, "")}]'

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

"""VS Code, and what is built of it: ``.vscode/launch.json``.

Its attributes: ``contributes.debuggers`` in the package.json of
github.com/microsoft/vscode-python-debugger; compounds:
code.visualstudio.com/docs/debugtest/debugging-configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from osdbg.ide import base
from osdbg.ide import jsonc

_EMPTY = '{\n    "version": "0.2.0"\n}\n'


class VSCode(base.Client):
    """VS Code with the extension Python Debugger."""

    name = 'vscode'
    title = 'VS Code'
    place = '.vscode/launch.json'
    root = '${workspaceFolder}'
    can_listen = True

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configurations in it."""
        text = text if text.strip() else _EMPTY
        for target in targets:
            item = self.configuration(target)
            text = jsonc.put_item(text, 'configurations', 'name', item)
        if len(targets) > 1:
            names = [target.name for target in targets]
            compound = {
                'name': base.ALL,
                'configurations': names,
                'stopAll': True,
            }
            text = jsonc.put_item(text, 'compounds', 'name', compound)
        return text

    def configuration(self, target: base.Target) -> dict[str, Any]:
        """Return one configuration."""
        return {
            'name': target.name,
            'type': 'debugpy',
            'request': 'attach',
            **self.attach_arguments(target),
        }

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        name = targets[0].name if len(targets) == 1 else base.ALL
        return f'in Run and Debug, choose "{name}", and press F5'

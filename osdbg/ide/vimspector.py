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

"""vimspector: ``.vimspector.json``.

The file: docs/schema/vimspector.schema.json of
github.com/puremourning/vimspector. ``multi-session`` is an adapter that it
has built in: it connects to ``host`` and ``port``, and once more for each
``startDebugging``.
"""

from __future__ import annotations

from collections.abc import Sequence

from osdbg.ide import base
from osdbg.ide import jsonc


class Vimspector(base.Client):
    """Vim, or Neovim, with vimspector."""

    name = 'vimspector'
    title = 'vimspector'
    place = '.vimspector.json'
    root = '${workspaceRoot}'

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configurations in it."""
        text = text if text.strip() else '{\n}\n'
        for target in targets:
            arguments = self.attach_arguments(target)
            del arguments['connect']  # the adapter's business
            value = {
                'adapter': 'multi-session',
                'filetypes': ['python'],
                'variables': {'host': target.host, 'port': str(target.port)},
                'configuration': {
                    'request': 'attach',
                    'type': 'python',
                    **arguments,
                },
            }
            text = jsonc.put_member(text, 'configurations', target.name, value)
        return text

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        return (
            f'type :call vimspector#Launch(), and choose "{targets[0].name}"'
        )

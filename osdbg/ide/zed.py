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

"""Zed: ``.zed/debug.json``.

The outermost array: docs/src/debugger.md of github.com/zed-industries/zed;
the attributes: crates/dap_adapters/schemas/Debugpy.json there.
"""

from __future__ import annotations

from collections.abc import Sequence

from osdbg import addresses
from osdbg.ide import base
from osdbg.ide import jsonc


class Zed(base.Client):
    """Zed."""

    name = 'zed'
    title = 'Zed'
    place = '.zed/debug.json'
    root = '$ZED_WORKTREE_ROOT'
    can_listen = True

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configurations in it."""
        text = text if text.strip() else '[\n]\n'
        for target in targets:
            item = {
                'label': target.name,
                'adapter': 'Debugpy',
                'request': 'attach',
                **self.attach_arguments(target),
            }
            text = jsonc.put_item(text, '', 'label', item)
        return text

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        hint = f'press F4, and choose "{targets[0].name}"'
        away = [t for t in targets if not addresses.is_loopback(t.host)]
        if away:
            # github.com/zed-industries/zed/issues/42727
            hint += (
                f'; Zed connects to 127.0.0.1 whatever host says, so first '
                f'type ssh -L {away[0].port}:127.0.0.1:{away[0].port} '
                f'{away[0].host}'
            )
        return hint

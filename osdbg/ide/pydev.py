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

"""Eclipse PyDev, whose remote debug server osdbg connects to.

It has no file: the server is started from the menu, and takes paths as the
service sends them (pydev.org/manual_adv_remote_debugger.html). So they are
mapped in the service.
"""

from __future__ import annotations

from collections.abc import Sequence

from osdbg.ide import base
from osdbg.ide import blocks


class PyDev(base.Client):
    """Eclipse PyDev."""

    name = 'pydev'
    title = 'Eclipse PyDev'
    backends = ('pydevd',)
    place = ''
    can_listen = True

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a configuration file for the services."""
        for target in targets:
            body = (
                f'[remote_debug]\n'
                f'backend = pydevd\n'
                f'host = {target.host}\n'
                f'port = {target.port}\n'
            )
            pairs = ','.join(f'{m.local}={m.remote}' for m in target.mappings)
            body += f'path_mappings = {pairs}\n' if pairs else ''
            text = blocks.put(text, '#', target.name, body)
        return text

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        return (
            f'give that to the service with --config-file; set the port '
            f'{targets[0].port} in Preferences > PyDev > Debug, and start '
            f'PyDev > Start Debug Server'
        )

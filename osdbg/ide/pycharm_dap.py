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

"""PyCharm's *Attach to DAP*, which connects to debugpy.

There is no published file of it. Its type and the address are written as
others write them, too (odpm's ``PythonDapAttachConfiguration``); the two paths
are the fields of the form (jetbrains.com/help/pycharm/2026.1/
run-debug-configuration-attach-to-dap.html), by the names of their setters.
"""

from __future__ import annotations

from typing import Any

from osdbg import addresses
from osdbg.ide import base
from osdbg.ide import run_configurations


class PyCharmDap(run_configurations.RunConfigurations):
    """PyCharm 2025.3 and later."""

    name = 'pycharm-dap'
    title = 'PyCharm, Attach to DAP'
    kind = 'PythonDapAttachConfiguration'
    every_worker = None

    def fill(self, node: Any, target: base.Target) -> None:
        """Add what this kind of configuration consists of."""
        address = addresses.spell(target.host, target.port)
        self.options(node, [('remoteAddress', address)])
        main = target.main()
        if main is not None:
            roots = (
                ('localRoot', self.bare(main.local)),
                ('remoteRoot', main.remote.rstrip('/')),
            )
            self.options(node, roots)
        self.map_paths(node, target)

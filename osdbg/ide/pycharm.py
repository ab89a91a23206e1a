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

"""PyCharm's *Python Debug Server*, which osdbg connects to.

The options are those of files that PyCharm has written, and people have
published (github.com/QuantConnect/lean-cli, .../nlsfi/qgis-plugin-tools).
"""

from __future__ import annotations

from typing import Any

from osdbg.ide import base
from osdbg.ide import run_configurations


class PyCharm(run_configurations.RunConfigurations):
    """PyCharm Professional."""

    name = 'pycharm'
    title = 'PyCharm, Python Debug Server'
    backends = ('pydevd_pycharm',)
    kind = 'PyRemoteDebugConfigurationType'
    can_listen = True
    service_maps = True

    def fill(self, node: Any, target: base.Target) -> None:
        """Add what this kind of configuration consists of."""
        node.set('factoryName', 'Python Remote Debug')
        self.options(node, (('PORT', str(target.port)), ('HOST', target.host)))
        self.map_paths(node, target)
        suspend = ('SUSPEND_AFTER_CONNECT', 'false')
        self.options(node, (('REDIRECT_OUTPUT', 'true'), suspend))

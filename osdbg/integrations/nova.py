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

"""Nova up to 31.x (2025.1), which has a remote debugger of its own.

``nova.debugger.init()`` raises without pydevd, and with today's
pydevd-pycharm; ``enabled()`` makes nova leave threads unpatched. Both act on
the options that osdbg goes by, so osdbg takes their place.
"""

from __future__ import annotations

from typing import Any

from osdbg.integrations import base


class NovaIntegration(base.Integration):
    """Takes nova's own debugger out of the way."""

    hosts = ('nova.debugger',)

    def install(self, host: Any) -> None:
        """Make nova start as it does without a debugger."""

        def enabled() -> bool:
            return False

        def init() -> None:
            pass

        self.replace(host, 'enabled', enabled)
        self.replace(host, 'init', init)

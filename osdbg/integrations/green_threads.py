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

"""eventlet, loaded by a service that has a client already.

As under ``osdbg run --wait-for-client``, where it is there before the first
line of the service. All that is known of eventlet is in ``deaths.py``.
"""

from __future__ import annotations

from typing import Any

from osdbg import bootstrap
from osdbg import deaths
from osdbg.integrations import base


class GreenThreadIntegration(base.Integration):
    """Has green threads watched that end with an exception."""

    hosts = deaths.HOSTS

    def install(self, host: Any) -> None:
        """Say that there is more to watch; the agent undoes it itself."""
        agent = bootstrap.current_agent()
        if agent is not None:
            agent.post_mortem.renew()

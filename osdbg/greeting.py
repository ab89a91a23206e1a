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

"""What an agent tells the gateway of the options of its service."""

from __future__ import annotations

from typing import Any

from osdbg import addresses
from osdbg import backends
from osdbg import settings as settings_


def wishes(settings: settings_.Settings) -> dict[str, Any]:
    """Return the options that the gateway goes by, for the hello."""
    backend = backends.find(settings.backend)
    return {
        'name': settings.name,
        'host': settings.host,
        'port': settings.port or 0,
        'tls': list(settings.tls),
        'workers': settings.workers,
        'launcher': settings.launcher,
        'eager': settings.activate == 'on_init',
        'holds': settings.wait_for_client or settings.suspend,
        'required': settings.required,
        'backend': backend.name,
        'protocol': backend.protocol,
        'direction': settings.direction or 'listen',
        'allowed': settings.allowed_ids,
        'remote': settings.allow_remote,
        'open_seconds': settings.open_seconds,
        'max_stop': settings.max_stop_seconds,
        'one_stops': settings.stop_policy == 'one_worker',
        'beats': settings.keep_heartbeats,
    }


def takes_rights(settings: settings_.Settings) -> bool:
    """Tell whether the gateway needs the rights of this user."""
    return addresses.takes_rights(
        settings.host,
        settings.port or 0,
        settings.tls,
        settings.direction == 'connect',
    )

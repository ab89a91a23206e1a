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

"""Who has the port that we want."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def find(number: int) -> str:
    """Name the process that listens on a TCP port, as far as one may know."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(None, name, number)
    return found or 'another program'


def name(number: int) -> str:
    """Name the process that listens on a TCP port; nothing if none is seen."""
    try:
        import psutil

        connections: Callable[..., list[Any]] = psutil.net_connections
        for connection in connections(kind='tcp'):
            if connection.status == psutil.CONN_LISTEN and connection.pid:
                if connection.laddr.port == number:
                    program = psutil.Process(connection.pid).name()
                    return f'{program} (process {connection.pid})'
    except Exception:  # noqa: S110
        pass  # the line about the port is worth more than the name
    return ''

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

"""Tell systemd that a stopped process is alive (``WatchdogSec``).

As ``sd_watchdog_enabled(3)`` has it, only the process that systemd counts on
is heard: a forked worker is not (``WATCHDOG_PID``, ``NotifyAccess``), nor does
a stop of it keep the main process from telling.
"""

from __future__ import annotations

import _socket
from collections.abc import Mapping
import os


def beat(environ: Mapping[str, str]) -> None:
    """Send systemd what the service would send.

    To be called about once a second while the process is stopped.

    :param environ: what systemd has told the process when it was started
    """
    address = environ.get('NOTIFY_SOCKET', '')
    if not address or not environ.get('WATCHDOG_USEC'):
        return
    if environ.get('WATCHDOG_PID', str(os.getpid())) != str(os.getpid()):
        return
    if address.startswith('@'):
        address = f'\0{address[1:]}'
    try:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    except OSError:
        return  # no descriptor is left
    try:
        sock.setblocking(False)
        sock.sendto(b'WATCHDOG=1', address)
    except OSError:
        pass  # systemd is busy, or gone
    finally:
        sock.close()

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

"""Who has come to debug this process: for its log, and its audit hooks."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from osdbg import journal

EVENT = 'osdbg.attach'
"""The audit event (PEP 578) before a client is let in. What a hook is given:
uid, user, pid, program and address of the client. One that raises refuses."""

# It has to fit in a message to the gateway.
_MAX_REASON = 1000
_ARGUMENTS = ('uid', 'user', 'pid', 'program', 'address')
_PLAIN = re.compile(r'[\w./:@+\[\]-]+', re.ASCII)


def ask(client: dict[str, Any]) -> str:
    """Ask the audit hooks of this process whether a client may attach.

    :param client: what is known of it
    :returns: why not, or nothing
    """
    try:
        sys.audit(EVENT, *(client.get(name) for name in _ARGUMENTS))
    except BaseException as exc:  # whatever it raises, it means no
        return f'an audit hook of the service refuses: {exc!r}'[:_MAX_REASON]
    return ''


def write(level: int, event: str, facts: dict[str, Any]) -> None:
    """Write what has happened into the service's log, in one line.

    :param level: one of the levels of ``logging``
    :param event: what: attach, detach, refused, opened, closed, ...
    :param facts: by name; what is not known is left out
    """
    told = ' '.join(
        f'{name}={_spell(value)}'
        for name, value in facts.items()
        if value not in (None, '')
    )
    journal.write(level, '%s', f'osdbg audit: event={event} {told}')


def _spell(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)

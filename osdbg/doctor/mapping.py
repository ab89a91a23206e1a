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

"""Where a path of this machine leads to in a service."""

from __future__ import annotations

import json
import os

from osdbg.doctor.case import Patient
from osdbg.inspection import process as inspection

Mappings = list[tuple[str, str]]
"""Directories here, and there."""


def known(patient: Patient) -> Mappings | None:
    """Return what the debugger was told; None if nobody could tell it yet."""
    wishes = (patient.process or {}).get('wishes') or {}
    if 'pathMappings' in wishes:
        return [(str(a), str(b)) for a, b in wishes['pathMappings']]
    text = patient.told.get('options', {}).get('path_mappings')
    if text:
        pairs = (each.partition('=') for each in text.split(','))
        return [(local, remote) for local, _, remote in pairs]
    return None


def translate(local: str, mappings: Mappings, cwd: str) -> str:
    """Return what pydevd makes of a path (``pydevd_file_utils.py``).

    Prefixes that end in a slash come first; then it takes them as they are
    written, and ``/x/nova`` for a part of ``/x/novaclient``.

    :param cwd: what a remote directory called ``.`` means
    """
    pairs = [(here, there) for here, there in mappings if here and there]
    slashed = [
        (here.rstrip('/') + '/', there.rstrip('/') + '/')
        for here, there in pairs
    ]
    bare = [
        (here.rstrip('/'), there.rstrip('/'))
        for here, there in pairs
        if not (here.endswith('/') and there.endswith('/'))
    ]
    for here, there in slashed + bare:
        if local.startswith(here):
            if there.startswith('.'):
                there = cwd + there[1:]
            return there + local[len(here) :]
    return local


def needed(local: str, file: str) -> str:
    """Return the mapping that leads from one path to the other."""
    here, there = local.split('/'), file.split('/')
    end = ''
    while len(here) > 2 and len(there) > 2 and here[-1] == there[-1]:
        here.pop()
        there.pop()
        end = '/'
    pair = {
        'localRoot': '/'.join(here) + end,
        'remoteRoot': '/'.join(there) + end,
    }
    return f'"pathMappings": [{json.dumps(pair)}]'


def is_same(patient: Patient, local: str, file: str) -> bool:
    """Tell whether a path of the service is one of ours, which may be linked.

    pydevd resolves symbolic links itself.
    """
    if local == file:
        return True
    ours = inspection.namespaces('self').get('mnt')
    shared = patient.told.get('namespaces', {}).get('mnt') == ours
    return shared and os.path.realpath(local) == os.path.realpath(file)

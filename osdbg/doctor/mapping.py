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


def translate(local: str, mappings: Mappings) -> str:
    """Return what a debugger makes of a path: the first match counts."""
    for each in mappings:
        here, there = (path.rstrip('/') for path in each)
        if local == here or local.startswith(f'{here}/'):
            return there + local[len(here) :]
    return local


def needed(local: str, file: str) -> str:
    """Return the mapping that leads from one path to the other."""
    here, there = local.split('/'), file.split('/')
    while len(here) > 2 and len(there) > 2 and here[-1] == there[-1]:
        here.pop()
        there.pop()
    pair = {'localRoot': '/'.join(here), 'remoteRoot': '/'.join(there)}
    return f'"pathMappings": [{json.dumps(pair)}]'


def is_same(local: str, file: str) -> bool:
    """Tell whether two paths are of one file, which may be linked."""
    return os.path.realpath(local) == os.path.realpath(file)

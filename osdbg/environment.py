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

"""The environment in which a Python starts osdbg by itself.

``_site/sitecustomize.py`` reads it, and cannot import this: osdbg may not be
importable there before it has.
"""

from __future__ import annotations

import os

FOLLOW_EXEC = 'OSDBG_FOLLOW_EXEC'
"""Set while the programs that a service starts are debugged, too."""

INJECT = 'OSDBG_INJECT'
"""Says where osdbg is brought along from, if it is not installed there."""

SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '_site')
"""The directory whose sitecustomize starts osdbg."""


def python_path(before: str | None) -> str:
    """Put our directory before a PYTHONPATH.

    :param before: what it was, if anything
    """
    return os.pathsep.join([SITE, before] if before else [SITE])

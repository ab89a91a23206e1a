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

"""What a client asks for when it attaches, as others are told of it."""

from __future__ import annotations

from typing import Any

# A client may send a megabyte of them.
_MAX_MAPPINGS = 50
_MAX_PATH = 500


def wishes(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what decides where a debugger stops.

    :param arguments: of the request ``attach``
    """
    mappings = arguments.get('pathMappings')
    if not isinstance(mappings, list):
        mappings = []
    return {
        'justMyCode': arguments.get('justMyCode') is not False,
        'pathMappings': [
            [str(each.get(name))[:_MAX_PATH] for name in _ROOTS]
            for each in mappings[:_MAX_MAPPINGS]
            if isinstance(each, dict)
        ],
    }


_ROOTS = ('localRoot', 'remoteRoot')

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

"""Where the client has the files of the service."""

from __future__ import annotations

from collections.abc import Iterable
import importlib
from typing import Any

from osdbg import values


def map_paths(pairs: Iterable[tuple[str, str]]) -> None:
    """Have pydevd take the one path for the other.

    :param pairs: local and remote, as in ``[remote_debug] path_mappings``;
        none ends it
    """
    files: Any = importlib.import_module('pydevd_file_utils')
    files.setup_client_server_paths(
        [(values.closed(here), values.closed(there)) for here, there in pairs]
    )

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

"""The clients that there are."""

from __future__ import annotations

from osdbg.ide import base
from osdbg.ide import emacs
from osdbg.ide import helix
from osdbg.ide import nvim
from osdbg.ide import pycharm
from osdbg.ide import pycharm_dap
from osdbg.ide import pydev
from osdbg.ide import vimspector
from osdbg.ide import vscode
from osdbg.ide import zed

CLIENTS: dict[str, type[base.Client]] = {
    client.name: client
    for client in (
        vscode.VSCode,
        pycharm_dap.PyCharmDap,
        pycharm.PyCharm,
        pydev.PyDev,
        nvim.Nvim,
        vimspector.Vimspector,
        emacs.Emacs,
        zed.Zed,
        helix.Helix,
    )
}
"""Each by its name, in the order in which they are shown."""

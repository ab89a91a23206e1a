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

"""``python -m doc.recordings [NAME ...]``."""

from __future__ import annotations

import sys

from doc import recordings
from doc.recordings import scenes

for name in sys.argv[1:] or scenes.SCENES:
    path = recordings.PICTURES / f'{name}.svg'
    path.write_text(scenes.take(name))
    print(f'{path}: {path.stat().st_size / 1000:.0f} kB')

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

"""What went by between clients and services, for tests that fail."""

import time


class Transcript:
    """The messages of all connections, in the order they went by."""

    def __init__(self, limit=400):
        self._lines = []
        self._limit = limit
        self._start = time.monotonic()

    def note(self, connection, direction, text):
        elapsed = time.monotonic() - self._start
        self._lines.append(f'{elapsed:8.3f} [{connection}] {direction} {text}')

    def __str__(self):
        return '\n'.join(line[:600] for line in self._lines[-self._limit :])

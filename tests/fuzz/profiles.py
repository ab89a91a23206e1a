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

"""How long and how hypothesis looks.

As a rule the same inputs each time, so that a change is not failed for what it
has not done. ``OSDBG_FUZZ=nightly`` looks for new ones, for longer; for what
it finds it prints ``@reproduce_failure``, and the smallest input becomes an
``@example``, or a file in ``seeds``, which are always played.
"""

import os
import pathlib

import hypothesis

SEEDS = pathlib.Path(__file__).with_name('seeds')
_SLOW = [hypothesis.HealthCheck.too_slow]

hypothesis.settings.register_profile(
    'ci',
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=_SLOW,
)
hypothesis.settings.register_profile(
    'nightly',
    database=None,
    deadline=None,
    max_examples=20_000,
    print_blob=True,
    suppress_health_check=_SLOW,
)
hypothesis.settings.load_profile(os.environ.get('OSDBG_FUZZ', 'ci'))

# A real gateway takes milliseconds for each, and not microseconds.
for_processes = hypothesis.settings(
    max_examples=hypothesis.settings().max_examples // 3
)
# What parses a file takes less than what parses a session.
for_text = hypothesis.settings(
    max_examples=hypothesis.settings().max_examples * 2
)


def seeds(kind):
    """Return the inputs that were kept, of dap or control, by their name."""
    found = {path.name: path.read_bytes() for path in (SEEDS / kind).iterdir()}
    assert found, f'no {kind} seeds in {SEEDS}'
    return found
